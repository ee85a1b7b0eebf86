"use strict";

/* Looking into the net: an image, all numbers that the net makes of it, and
   where any of them comes from. */

{
  const { button, element, fixed, pieces, thousands, words } = live;
  const RELU = 5; // What is white in a net of ReLUs
  const KEYS =
    words`Tab leads from layer to layer. The arrows move within a map,
    Page Up and Page Down change the map, Home and End go to the ends of a row.
    Enter keeps a value, Escape lets it go.`;

  /* The fixed scale of all layers behind the input, by activation: what
     drawMap needs, and the same in words */
  const SCALES = {
    sigmoid: [[0, 1, "grey"], words`black is 0 and white is 1`],
    tanh: [[-1, 1, "signed"], words`blue is −1, white is 0, and red is 1`],
    relu: [[0, RELU, "grey"], words`black is 0, and white is ${RELU} or more`],
  };

  const POOLINGS = { mean: words`mean pooling`, max: words`max pooling` };

  /* Checkboxes for the maps of a convolution. `off` holds what is off. */
  function switches({ name, maps }, off, change) {
    const note = element("p", { class: "live-note" });
    const boxes = Array.from({ length: maps }, (_, map) =>
      element("input", {
        type: "checkbox",
        change({ target }) {
          off[target.checked ? "delete" : "add"](`${name} ${map}`);
          change();
        },
      }));
    const allOn = button(words`All on`, () => {
      off.clear();
      change();
    });

    /* What is off, and how good the book's net is without it */
    function effect(isPublished) {
      const { off: without, all } = live.data.measured;
      if (off.size > 1) return words`${off.size} maps are off.`;
      const [key] = off, withAll = fixed(all, 3);
      if (!key) {
        return isPublished
          ? words`With all maps, the net gets ${withAll} of the 10,000 test
              images right.`
          : words`All are on.`;
      }
      const [layer, map] = key.split(" ");
      const one = words`map ${Number(map) + 1} of ${layer}`;
      return isPublished
        ? words`Without ${one}, the net gets ${fixed(without[key], 3)} of the
            10,000 test images right; with all, ${withAll}.`
        : words`All but ${one} are on.`;
    }

    return {
      root: element(
        "fieldset",
        { class: "live-switches" },
        element("legend", {}, words`Maps of ${name} that are on`),
        boxes.map((box, map) => element("label", {}, box, String(map + 1))),
        allOn,
        note,
      ),
      tell(isPublished) {
        boxes.forEach((box, map) => box.checked = !off.has(`${name} ${map}`));
        note.textContent = effect(isPublished);
      },
    };
  }

  /* What a number is made of, as squares in the layer before: the windows,
     or the numbers that count most. */
  function sources(kind, terms) {
    const size = { convolution: 5, pooling: 2, linear: 1 }[kind];
    const first = size === 1
      ? live.largest(terms)
      : terms.filter((_, i) => i % size ** 2 === 0);
    return first.map((term) => ({ ...term, size }));
  }

  /* Compare the logits of the stored images with PyTorch's. */
  function check(net) {
    const { list } = live.data.images;
    let largest = 0, numbers = 0;
    live.storedImages().forEach((pixels, i) => {
      const { logits } = list[i], ours = net.forward(pixels).logits;
      numbers += logits.length;
      for (const [k, logit] of logits.entries()) {
        const difference = Math.abs(ours[k] - logit);
        // Not Math.max: what is no number has to be seen as well
        if (!(difference <= largest)) largest = difference;
      }
    });
    const most = largest.toExponential(1);
    return words`${list.length} images checked: of ${numbers} logits, the
      largest difference from PyTorch's is ${most}.`;
  }

  /* The lowest and the highest number of each map. */
  function rangeTable({ layers }) {
    const row = (name, numbers) => [
      name,
      fixed(Math.min(...numbers), 4),
      fixed(Math.max(...numbers), 4),
    ];
    const rows = layers.flatMap(({ name, maps, side, values }) => {
      if (maps === 1 || side === 1) return [row(live.layerName(name), values)];
      const area = side ** 2;
      return Array.from({ length: maps }, (_, map) =>
        row(
          live.mapName(name, map),
          values.subarray(map * area, (map + 1) * area),
        ));
    });
    return live.table(["", words`lowest`, words`highest`], rows);
  }

  live.parts.look = (root) => {
    const published = LeNet.published();
    const off = new Set();
    let net = published, pixels, seen, stale, waiting, heard;
    let place = { layer: 1, map: 0, row: 13, column: 13 }, pinned = false;

    /* Events may come faster than the screen: paint once per frame. */
    function repaint() {
      if (waiting || !pixels) return;
      waiting = true;
      requestAnimationFrame(() => {
        waiting = false;
        paint();
      });
    }

    function change() {
      stale = true;
      repaint();
    }

    function select(to, pin = pinned) {
      place = to;
      pinned = pin;
      repaint();
    }

    const same = (other) =>
      Object.keys(place).every((key) => place[key] === other[key]);
    const keys = live.newId();
    const hears = {
      keys,
      point: (to) => pinned || same(to) || select(to),
      press: (to) => select(to, !(pinned && same(to))),
      move(to) {
        heard = true;
        select(to);
      },
    };
    const views = LeNet.LAYERS.slice(0, -1)
      .map((layer, i) => live.layerView(layer, i, hears));
    const output = live.outputView(views.length, hears);
    const switched = LeNet.LAYERS.map((layer) =>
      layer.kind === "convolution" ? [switches(layer, off, change)] : []
    );
    const panel = live.explanation({
      go({ layer, map, row, column }) {
        select({ layer, map, row, column }, true);
        views[layer].focus();
      },
      pin: () => select(place, !pinned),
    });

    const answers = [0, 1].map(() => element("p", { class: "live-answer" }));
    const named = element("p"), checked = element("span");
    const back = button(words`Show the book's net`, () => showNet(null));
    const checking = button(words`Compare with PyTorch`, () => {
      checked.textContent = check(published);
      live.announce(checked.textContent);
    });
    const ranges = element("div", { class: "live-scroll" });
    const range = element(
      "details",
      { toggle: tellRanges },
      element("summary", {}, words`The range of each map`),
      ranges,
    );

    function tellRanges() {
      if (range.open && seen) ranges.replaceChildren(rangeTable(seen));
    }

    /* The reader's own net, or null for the published one */
    function showNet(own) {
      net = own ?? published;
      const [, scale] = SCALES[net.activation];
      const activation = live.activationName(net);
      const pooling = POOLINGS[net.pooling];
      named.textContent = own
        ? words`Your net (${activation}, ${pooling}) sees this image. In its
            layers, ${scale}.`
        : words`The book's net (${activation}, ${pooling}) sees this image. In
            its layers, ${scale}.`;
      back.hidden = !own;
      checking.disabled = Boolean(own);
      checked.textContent = own ? words`Only the book's net is compared.` : "";
      change();
    }

    function recompute() {
      const first = !seen;
      seen = net.forward(pixels, off);
      const [scale] = SCALES[net.activation];
      seen.layers.slice(0, -1).forEach(({ kind, values }, i) =>
        views[i].draw(values, kind ? scale : [0, 1])
      );
      output.draw(seen);
      for (const { tell } of switched.flat()) tell(net === published);
      tellRanges();
      const item = live.className(seen.answer);
      const probability = fixed(seen.probabilities[seen.answer], 2);
      const answer = net === published
        ? words`Answer: ${item}, ${probability}`
        : words`Your net's answer: ${item}, ${probability}`;
      for (const line of answers) line.textContent = answer;
      if (!first) live.announce(answer, "answer");
    }

    function paint() {
      if (stale) recompute();
      stale = false;
      const { kind, from: before } = seen.layers[place.layer];
      const { layer, map, row, column } = place;
      const from = kind && net.explain(seen, layer, map, row, column);
      const value = panel.show({ net, seen, place, off, pinned, from });
      if (heard) live.announce(value);
      heard = false;
      views.forEach((view, i) => {
        if (i === layer) view.frame([{ ...place, size: 1 }], true);
        else view.frame(i === before ? sources(kind, from.terms) : []);
      });
      output.frame(layer === views.length ? map : undefined);
    }

    const input = live.imageInput({
      change(chosen) {
        pixels = chosen;
        change();
      },
    });
    const layers = element(
      "div",
      {},
      views.flatMap((view, i) => [view, ...switched[i]]).map((v) => v.root),
      range,
    );
    const beside = (kind, ...parts) =>
      element("div", { class: `live-beside ${kind}` }, ...parts);
    const digest = element("code", {}, live.data.weightsSha256);
    const columns = (...parts) =>
      element("div", { class: "live-columns" }, ...parts);

    root.classList.add("live-look");
    root.addEventListener("keydown", ({ key }) => {
      if (key === "Escape") select(place, false);
    });
    root.append(
      columns(input.root, beside("live-top", answers[0], output.root)),
      element("div", { class: "live-row live-net" }, named, back),
      element(
        "p",
        {},
        words`Point at a number, or tap it, to see where it comes from. Click
          to keep it. Maps, rows and columns are counted from 1.`,
      ),
      element(
        "details",
        {},
        element("summary", {}, words`With the keyboard`),
        element("p", { id: keys }, KEYS),
      ),
      columns(layers, beside("", answers[1], panel.root)),
      element(
        "details",
        {},
        element("summary", {}, words`Is this the net of the book?`),
        element(
          "p",
          {},
          pieces`Its ${thousands(LeNet.WEIGHTS)} weights come from the file
            weights.safetensors with the SHA-256 ${digest}. PyTorch has
            computed the logits of the stored images from that file. Let this
            page do the same:`,
        ),
        element("div", { class: "live-row" }, checking, checked),
      ),
    );

    let width;
    new ResizeObserver(() => {
      if (width === layers.clientWidth) return;
      width = layers.clientWidth;
      for (const { fit } of views) fit(width);
      change();
    }).observe(layers);
    document.addEventListener("live-net", ({ detail }) => showNet(detail));
    pixels = input.pixels;
    showNet(null);
  };
}
