"use strict";

/* A window of 5×5 weights that the reader slides over the boot, to see how
   pixels and weights make a number, and the numbers a feature map. */

{
  const { fixed, pieces, words } = live;
  const SIZE = 28, WINDOW = 5, STOPS = SIZE - WINDOW + 1;
  // Pixels have so many decimals, and weights at most so many: then the
  // numbers that are shown add up, to the last digit
  const PIXEL = 3, WEIGHT = 2;
  const PER_SECOND = 40; // Stops of a window that slides by itself

  const each = (make) => Array.from({ length: WINDOW ** 2 }, (_, i) => make(i));
  const PRESETS = [
    [words`left to right`, (i) => [-1, -1, 0, 1, 1][i % WINDOW]],
    [words`top to bottom`, (i) => [-1, -1, 0, 1, 1][Math.floor(i / WINDOW)]],
    [words`random`, () => Math.round(20 * Math.random() - 10) / 10],
    [words`all 0`, () => 0],
  ];
  // Row and column of the chapter's three stops
  const MARKED = { "1": [8, 13], "2": [15, 19], "3": [10, 23] };

  const decimals = (number) => String(number).split(".")[1]?.length ?? 0;

  /* The numbers under the window whose upper left pixel is given, times the
     weights. */
  function products(pixels, weights, row, column) {
    return weights.map((weight, i) => {
      const down = row + Math.floor(i / WINDOW), right = column + i % WINDOW;
      return pixels[down * SIZE + right] * weight;
    });
  }

  const total = (numbers) => numbers.reduce((sum, number) => sum + number, 0);

  /* The sum of the products at each stop, row by row. */
  function correlate(pixels, weights) {
    return Float64Array.from(
      { length: STOPS ** 2 },
      (_, i) =>
        total(products(pixels, weights, Math.floor(i / STOPS), i % STOPS)),
    );
  }

  /* The colour of a cell with a number in it, pale enough for the number. */
  function tint(value, limit, colour) {
    const strength = 0.5 * Math.min(1, Math.abs(value) / limit || 0);
    return `rgb(${
      colour ?? (value > 0 ? "195 59 0" : "0 114 178")
    } / ${strength})`;
  }

  /* A table of 5×5 cells, each filled with `make(i)`. */
  function grid(title, make) {
    const cells = each((i) => live.element("td", {}, make(i)));
    const rows = each((i) => i).filter((i) => i % WINDOW === 0);
    return {
      cells,
      root: live.element(
        "table",
        { class: "live-grid5" },
        live.element("caption", {}, title),
        live.element(
          "tbody",
          {},
          rows.map((i) => live.element("tr", {}, cells.slice(i, i + WINDOW))),
        ),
      ),
    };
  }

  /* A picture with a frame over some of its places. `point` hears the place
     under a mouse or a finger. */
  function stage(title, places, framed, point, attributes = {}) {
    const canvas = live.element("canvas", {
      width: places,
      height: places,
      "aria-hidden": "true",
    });
    const frame = live.element("div", { class: "live-frame5" });
    frame.style.width = frame.style.height = `${100 * framed / places}%`;
    const hear = (event) => {
      if (event.type === "pointermove" && !event.buttons) return;
      const box = canvas.getBoundingClientRect();
      point(
        Math.floor((event.clientY - box.top) / box.height * places),
        Math.floor((event.clientX - box.left) / box.width * places),
      );
    };
    const area = live.element(
      "div",
      {
        class: "live-stage",
        pointerdown: (event) => {
          area.setPointerCapture(event.pointerId);
          hear(event);
        },
        pointermove: hear,
        ...attributes,
      },
      canvas,
      frame,
    );
    return {
      canvas,
      root: live.element(
        "figure",
        {},
        area,
        live.element("figcaption", {}, title),
      ),
      move(row, column) {
        frame.style.top = `${100 * row / places}%`;
        frame.style.left = `${100 * column / places}%`;
      },
    };
  }

  live.parts.window = (root) => {
    const pixels = Array.from(
      live.bytes(live.data.boot),
      (byte) => Math.round(byte / 255 * 10 ** PIXEL) / 10 ** PIXEL,
    );
    const seen = new Uint8Array(STOPS ** 2);
    let weights = each(PRESETS[0][1]);
    let map = correlate(pixels, weights);
    let [row, column] = MARKED[1];
    let sliding = false;

    const image = stage(
      words`image`,
      SIZE,
      WINDOW,
      (down, right) => go(down - 2, right - 2),
      {
        tabindex: 0,
        role: "application",
        "aria-label": words`The window on the image. Arrow keys move it.`,
        keydown: (event) => {
          const way = live.ARROWS[event.key];
          if (!way || event.altKey || event.ctrlKey || event.metaKey) return;
          event.preventDefault();
          go(row + way[0], column + way[1]);
        },
      },
    );
    const feature = stage(words`feature map`, STOPS, 1, go);
    const under = grid(words`pixels`, () => "");
    const results = grid(words`products`, () => "");
    const wrong = live.element("p", { class: "live-wrong", id: live.newId() });
    const fields = each((i) =>
      live.element("input", {
        type: "number",
        min: -9,
        max: 9,
        step: 10 ** -WEIGHT,
        required: true,
        "aria-describedby": wrong.id,
        "aria-label": words`Weight, row ${Math.floor(i / WINDOW)}, column
          ${i % WINDOW}`,
        input: () => change(i),
      })
    );
    const filter = grid(words`weights`, (i) => fields[i]);
    const rows = live.element("p", { class: "live-numbers" });
    const place = live.element("p", { class: "live-numbers" });
    const scale = live.element("p", { class: "live-small" });

    /* One of the fields has a new text. */
    function change(i) {
      const field = fields[i];
      const good = field.validity.valid;
      field.setAttribute("aria-invalid", String(!good));
      wrong.textContent = good
        ? ""
        : words`${live.fault(field)} The window goes on with ${weights[i]}.`;
      if (good) {
        weights[i] = Number(field.value);
        weigh();
      } else live.announce(wrong.textContent);
    }

    function weigh() {
      map = correlate(pixels, weights);
      drawFeatures();
      show();
    }

    function drawFeatures() {
      const limit = Math.max(
        total(weights.filter((weight) => weight > 0)),
        -total(weights.filter((weight) => weight < 0)),
      );
      live.drawMap(
        feature.canvas,
        map,
        STOPS,
        STOPS,
        -limit || -1,
        limit || 1,
        "signed",
      );
      const context = feature.canvas.getContext("2d");
      for (let i = 0; i < seen.length; i++) {
        if (!seen[i]) context.clearRect(i % STOPS, Math.floor(i / STOPS), 1, 1);
      }
      const most = Number(limit.toFixed(WEIGHT));
      scale.textContent = limit
        ? words`Red: positive, blue: negative, at full strength at ±${most},
            the most that these weights can give. Dotted: where the window
            hasn't been yet.`
        : "";
    }

    /* All that depends on where the window stands. */
    function show() {
      const digits = PIXEL + Math.max(...weights.map(decimals));
      const parts = products(pixels, weights, row, column);
      const most = Math.max(...weights.map(Math.abs));
      const write = (number) => fixed(number, digits);
      for (const [i, cell] of under.cells.entries()) {
        const down = row + Math.floor(i / WINDOW), right = column + i % WINDOW;
        const pixel = pixels[down * SIZE + right];
        cell.textContent = fixed(pixel, PIXEL);
        cell.style.background = tint(pixel, 1, "128 128 128");
        filter.cells[i].style.background = tint(weights[i], most);
        results.cells[i].textContent = write(parts[i]);
        results.cells[i].style.background = tint(parts[i], most);
      }
      const sums = each((i) => i)
        .filter((i) => i % WINDOW === 0)
        .map((i) => write(total(parts.slice(i, i + WINDOW))));
      const inBrackets = sums.map((sum, i) =>
        i && sum.startsWith("−") ? `(${sum})` : sum
      );
      const sum = write(total(parts));
      const inAll = inBrackets.join(" + ");
      const bold = live.element("strong", {}, sum);
      rows.replaceChildren(
        ...pieces`The products, row by row: ${inAll} = ${bold}`,
      );
      place.textContent = words`The sum ${sum} fills row ${row}, column
        ${column} of the feature map, counted from 0.`;
      image.move(row, column);
      feature.move(row, column);
      return words`Row ${row}, column ${column}: sum ${sum}`;
    }

    /* Move the window, as far as it fits on the image. */
    function move(toRow, toColumn) {
      const fit = (to) => Math.min(STOPS - 1, Math.max(0, to));
      row = fit(toRow);
      column = fit(toColumn);
      const stop = row * STOPS + column;
      if (!seen[stop]) {
        seen[stop] = 1;
        drawFeatures();
      }
      return show();
    }

    /* The same by hand: it ends what goes by itself. */
    function go(toRow, toColumn) {
      halt();
      live.announce(move(toRow, toColumn));
    }

    const slide = live.button(words`Slide by itself`, () => {
      if (sliding) return halt();
      sliding = true;
      slide.textContent = words`Pause`;
      let stop = row * STOPS + column;
      if (stop === STOPS ** 2 - 1) stop = -1;
      const first = stop, start = performance.now();
      requestAnimationFrame(function next(now) {
        if (!sliding) return;
        const due = first + Math.ceil((now - start) / 1000 * PER_SECOND);
        while (stop < Math.min(due, STOPS ** 2 - 1)) {
          stop += 1;
          move(Math.floor(stop / STOPS), stop % STOPS);
        }
        if (stop === STOPS ** 2 - 1) {
          halt();
          live.announce(words`The window has reached the last stop.`);
        } else requestAnimationFrame(next);
      });
    });

    function halt() {
      sliding = false;
      slide.textContent = words`Slide by itself`;
    }

    function fill(whether) {
      halt();
      seen.fill(whether);
      move(row, column);
      drawFeatures();
      live.announce(
        whether
          ? words`The feature map is whole.`
          : words`The feature map is empty.`,
      );
    }

    function use(preset) {
      weights = each(preset);
      fields.forEach((field, i) => {
        field.value = weights[i];
        field.removeAttribute("aria-invalid");
      });
      wrong.textContent = "";
      weigh();
    }

    live.drawMap(image.canvas, pixels, SIZE, SIZE, 1, 0);
    root.append(
      live.element("div", { class: "live-stages" }, image.root, feature.root),
      place,
      live.element(
        "div",
        { class: "live-row" },
        live.reducedMotion() ? [] : slide,
        live.button(words`Fill the map`, () => fill(1)),
        live.button(words`Empty it`, () => fill(0)),
      ),
      live.element(
        "div",
        { class: "live-row" },
        words`The stops marked above:`,
        Object.entries(MARKED).map(([name, stop]) =>
          live.button(name, () => go(...stop), {
            "aria-label": words`stop ${name}`,
          })
        ),
      ),
      scale,
      live.element(
        "div",
        { class: "live-sums" },
        under.root,
        live.element("span", {}, "×"),
        filter.root,
        live.element("span", {}, "="),
        results.root,
      ),
      wrong,
      rows,
      live.element(
        "div",
        { class: "live-row", role: "group", "aria-label": words`Weights` },
        words`Weights:`,
        PRESETS.map(([name, preset]) =>
          live.button(name, () => {
            use(preset);
            live.announce(words`Weights: ${name}. ${show()}`);
          })
        ),
      ),
    );
    use(PRESETS[0][1]);
    move(row, column);
  };
}
