"use strict";

/* The small tools that all live parts of the book share: words in the page's
   language, elements, controls, numbers as text, and the one line that screen
   readers are told. */

globalThis.live = { parts: {}, data: {} };

{
  /* The tag of each text that a reader sees or hears: words`row ${row}`. With
     {} for each value the text is a key of `live.data.words`, which says it
     in the language of the page; its {} are the values in their order, or {0}
     and {1} by position. What isn't there stays in English. Where a text goes
     to the next line, it has a space. */
  function words(...all) {
    return pieces(...all).join("");
  }

  /* The same as a list, for a text with elements among its values. */
  function pieces(parts, ...values) {
    const key = parts.join("{}").replace(/\s+/g, " ");
    const text = live.data.words?.[key] ?? key;
    let next = 0;
    return text.split(/\{(\d*)\}/).map((piece, i) =>
      i % 2 ? values[piece || next++] : piece
    );
  }

  const JOINTS = {
    " ": (a, b) => words`${a} ${b}`,
    ", ": (a, b) => words`${a}, ${b}`,
    "; ": (a, b) => words`${a}; ${b}`,
  };

  /* Texts one behind the other, `between` them what English has there. Those
     that are empty are left out. */
  function join(texts, between) {
    const joint = JOINTS[between];
    return texts.filter(Boolean).reduce((a, b) => a ? joint(a, b) : b, "");
  }

  /* What the arrow keys mean: so far down, so far to the right. */
  const ARROWS = {
    ArrowUp: [-1, 0],
    ArrowDown: [1, 0],
    ArrowLeft: [0, -1],
    ArrowRight: [0, 1],
  };

  /* An element. An attribute whose value is a function listens to the event
     of its name; true stands for an attribute without a value; false and
     undefined leave it out. */
  function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (typeof value === "function") made.addEventListener(name, value);
      else if (value === true) made.setAttribute(name, "");
      else if (value !== false && value !== undefined) {
        made.setAttribute(name, value);
      }
    }
    made.append(...children.flat());
    return made;
  }

  /* An element of a drawing; undefined leaves an attribute out. */
  function svg(tag, attributes, ...children) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== undefined) made.setAttribute(name, value);
    }
    made.append(...children);
    return made;
  }

  let names = 0;

  /* A name for `id` that no other element of the page has. */
  function newId() {
    names += 1;
    return `live-${names}`;
  }

  function button(text, press, attributes = {}) {
    return element(
      "button",
      { type: "button", class: "live-button", click: press, ...attributes },
      text,
    );
  }

  function labelled(text, control, ...rest) {
    control.id ||= newId();
    return element(
      "div",
      { class: "live-control" },
      element("label", { for: control.id }, text),
      control,
      ...rest,
    );
  }

  /* A slider with its value beside it. `change` hears each new value;
     `root` is what to put into the page, `value` can be read and set. */
  function slider({ label, min, max, step, value, format = String, change }) {
    // Screen readers have it from the slider itself
    const shown = { class: "live-value", "aria-hidden": "true" };
    const output = element("span", shown);
    const input = element("input", { type: "range", min, max, step });
    const show = () => {
      output.textContent = format(Number(input.value));
      input.setAttribute("aria-valuetext", output.textContent);
    };
    input.value = value;
    input.addEventListener("input", () => {
      show();
      change(Number(input.value));
    });
    show();
    return {
      root: labelled(label, input, output),
      input,
      get value() {
        return Number(input.value);
      },
      set value(to) {
        input.value = to;
        show();
      },
    };
  }

  /* A list to choose from, `options` being pairs of a value and its text. */
  function choice({ label, options, value, change }) {
    const select = element(
      "select",
      { change: () => change(select.value) },
      options.map(([name, text]) => element("option", { value: name }, text)),
    );
    select.value = value;
    return {
      root: labelled(label, select),
      input: select,
      get value() {
        return select.value;
      },
      set value(to) {
        select.value = to;
      },
    };
  }

  /* What is wrong with the number in a field, or nothing. The browser says
     this, too, but in a language of its own. */
  function fault({ validity, value, min, max, step }) {
    if (validity.badInput) return words`Please enter a number.`;
    if (validity.valueMissing) return words`Please fill out this field.`;
    if (validity.rangeUnderflow) {
      return words`Value must be greater than or equal to ${min}.`;
    }
    if (validity.rangeOverflow) {
      return words`Value must be less than or equal to ${max}.`;
    }
    if (!validity.stepMismatch) return "";
    const [below, above] = [Math.floor, Math.ceil].map((round) =>
      Number((round(value / step) * step).toPrecision(12))
    );
    return words`Please enter a valid value. The two nearest valid values are
      ${below} and ${above}.`;
  }

  /* A field for a number. What is no number, or outside min and max, is
     told beside the field, and `change` does not hear it. */
  function numberField({ label, min, max, step = "any", value, change }) {
    const wrong = element("span", { class: "live-wrong", id: newId() });
    const input = element("input", {
      type: "number",
      min,
      max,
      step,
      "aria-describedby": wrong.id,
      input: () => {
        judge();
        if (input.validity.valid) change(Number(input.value));
        else announce(words`${label}: ${wrong.textContent}`);
      },
      required: true,
    });
    const judge = () => {
      wrong.textContent = fault(input);
      input.setAttribute("aria-invalid", String(!input.validity.valid));
    };
    input.value = value;
    return {
      root: labelled(label, input, wrong),
      input,
      get value() {
        return Number(input.value);
      },
      set value(to) {
        input.value = to;
        judge();
      },
    };
  }

  /* A table; of `headings` and of each row the first entry names the row. */
  function table(headings, rows, caption) {
    const cells = (row) =>
      row.map((cell, i) =>
        element(i ? "td" : "th", i ? {} : { scope: "row" }, String(cell))
      );
    return element(
      "table",
      { class: "live-table" },
      caption ? element("caption", {}, caption) : [],
      element(
        "thead",
        {},
        element(
          "tr",
          {},
          headings.map((text) => element("th", { scope: "col" }, text)),
        ),
      ),
      element(
        "tbody",
        {},
        rows.map((row) => element("tr", {}, cells(row))),
      ),
    );
  }

  /* A number with so many decimals and a true minus sign. */
  function fixed(value, digits) {
    const text = value.toFixed(digits);
    return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "−");
  }

  /* A whole number, as 60,000. */
  function thousands(number) {
    return number.toLocaleString("en-US");
  }

  const spoken = element("p", {
    class: "live-spoken",
    "aria-live": "polite",
    id: "live-spoken",
  });
  const waiting = new Map();
  let soon;

  /* Tell screen readers, once nothing new has come for half a second: the
     last text of each kind. */
  function announce(text, kind = "news") {
    waiting.set(kind, text);
    clearTimeout(soon);
    soon = setTimeout(() => {
      spoken.textContent = join([...waiting.values()], "; ");
      waiting.clear();
    }, 500);
  }

  const still = matchMedia("(prefers-reduced-motion: reduce)");

  /* Fill each element of the page that asks for a part of ours. The text in
     it, for readers without scripts, makes room. */
  function start() {
    const places = [...document.querySelectorAll("[data-live]")];
    if (places.length) {
      (document.querySelector("main") ?? document.body).append(spoken);
    }
    for (const place of places) {
      const part = live.parts[place.dataset.live];
      if (!part) continue;
      place.replaceChildren();
      place.classList.add("live");
      part(place);
    }
  }

  document.addEventListener("DOMContentLoaded", start);
  Object.assign(live, {
    ARROWS,
    announce,
    button,
    choice,
    element,
    fault,
    fixed,
    join,
    labelled,
    newId,
    numberField,
    pieces,
    slider,
    svg,
    table,
    thousands,
    words,
    reducedMotion: () => still.matches,
  });
}
