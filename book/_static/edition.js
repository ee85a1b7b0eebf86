"use strict";

/* The link to the other edition leads to the place where the reader is. */
document.addEventListener("click", (event) => {
  const link = event.target.closest("a.edition");
  if (link) {
    link.search = location.search;
    link.hash = location.hash;
  }
}, true);
