"use strict";

/* Line charts as SVG: lines that grow, over bands of earlier runs. Each line
   is named where it ends, and a table behind the chart has its numbers.

     const chart = live.chart({
       label: "What the chart shows",     for those who don't see it
       xLabel: "step", yLabel: "loss",
       x: [0, 2350], y: [0, 2.5],         ends of the axes
       log: false,                        true: y by powers of ten
       height: 320,                       in pixels; the width is the page's
       bands: [{ name, colour, x: [], low: [], high: [], middle: [] }],
       rules: [{ y, text }],              level lines with their texts
       marks: [{ x, text }],              upright lines, texts on top,
       marksLabel: "epoch",               and what those count
       name: 8,                           room right of the axis, in letters
     });
     place.append(chart.root);
     const line = chart.line("train loss", {
       colour: 1,       1 to 6 as --live-1 … in live.css, 6 is grey
       label: "loss",   what stands at the line's end, if not the name
       dash: "6 4",     as in SVG, so that colour isn't the only difference
       dots: true,      a dot per point
       often: true,     many points: the table has only some of them
     });
     line.add(x, y); line.set([[x, y], …]); line.clear();
     line.points;
     chart.limits({ x: [0, 100], y: [0, 1] });

   A `middle` of a band may be missing. A point whose y is not finite, or not
   positive on a log scale, is a gap. All is drawn once per frame, however
   many points have come. */

