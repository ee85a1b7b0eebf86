"use strict";

/* The simplest loss there is, a bowl, and a ball that takes steps in it: how
   long may a step be? */

{
  const A = 2; // How sharply the bowl bends: loss = A/2 · w²
  const LIMIT = 2 / A;
  const WIDE = 2.2; // The picture shows w from -WIDE to WIDE
  const CLOSE = 0.12; // So near to the limit the reader has found it
  const REST = 0.001, FAR = 100, MOST = 80; // Where a run ends
  const PAUSE = 350; // Milliseconds from step to step

  const loss = (w) => A / 2 * w ** 2;
  const slope = (w) => A * w;

  /* The picture, in units of its own; the style sheet scales it. */
  const WIDTH = 320, HEIGHT = 250, LEFT = 30, TOP = 22, BOTTOM = 212;
  const X = (w) => LEFT + (w + WIDE) / (2 * WIDE) * (WIDTH - LEFT - 6);
  const Y = (value) => BOTTOM - value / loss(WIDE) * (BOTTOM - TOP);
  const place = (w) => [X(w), Y(loss(w))];

  function draw(tag, attributes, ...children) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) {
      made.setAttribute(name, value);
    }
    made.append(...children);
    return made;
  }

  /* The bowl and its axes, which stay. */
  function backdrop() {
    const text = (x, y, words, anchor = "middle") =>
      draw("text", { x, y, "text-anchor": anchor }, words);
    const curve = Array.from(
      { length: 89 },
      (_, i) => place(WIDE * (i / 44 - 1)).join(" "),
    );
    return [
      draw("path", { d: `M${LEFT} ${TOP}V${BOTTOM}H${WIDTH - 6}` }),
      ...[-2, -1, 0, 1, 2].map((w) =>
        text(X(w), BOTTOM + 18, live.fixed(w, 0))
      ),
      ...[0, 1, 2, 3, 4].map((level) =>
        text(LEFT - 6, Y(level) + 4, level, "end")
      ),
      text(X(0), BOTTOM + 34, "w"),
      text(0, TOP - 10, "loss", "start"),
      draw("path", { d: `M${curve.join("L")}`, class: "live-bowl-curve" }),
    ];
  }

  /* What a step has done. */
  function verdict(before, after) {
    if (Math.abs(after) < 1e-9) return "The ball is at the bottom.";
    const side = before * after > 0 ? "on the same side" : "on the other side";
    const change = Math.abs(after) - Math.abs(before);
    if (Math.abs(change) < 1e-9) return `It lands ${side}, no lower.`;
    return `It lands ${side}, ${change < 0 ? "lower" : "higher"}.`;
  }

  live.parts.bowl = (root) => {
    let w = 1;
    let steps = []; // Each with the w before and after it, and the rate
    const tried = new Map(); // Of each rate: did a step lead up?
    let running;

    const path = draw("path", { class: "live-bowl-path live-ink-2" });
    const dots = draw("g", { class: "live-ink-2" });
    const tangent = draw("path", { class: "live-bowl-tangent" });
    const ball = draw("circle", { r: 7, class: "live-bowl-ball live-ink-1" });
    const picture = draw(
      "svg",
      {
        viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
        class: "live-bowl",
        role: "img",
        "aria-label": "A bowl, the ball in it, the slope where the ball is, " +
          "and the steps that led there",
      },
      ...backdrop(),
      path,
      dots,
      tangent,
      ball,
    );
    for (const kind of ["pointerdown", "pointermove"]) {
      picture.addEventListener(kind, (event) => {
        if (kind === "pointermove" && !event.buttons) return;
        const box = picture.getBoundingClientRect();
        const x = (event.clientX - box.left) / box.width * WIDTH;
        const to = Math.round((x - X(0)) / (X(1) - X(0)) * 10) / 10;
        start.value = Math.min(2, Math.max(-2, to));
        reset();
      });
    }

    const formula = live.element("p", { class: "live-numbers" });
    const told = live.element("p", {});
    const found = live.element("p", { class: "live-numbers" });
    const rates = draw("svg", {
      viewBox: `0 0 ${WIDTH} 46`,
      class: "live-bowl",
      role: "img",
    });
    const rows = live.element("div", {
      class: "live-scroll",
      tabindex: 0,
      role: "region",
      "aria-label": "The steps",
    });

    const rate = live.slider({
      label: "learning rate (lr)",
      min: 0.05,
      max: 1.3,
      step: 0.05,
      value: 0.1,
      format: (value) => value.toFixed(2),
      change: () => show(),
    });
    const start = live.slider({
      label: "start (w)",
      min: -2,
      max: 2,
      step: 0.1,
      value: 1,
      format: (value) => live.fixed(value, 1),
      change: () => reset(),
    });

    function step() {
      const before = w;
      w -= rate.value * slope(w);
      steps.push({ before, after: w, rate: rate.value });
      if (before) {
        tried.set(rate.value, Math.abs(w) - Math.abs(before) > -1e-9);
      }
      told.textContent = before
        ? verdict(before, w)
        : "At the bottom the slope is 0, and no step leads away.";
      show();
    }

    const run = live.button("Run", () => {
      if (running) return halt();
      run.textContent = "Pause";
      const first = steps.length;
      running = setInterval(() => {
        step();
        const ends = Math.abs(w) < REST
          ? "The ball rests at the bottom."
          : Math.abs(w) > FAR
          ? "The ball is far out, and every step leads farther."
          : steps.length - first >= MOST
          ? "It would jump to and fro for ever."
          : "";
        if (ends) {
          halt();
          told.textContent = `After ${steps.length} steps: ${ends}`;
          live.announce(told.textContent);
        }
      }, PAUSE);
    });

    function halt() {
      clearInterval(running);
      running = undefined;
      run.textContent = "Run";
    }

    function reset() {
      halt();
      w = start.value;
      steps = [];
      told.textContent = "";
      show();
    }

    /* The rates tried, on a line; the limit once the reader is close. */
    function showRates() {
      const at = (value) => 12 + value / 1.3 * (WIDTH - 24);
      const all = [...tried].sort(([a], [b]) => a - b);
      const down = all.filter(([, up]) => !up).map(([value]) => value).at(-1);
      const up = all.find(([, leadsUp]) => leadsUp)?.[0];
      const known = up - down <= CLOSE;
      rates.replaceChildren(
        draw("path", { d: `M${at(0)} 16H${at(1.3)}` }),
        ...[0, 0.5, 1].map((value) =>
          draw("text", { x: at(value), y: 42, "text-anchor": "middle" }, value)
        ),
        ...all.map(([value, leadsUp]) =>
          draw("path", {
            d: leadsUp
              ? `M${at(value) - 5} 11l10 10m0 -10l-10 10`
              : `M${at(value)} 11v10`,
            class: `live-bowl-tried live-ink-${leadsUp ? 2 : 1}`,
          })
        ),
        ...(known
          ? [draw("path", { d: `M${at(LIMIT)} 2V30`, class: "live-rule" })]
          : []),
      );
      const between = down === undefined && up === undefined
        ? "Which rates lead down, and which don't?"
        : up === undefined
        ? `Up to ${down.toFixed(2)} the steps lead down. ` +
          "Does a longer step ever lead up?"
        : down === undefined
        ? `At ${up.toFixed(2)} the steps don't lead down. Which rate does?`
        : `At ${down.toFixed(2)} the steps lead down, ` +
          `at ${up.toFixed(2)} they don't. ` +
          (known
            ? `You have found the limit: 2/a = ${LIMIT}. There each step ` +
              "leads to the other side, exactly as high."
            : "Where is the limit?");
      found.textContent = between;
      rates.setAttribute(
        "aria-label",
        `Learning rates tried, from 0 to 1.3. ${between}`,
      );
    }

    function show() {
      const points = [steps[0]?.before ?? w, ...steps.map((s) => s.after)];
      const shown = points.filter((point) => Math.abs(point) <= 2 * WIDE);
      path.setAttribute(
        "d",
        `M${shown.map((p) => place(p).join(" ")).join("L")}`,
      );
      dots.replaceChildren(
        ...shown.map((point) => {
          const [cx, cy] = place(point);
          return draw("circle", { cx, cy, r: 3, class: "live-dot" });
        }),
      );
      const [cx, cy] = place(w);
      ball.style.transform = `translate(${cx}px, ${cy}px)`;
      const line = (at) => `${X(at)} ${Y(loss(w) + slope(w) * (at - w))}`;
      tangent.setAttribute("d", `M${line(w - 0.5)}L${line(w + 0.5)}`);
      const gone = Math.abs(w) > WIDE;
      ball.style.visibility = tangent.style.visibility = gone ? "hidden" : "";

      const lr = rate.value.toFixed(2), next = w - rate.value * slope(w);
      const bracket = (value) =>
        value < 0 ? `(${live.fixed(value, 3)})` : live.fixed(value, 3);
      const rounded = [w, slope(w), next].map((value) => value.toFixed(3));
      const exact =
        Math.abs(rounded[0] - rate.value * rounded[1] - rounded[2]) < 1e-9;
      formula.replaceChildren(
        `w = ${live.fixed(w, 3)}, and the slope is a · w = ` +
          `${live.fixed(slope(w), 3)}.`,
        live.element("br"),
        `Next step: w − lr · slope = ${live.fixed(w, 3)} − ${lr} · ` +
          `${bracket(slope(w))} ${exact ? "=" : "≈"} `,
        live.element("strong", {}, live.fixed(next, 3)),
        gone ? " The ball has left the picture." : "",
      );
      rows.replaceChildren(
        live.table(
          ["step", "lr", "w before", "slope", "w after", "loss after"],
          steps.map((s, i) => [
            i + 1,
            s.rate.toFixed(2),
            live.fixed(s.before, 3),
            live.fixed(slope(s.before), 3),
            live.fixed(s.after, 3),
            live.fixed(loss(s.after), 3),
          ]),
        ),
      );
      showRates();
    }

    root.append(
      live.element(
        "div",
        { class: "live-sides" },
        picture,
        live.element(
          "div",
          {},
          live.element("div", { class: "live-row" }, rate.root, start.root),
          formula,
          live.element(
            "div",
            { class: "live-row" },
            live.button("Step", () => {
              halt();
              step();
              live.announce(`w = ${live.fixed(w, 3)}. ${told.textContent}`);
            }),
            run,
            live.button("Back to the start", () => {
              reset();
              live.announce(`w = ${live.fixed(w, 1)}`);
            }),
          ),
          told,
        ),
      ),
      live.element(
        "p",
        { class: "live-small" },
        "The rates that you have tried: | leads down, × doesn't.",
      ),
      rates,
      found,
      live.element(
        "details",
        {},
        live.element("summary", {}, "The steps as a table"),
        rows,
      ),
    );
    show();
  };
}
