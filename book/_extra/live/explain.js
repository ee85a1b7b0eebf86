"use strict";

/* The panel that explains one value of the net: where it stands, and all
   numbers that it is made of. Whoever adds up what the panel shows gets the
   sum that it shows, to the last decimal. */

{
  const { button, element, fixed, words } = live;
  const DIGITS = 4, UNITS = 10 ** DIGITS, SIDE = 5, LARGEST = 8;
  const ROUNDING = words`All numbers have ${DIGITS} decimals; summands are
    rounded up or down so that they add up.`;
  const LAYERS = { input: words`input`, output: words`output` };

  const shown = (value) => fixed(value, DIGITS);
  const rounded = (value) => Math.round(value * UNITS) / UNITS;
  const total = (numbers) => numbers.reduce((a, b) => a + b, 0);
  const products = (terms) => terms.map(({ product }) => product);
  const text = (...texts) => element("p", {}, ...texts);
  const row = (cells, kind = "") => element("tr", { class: kind }, cells);

  /* Round `numbers` so that they add up to `sum`, a rounded number. If
     rounding each to the nearest misses it, those that are nearest to the
     middle are rounded the other way. What is 0 stays 0. */
  function addingUp(numbers, sum) {
    const exact = numbers.map((number) => number * UNITS);
    const whole = exact.map(Math.round);
    const missing = Math.round(sum * UNITS) - total(whole);
    const step = Math.sign(missing);
    const gain = (i) => step * (exact[i] - whole[i]);
    [...whole.keys()]
      .filter((i) => exact[i] !== 0)
      .sort((i, j) => gain(j) - gain(i))
      .slice(0, Math.abs(missing))
      .forEach((i) => whole[i] += step);
    return whole.map((number) => number / UNITS);
  }

  /* The terms that count most in a sum. */
  function largest(terms) {
    const size = ({ product }) => Math.abs(product);
    return [...terms].sort((a, b) => size(b) - size(a)).slice(0, LARGEST);
  }

  /* The name of a layer, as a reader sees it. */
  const layerName = (name) => LAYERS[name] ?? name;

  const mapName = (layer, map) => words`${layerName(layer)}, map ${map + 1}`;

  /* Where a value stands, in words. People count from 1. */
  function position({ name, maps, side }, { map, row, column }) {
    const layer = layerName(name);
    if (name === "output") return words`${layer}, ${live.className(map)}`;
    if (side === 1) return words`${layer}, number ${map + 1}`;
    return maps > 1
      ? words`${layer}, map ${map + 1}, row ${row + 1}, column ${column + 1}`
      : words`${layer}, row ${row + 1}, column ${column + 1}`;
  }

  /* The lines of a sum: what a number is, its text, and a class. */
  function lines(...rows) {
    return element(
      "table",
      { class: "live-lines" },
      rows.map(([name, number, kind]) =>
        row([
          element("th", { scope: "row" }, ...[name].flat()),
          element("td", {}, number),
        ], kind)
      ),
    );
  }

  /* The numbers of a window, each above its weight and their product, and
     tinted by it: orange pulls the sum up, blue pulls it down. */
  function windowTable(terms, rounded) {
    const rows = [0, 1, 2, 3, 4];
    const name = (scope, key, line) => {
      const outside = line.every((i) => terms[i].outside);
      const number = outside ? "–" : String(terms[line[0]][key] + 1);
      return element("th", { scope }, number);
    };
    const cell = (i) => {
      const { value, weight, outside } = terms[i];
      const made = element(
        "td",
        { class: outside ? "live-outside" : "" },
        [shown(value), `× ${shown(weight)}`, shown(rounded[i])]
          .map((line) => element("span", {}, line)),
      );
      const share = 30 * Math.min(1, Math.abs(rounded[i]));
      const colour = `var(--live-${rounded[i] < 0 ? 1 : 2}) ${share}%`;
      made.style.background = `color-mix(in srgb, ${colour}, transparent)`;
      return made;
    };
    const down = (i) => rows.map((k) => SIDE * k + i);
    const across = (i) => rows.map((k) => SIDE * i + k);
    return element(
      "table",
      { class: "live-window-table" },
      row([
        element("td"),
        ...rows.map((i) => name("col", "column", down(i))),
      ]),
      rows.map((i) =>
        row([name("row", "row", across(i)), ...across(i).map(cell)])
      ),
    );
  }

  /* What follows the products: bias, sum, activation. */
  function ending({ net, layer, from, dark }) {
    const { bias, sum, result } = from;
    const first = [words`bias`, shown(bias)];
    if (layer.name === "output") {
      return [first, [words`sum: the logit`, shown(sum), "live-result"]];
    }
    const activation = live.activationName(net);
    const rows = [
      first,
      [words`sum`, shown(sum), "live-total"],
      [words`${activation} of the sum`, shown(result), "live-result"],
    ];
    const off = [words`switched off`, shown(0), "live-result"];
    return dark ? [...rows, off] : rows;
  }

  /* `open` is the window whose products are shown; `choose` hears another. */
  function convolution(state, _, open, choose) {
    const { before, from } = state, area = SIDE ** 2;
    const windows = [];
    for (let i = 0; i < from.terms.length; i += area) {
      windows.push(from.terms.slice(i, i + area));
    }
    const sums = addingUp(
      windows.map((terms) => total(products(terms))),
      rounded(from.sum) - rounded(from.bias),
    );
    const shownOne = windows[open] ? open : 0;
    const terms = windows[shownOne];
    const name = (i) => mapName(before.name, i);
    const where = windows.length > 1 ? name(shownOne) : words`the input`;
    return [
      text(
        terms.some(({ outside }) => outside)
          ? words`The window in ${where}: number × weight, product. Outside of
              the image, all is 0.`
          : words`The window in ${where}: number × weight, product.`,
      ),
      windowTable(terms, addingUp(products(terms), sums[shownOne])),
      lines(
        ...sums.map((sum, i) => [
          windows.length === 1
            ? words`the 25 products`
            : button(words`25 products, ${name(i)}`, () => choose(i), {
              class: "live-link",
              "data-key": i,
              "aria-pressed": String(i === shownOne),
            }),
          shown(sum),
        ]),
        ...ending(state),
      ),
    ];
  }

  function linear(state, link) {
    const { seen, layer, before, from, place } = state;
    const large = largest(from.terms);
    const others = from.terms.filter((term) => !large.includes(term));
    const numbers = addingUp(
      [...products(large), total(products(others))],
      rounded(from.sum) - rounded(from.bias),
    );
    const factors = ({ value, weight }) =>
      element("small", {}, `${shown(value)} × ${shown(weight)}`);
    const softmax = () => {
      const item = live.className(place.map);
      const probability = shown(seen.probabilities[place.map]);
      return words`The softmax of the ten logits gives ${item} the probability
        ${probability}.`;
    };
    return [
      text(
        words`Each number of ${before.name} times its weight. The ${LARGEST}
          largest products:`,
      ),
      lines(
        ...large.map((term, i) => [
          [link(term, i), factors(term)],
          shown(numbers[i]),
        ]),
        [
          words`the other ${others.length} products`,
          shown(numbers[LARGEST]),
        ],
        ...ending(state),
      ),
      layer.name === "output" ? text(softmax()) : "",
    ];
  }

  function pooling({ net, before, from }, link) {
    const values = from.terms.map(({ value }) => value);
    const sum = rounded(total(values));
    const mean = net.pooling === "mean";
    const numbers = mean ? addingUp(values, sum) : values;
    const result = shown(from.result);
    return [
      text(words`Four numbers of ${before.name} become one.`),
      lines(
        ...from.terms.map((term, i) => [link(term, i), shown(numbers[i])]),
        ...mean
          ? [
            [words`sum`, shown(sum), "live-total"],
            [words`mean: a quarter of the sum`, result, "live-result"],
          ]
          : [[words`the greatest`, result, "live-result"]],
      ),
    ];
  }

  const KINDS = { convolution, linear, pooling };

  /* `go` hears the place of a number that the reader wants explained, `pin`
     the button that keeps a value. */
  function explanation({ go, pin }) {
    let open = 0;
    const title = element("span"), value = element("strong");
    const pinned = button(words`Pin`, pin);
    const body = element("div");
    const root = element(
      "section",
      {
        class: "live-explanation",
        "aria-label": words`The value`,
        tabindex: 0,
      },
      element("div", { class: "live-title" }, title, value, pinned),
      body,
    );

    /* Show `place` = {layer, map, row, column} in what `net` has `seen`;
       `from` is its explanation, `off` has the maps that are off. Returns the
       same in one short sentence, to be heard. */
    function show(state) {
      const { seen, place, off, from } = state;
      const layer = seen.layers[place.layer], before = seen.layers[layer.from];
      const area = layer.side ** 2;
      const map = layer.values.subarray(area * place.map).subarray(0, area);
      const [low, high] = [Math.min(...map), Math.max(...map)].map(shown);
      title.textContent = position(layer, place);
      value.textContent = shown(map[place.row * layer.side + place.column]);
      pinned.setAttribute("aria-pressed", String(state.pinned));

      const link = (term, key) =>
        button(
          position(before, term),
          () => go({ ...term, layer: layer.from }),
          { class: "live-link", "data-key": key },
        );
      const choose = (window) => {
        open = window;
        show(state);
      };
      const dark = off.has(`${layer.name} ${place.map}`);
      const focused = root.contains(document.activeElement) &&
        document.activeElement.dataset.key;
      body.replaceChildren(
        area > 1
          ? element("small", {}, words`This map: ${low} to ${high}`)
          : "",
        ...from
          ? [
            ...KINDS[layer.kind](
              { ...state, layer, before, dark },
              link,
              open,
              choose,
            ),
            element("small", {}, ROUNDING),
          ]
          : [text(words`A pixel of the image: 0 is black, 1 is white.`)],
      );
      body.querySelector(`[data-key="${focused}"]`)?.focus();
      const [where, what] = [title.textContent, value.textContent];
      return from && layer.kind !== "pooling"
        ? words`${where}: ${what}, from the sum ${shown(from.sum)}`
        : words`${where}: ${what}`;
    }

    return { root, show };
  }

  Object.assign(live, {
    explanation,
    largest,
    layerName,
    mapName,
    activationName: ({ activation }) =>
      activation === "relu" ? "ReLU" : activation,
  });
}