{
  const { svg: draw, words } = live;
  const MANY = 100; // Rows of the table from lines that have points often
  const LINE = 17, LETTER = 7.4; // Height of a text and width of a letter

  /* Round numbers from `low` to `high`, about `count` of them. */
  function ticks(low, high, count) {
    const rough = (high - low) / Math.max(1, count);
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = power * [1, 2, 5, 10].find((n) => n * power >= rough * 0.999);
    const first = Math.ceil(low / step - 1e-9), found = [];
    for (let i = first; i * step <= high + step * 1e-9; i++) {
      found.push(Number((i * step).toPrecision(12)));
    }
    return found;
  }

  function powersOfTen(low, high, count) {
    const from = Math.ceil(Math.log10(low) - 1e-9);
    const to = Math.floor(Math.log10(high) + 1e-9);
    const step = Math.ceil((to - from + 1) / count);
    const found = [];
    for (let i = from; i <= to; i += step) found.push(10 ** i);
    return found;
  }

  const plain = new Intl.NumberFormat("en-US", { maximumFractionDigits: 6 });

  function number(value) {
    return plain.format(value).replace("-", "−");
  }

  function power(value) {
    const digits = String(Math.round(Math.log10(value)));
    return "10" +
      digits.replace(/./g, (c) => "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"["0123456789-".indexOf(c)]);
  }

  function shown(value) {
    if (value === undefined || !Number.isFinite(value)) return "";
    return number(Number(value.toPrecision(4)));
  }

  /* Move texts apart that would lie on each other, and back into the chart. */
  function spread(names, top, bottom) {
    names.sort((a, b) => a.y - b.y);
    let least = top;
    for (const name of names) {
      name.y = Math.max(name.y, least);
      least = name.y + LINE;
    }
    let most = bottom;
    for (const name of names.toReversed()) {
      name.y = Math.min(name.y, most);
      most = name.y - LINE;
    }
  }

  /* A table, made by `make` while it is unfolded, at most once a second. */
  function folded(label, make) {
    const rows = scrolling(label);
    let waiting;
    const fill = () => {
      waiting = undefined;
      rows.replaceChildren(make());
    };
    const refresh = () => {
      if (root.open) waiting ??= setTimeout(fill, 1000);
    };
    const root = live.element(
      "details",
      { toggle: () => root.open && fill() },
      live.element("summary", {}, words`These numbers as a table`),
      rows,
    );
    return { root, refresh };
  }

  /* A place for what may be wider than the screen; the keyboard scrolls it. */
  function scrolling(label) {
    return live.element("div", {
      class: "live-scroll",
      tabindex: 0,
      role: "region",
      "aria-label": label,
    });
  }

  function chart(options) {
    const {
      label,
      xLabel,
      yLabel,
      log = false,
      height = 320,
      bands = [],
      rules = [],
      marks = [],
      marksLabel,
      name: letters = 10,
    } = options;
    let { x: xEnds, y: yEnds } = options;
    const lines = [];
    const clip = live.newId();
    const svg = draw("svg", { role: "img", "aria-label": label, height });
    const behind = folded(words`Numbers: ${label}`, numbers);
    const root = live.element("div", { class: "live-chart" }, svg, behind.root);
    const good = (y) => Number.isFinite(y) && (!log || y > 0);

    function paint() {
      waiting = false;
      const width = root.clientWidth;
      if (!width) return;
      const left = 52, right = width - letters * LETTER - 8;
      const top = marks.length ? 2 * LINE + 8 : 12, bottom = height - 44;
      const scale = log ? Math.log10 : (value) => value;
      const [low, high] = yEnds.map(scale);
      const X = (x) =>
        left + (right - left) * (x - xEnds[0]) / (xEnds[1] - xEnds[0]);
      const Y = (y) =>
        bottom - (bottom - top) * (scale(y) - low) / (high - low);
      const write = (x, y, text, anchor, more) =>
        draw("text", { x, y, "text-anchor": anchor, ...more }, text);
      const inside = (x) => x >= xEnds[0] && x <= xEnds[1];
      const path = (xs, ys) => {
        let d = "", pen = "M";
        for (let i = 0; i < xs.length; i++) {
          if (good(ys[i])) {
            d += `${pen}${X(xs[i]).toFixed(1)} ${Y(ys[i]).toFixed(1)}`;
          }
          pen = good(ys[i]) ? "L" : "M";
        }
        return d;
      };

      const frame = draw("g", { class: "live-frame" });
      const inner = draw("g", { "clip-path": `url(#${clip})` });
      const count = Math.max(2, (bottom - top) / (log ? 30 : 50));
      const levels = log
        ? powersOfTen(...yEnds, count)
        : ticks(...yEnds, count);
      for (const y of levels) {
        frame.append(
          draw("path", { d: `M${left} ${Y(y)}H${right}`, class: "live-grid" }),
          write(left - 6, Y(y) + 5, log ? power(y) : number(y), "end"),
        );
      }
      for (const x of ticks(...xEnds, (right - left) / 70)) {
        frame.append(
          draw("path", { d: `M${X(x)} ${bottom}v5` }),
          write(X(x), bottom + 20, number(x), "middle"),
        );
      }
      frame.append(
        draw("path", { d: `M${left} ${top}V${bottom}H${right}` }),
        write((left + right) / 2, height - 4, xLabel, "middle"),
        write(-(top + bottom) / 2, 12, yLabel, "middle", {
          transform: "rotate(-90)",
        }),
      );
      if (marks.length) {
        frame.append(write((left + right) / 2, LINE - 4, marksLabel, "middle"));
      }
      let free = -Infinity;
      for (const { x, text } of marks) {
        if (!inside(x)) continue;
        frame.append(
          draw("path", { d: `M${X(x)} ${top}V${bottom}`, class: "live-grid" }),
        );
        const half = text.length * LETTER / 2;
        if (X(x) - half < free) continue;
        free = X(x) + half + LETTER;
        frame.append(write(X(x), top - 6, text, "middle"));
      }

      const names = [];
      const named = (text, colour, x, y) => {
        const at = Math.min(bottom, Math.max(top, Y(y)));
        names.push({ text, colour, x: X(x) + 6, y: at + 5 });
      };
      for (const { name, colour = 1, x, low, high, middle } of bands) {
        const there = path([...x, ...x.toReversed()], [
          ...low,
          ...high.toReversed(),
        ]);
        inner.append(
          draw("path", {
            d: `${there}Z`,
            class: `live-band live-ink-${colour}`,
          }),
        );
        if (middle) {
          inner.append(
            draw("path", {
              d: path(x, middle),
              class: `live-middle live-ink-${colour}`,
            }),
          );
        }
        const last = x.findLastIndex(inside);
        const covered = lines.some((line) =>
          line.colour === colour && line.points.length
        );
        if (last >= 0 && name && !covered) {
          named(name, colour, x[last], (middle ?? high)[last]);
        }
      }
      for (const { y, text } of rules) {
        inner.append(
          draw("path", { d: `M${left} ${Y(y)}H${right}`, class: "live-rule" }),
          write(right - 4, Y(y) - 5, text, "end", { class: "live-halo" }),
        );
      }
      for (const { label, colour, dash, dots, points } of lines) {
        const ink = `live-ink-${colour}`;
        inner.append(
          draw("path", {
            d: path(points.map(([x]) => x), points.map(([, y]) => y)),
            class: `live-line ${ink}`,
            "stroke-dasharray": dash,
          }),
        );
        for (const [x, y] of dots ? points : []) {
          if (!good(y)) continue;
          inner.append(
            draw("circle", {
              cx: X(x),
              cy: Y(y),
              r: 3,
              class: `live-dot ${ink}`,
            }),
          );
        }
        const end = points.findLast(([x, y]) => good(y) && inside(x));
        if (end) named(label, colour, ...end);
      }
      spread(names, top + 5, bottom + 5);
      svg.setAttribute("width", width);
      svg.replaceChildren(
        draw(
          "clipPath",
          { id: clip },
          draw("rect", {
            x: left,
            y: top - 4,
            width: right - left + 4,
            height: bottom - top + 8,
          }),
        ),
        frame,
        inner,
        ...names.map(({ text, colour, x, y }) =>
          write(x, y, text, "start", {
            class: `live-name live-halo live-ink-${colour}`,
          })
        ),
      );
      behind.refresh();
    }

    /* A row per x at which a line has a point: of lines that have points
       often, about a hundred. */
    function numbers() {
      const columns = lines.filter(({ points }) => points.length).map((
        { name, points },
      ) => ({ name, at: new Map(points) }));
      for (const { name, x, low, high, middle } of bands) {
        const of = (numbers) => new Map(x.map((at, i) => [at, numbers[i]]));
        columns.push(
          { name: words`${name}, from`, at: of(low) },
          ...(middle ? [{ name: words`${name}, median`, at: of(middle) }] : []),
          { name: words`${name}, to`, at: of(high) },
        );
      }
      const places = new Set(bands.flatMap(({ x }) => x));
      for (const { points, often } of lines) {
        const every = often ? Math.ceil(points.length / MANY) : 1;
        points.forEach(([x], i) => {
          if (i % every === 0 || i === points.length - 1) places.add(x);
        });
      }
      return live.table(
        [xLabel, ...columns.map(({ name }) => name)],
        [...places].sort((a, b) => a - b).map((x) => [
          number(x),
          ...columns.map(({ at }) => shown(at.get(x))),
        ]),
      );
    }

    let waiting = false;
    function repaint() {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(paint);
    }
    new ResizeObserver(repaint).observe(root);

    return {
      root,
      line(
        name,
        { label = name, colour = 1, dash, dots = false, often = false } = {},
      ) {
        const made = {
          name,
          label,
          colour,
          dash,
          dots,
          often,
          points: [],
          add(x, y) {
            made.points.push([x, y]);
            repaint();
          },
          set(points) {
            made.points = points;
            repaint();
          },
          clear() {
            made.set([]);
          },
        };
        lines.push(made);
        return made;
      },
      limits({ x = xEnds, y = yEnds }) {
        xEnds = x;
        yEnds = y;
        repaint();
      },
    };
  }

  Object.assign(live, { chart, folded, scrolling });
}
