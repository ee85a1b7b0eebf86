"use strict";

/* The layers of the net on the screen: maps on a canvas, and the output as a
   table with bars. In both a reader points at a number or walks to it with
   the keyboard. Whoever shows them gives functions that hear of a place =
   {layer, map, row, column}: `point`, where the pointer or the focus is;
   `move`, where a key leads; `press`, which number is chosen. */

{
  const { ARROWS, button, element, fixed, words } = live;
  const LOGIT = 15; // At the ends of the logits' bars
  const within = (number, end) => Math.min(end - 1, Math.max(0, number));

  /* How maps can stand: so many in a row; the side of a number, at least and
     at most, and the gap between maps, all in pixels */
  const LAYOUTS = {
    input: { columns: [1], least: 3, most: 4, gap: 0 },
    C1: { columns: [6, 3, 2], least: 3, most: 4, gap: 6 },
    S2: { columns: [6, 3], least: 4, most: 6, gap: 6 },
    C3: { columns: [16, 8, 4], least: 4, most: 6, gap: 6 },
    S4: { columns: [16, 8, 4], least: 6, most: 8, gap: 6 },
    C5: { columns: [60, 40, 30, 24, 20], least: 8, most: 12, gap: 1 },
    F6: { columns: [42, 28, 21], least: 8, most: 12, gap: 1 },
  };

  /* Where a key leads from a place, if the maps stand in so many columns. */
  function target({ key, shiftKey }, place, { maps, side }, columns) {
    const toMap = (map) => ({ ...place, map: within(map, maps) });
    const toCell = (row, column) => ({
      ...place,
      row: within(row, side),
      column: within(column, side),
    });
    const { map, row, column } = place;
    if (key === "PageUp") return toMap(map - 1);
    if (key === "PageDown") return toMap(map + 1);
    if (key === "Home") return side > 1 ? toCell(row, 0) : toMap(0);
    if (key === "End") return side > 1 ? toCell(row, side) : toMap(maps);
    if (!ARROWS[key]) return undefined;
    const [down, right] = ARROWS[key];
    if (side > 1 && !shiftKey) return toCell(row + down, column + right);
    const next = map + down * (side > 1 ? 1 : columns) + right;
    return next === within(next, maps) ? toMap(next) : place;
  }

  /* `keys` is the id of what is said about the keyboard. */
  function layerView(layer, which, { keys, point, move, press }) {
    const { name, maps, side } = layer, { least, most, gap } = LAYOUTS[name];
    const title = maps === 1
      ? words`Input: 28×28`
      : side > 1
      ? words`${name}: ${maps} maps of ${side}×${side}`
      : words`${name}: ${maps} numbers`;
    const small = element("canvas"); // A pixel per number
    const frames = element("div"), caption = element("figcaption");
    let columns = 1, scale = least;
    let here = { layer: which, map: 0, row: side >> 1, column: side >> 1 };

    const pitch = () => side * scale + gap;
    const left = (map) => map % columns * pitch();
    const top = (map) => Math.floor(map / columns) * pitch();

    /* Let `hear` know of the number under the pointer. Gaps have none. */
    function at({ offsetX, offsetY }, hear) {
      const across = Math.floor(offsetX / pitch());
      const map = Math.floor(offsetY / pitch()) * columns + across;
      const column = Math.floor((offsetX - left(map)) / scale);
      const row = Math.floor((offsetY - top(map)) / scale);
      const inside = Math.min(row, column) >= 0 &&
        Math.max(row, column) < side && across < columns && map < maps;
      if (inside) hear({ layer: which, map, row, column });
    }

    const canvas = element("canvas", {
      tabindex: 0,
      role: "application",
      "aria-label": title,
      "aria-describedby": keys,
      click: (event) => at(event, press),
      focus: () => canvas.matches(":focus-visible") && point(here),
      // A finger on its way down the page points at nothing
      pointermove: (event) => event.pointerType !== "touch" && at(event, point),
      keydown(event) {
        if (event.ctrlKey || event.altKey || event.metaKey) return;
        const place = target(event, here, layer, columns);
        if (place) move(place);
        else if (event.key === "Enter") press(here);
        else return;
        event.preventDefault();
      },
    });

    return {
      root: element(
        "figure",
        { class: "live-layer" },
        caption,
        element("div", { class: "live-maps" }, canvas, frames),
      ),
      focus: () => canvas.focus(),

      /* Let the maps stand in so many pixels. */
      fit(width) {
        const room = (n) => (width - (n - 1) * gap) / (n * side);
        const fitting = LAYOUTS[name].columns;
        columns = fitting.find((n) => room(n) >= least) ?? fitting.at(-1);
        scale = within(Math.floor(room(columns)), most + 1) || 1;
        canvas.width = columns * pitch() - gap;
        canvas.height = Math.ceil(maps / columns) * pitch() - gap;
      },

      draw(values, scaling) {
        const [low, high] = [Math.min(...values), Math.max(...values)]
          .map((value) => fixed(value, 4));
        caption.textContent = words`${title}, ${low} to ${high}`;
        live.drawMap(small, values, maps * side, side, ...scaling);
        const context = canvas.getContext("2d"), size = side * scale;
        context.imageSmoothingEnabled = false;
        for (let map = 0; map < maps; map++) {
          const from = [0, map * side, side, side];
          context.drawImage(small, ...from, left(map), top(map), size, size);
        }
      },

      /* Frame squares of numbers. `chosen`: they are the explained number. */
      frame(squares, chosen) {
        if (chosen) [here] = squares;
        frames.replaceChildren(...squares.map(({ map, row, column, size }) => {
          const made = element("span", { class: "live-mark" });
          Object.assign(made.style, {
            left: `${left(map) + column * scale}px`,
            top: `${top(map) + row * scale}px`,
            width: `${size * scale}px`,
            height: `${size * scale}px`,
          });
          return made;
        }));
      },
    };
  }

  /* A bar with a number that follows it. */
  function bar(from, to, digits) {
    const stripe = element("span", { class: "live-bar" }), text = element("b");
    return {
      root: element("td", {}, element("div", {}, stripe, text)),
      show(value) {
        const ends = [0, Math.min(to, Math.max(from, value))]
          .map((end) => 100 * (end - from) / (to - from));
        stripe.style.setProperty("--live-from", `${Math.min(...ends)}%`);
        stripe.style.setProperty("--live-to", `${Math.max(...ends)}%`);
        text.textContent = fixed(value, digits);
      },
    };
  }

  /* The ten logits and probabilities. */
  function outputView(which, { point, move, press }) {
    let here = 0;
    const placeOf = (map) => ({ layer: which, map, row: 0, column: 0 });

    function keydown(event) {
      const next = { ArrowUp: here - 1, ArrowDown: here + 1, Home: 0, End: 9 };
      if (!(event.key in next)) return;
      event.preventDefault();
      const to = within(next[event.key], rows.length);
      rows[to].chooser.focus();
      move(placeOf(to));
    }

    const rows = live.data.classes.map((_, i) => {
      const chooser = button(live.className(i), () => press(placeOf(i)), {
        class: "live-link",
        focus: () => chooser.matches(":focus-visible") && point(placeOf(i)),
        keydown,
      });
      const logit = bar(-LOGIT, LOGIT, 2), probability = bar(0, 1, 2);
      const root = element(
        "tr",
        { pointermove: () => point(placeOf(i)) },
        element("th", { scope: "row" }, chooser),
        logit.root,
        probability.root,
      );
      return { root, chooser, logit, probability };
    });

    return {
      root: element(
        "table",
        { class: "live-output" },
        element(
          "caption",
          {},
          words`Bars of logits run from −${LOGIT} to ${LOGIT}, of
            probabilities from 0 to 1.`,
        ),
        element(
          "tr",
          {},
          [words`class`, words`logit`, words`probability`].map((text) =>
            element("th", { scope: "col" }, text)
          ),
        ),
        rows.map(({ root }) => root),
      ),

      draw({ logits, probabilities, answer }) {
        rows.forEach(({ root, logit, probability }, i) => {
          logit.show(logits[i]);
          probability.show(probabilities[i]);
          root.classList.toggle("live-answer-row", i === answer);
        });
      },

      /* Mark the row that is explained; `undefined` if none is. */
      frame(chosen) {
        here = chosen ?? here;
        rows.forEach(({ root, chooser }, i) => {
          chooser.tabIndex = i === here ? 0 : -1;
          root.classList.toggle("live-chosen", i === chosen);
        });
      },
    };
  }

  Object.assign(live, { layerView, outputView });
}
