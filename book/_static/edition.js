"use strict";

/* The link to the other edition leads to the section that is being read. */
document.addEventListener("click", (event) => {
  const link = event.target.closest("a.edition");
  if (!link) return;
  const sections = [...document.querySelectorAll("article section[id]")];
  const read = sections.filter((section) =>
    section.getBoundingClientRect().top < innerHeight / 3
  );
  link.search = location.search;
  // The first section is the whole page
  link.hash = read.length > 1 ? read.at(-1).id : location.hash;
}, true);
