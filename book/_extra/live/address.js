"use strict";

/* The settings of a training in the page's address, behind the #, so that a
   link leads to the same training: #seed=0&rate=0.9&activation=sigmoid */

{
  /* What the address says. `readers` has a function per name, which gives
     the value of a text, or undefined if the text makes no sense. Gives the
     `values`, and a list of what was `ignored`. The address of a heading, as
     #summary, says nothing. */
  function readAddress(readers) {
    const values = {}, ignored = [];
    const text = location.hash.slice(1);
    if (!text.includes("=")) return { values, ignored };
    for (const [name, said] of new URLSearchParams(text)) {
      const known = Object.hasOwn(readers, name);
      const value = known ? readers[name](said) : undefined;
      if (value === undefined) ignored.push(`${name}=${said}`.slice(0, 40));
      else values[name] = value;
    }
    return { values, ignored };
  }

  let waiting;

  /* Write them, once nothing has changed for a while: browsers refuse more
     than a few changes a second. The way back isn't filled with them. */
  function writeAddress(values) {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      history.replaceState(null, "", `#${new URLSearchParams(values)}`);
    }, 300);
  }

  Object.assign(live, { readAddress, writeAddress });
}
