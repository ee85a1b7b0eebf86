"use strict";

/* The settings of a training in the page's address, behind the #, so that a
   link leads to the same training: #seed=0&rate=0.9&activation=sigmoid */

{
  /* Pairs of a name and a text. The address of a heading, as #summary, has
     none. */
  function readAddress() {
    const text = location.hash.slice(1);
    return text.includes("=") ? [...new URLSearchParams(text)] : [];
  }

  let waiting;

  /* Write settings, once nothing has changed for a while: browsers refuse
     more than a few changes a second. The way back isn't filled with them. */
  function writeAddress(values) {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      history.replaceState(null, "", `#${new URLSearchParams(values)}`);
    }, 300);
  }

  Object.assign(live, { readAddress, writeAddress });
}
