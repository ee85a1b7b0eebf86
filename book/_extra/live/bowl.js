"use strict";

/* The simplest loss there is, a bowl, and a ball that takes steps in it: how
   long may a step be? */

{
  const { fixed, pieces, svg, words } = live;
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

  /* The bowl and its axes, which stay. */
  function backdrop() {
    const write = (x, y, text, anchor = "middle") =>
      svg("text", { x, y, "text-anchor": anchor }, text);
    const curve = Array.from(
      { length: 89 },
      (_, i) => place(WIDE * (i / 44 - 1)).join(" "),
    );
    return [
      svg("path", { d: `M${LEFT} ${TOP}V${BOTTOM}H${WIDTH - 6}` }),
      ...[-2, -1, 0, 1, 2].map((w) => write(X(w), BOTTOM + 18, fixed(w, 0))),
      ...[0, 1, 2, 3, 4].map((level) =>
        write(LEFT - 6, Y(level) + 4, level, "end")
      ),
      write(X(0), BOTTOM + 34, "w"),
      write(0, TOP - 10, words`loss`, "start"),
      svg("path", { d: `M${curve.join("L")}`, class: "live-bowl-curve" }),
    ];
  }

  /* What a step has done. */
  function verdict(before, after) {
    if (Math.abs(after) < 1e-9) return words`The ball is at the bottom.`;
    const change = Math.abs(after) - Math.abs(before);
    const height = Math.abs(change) < 1e-9
      ? words`no lower`
      : change < 0
      ? words`lower`
      : words`higher`;
    return before * after > 0
      ? words`It lands on the same side, ${height}.`
      : words`It lands on the other side, ${height}.`;
  }

  live.parts.bowl = (root) => {
    let w = 1;
    let steps = []; // Each with the w before and after it, and the rate
    const tried = new Map(); // Of each rate: did a step lead up?
    let running;

    const path = svg("path", { class: "live-bowl-path live-ink-2" });
    const dots = svg("g", { class: "live-ink-2" });
    const tangent = svg("path", { class: "live-bowl-tangent" });
    const ball = svg("circle", { r: 7, class: "live-bowl-ball live-ink-1" });
    const picture = svg(
      "svg",
      {
        viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
        class: "live-bowl",
        role: "img",
        "aria-label": words`A bowl, the ball in it, the slope where the ball
          is, and the steps that led there`,
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
    const rates = svg("svg", {
      viewBox: `0 0 ${WIDTH} 46`,
      class: "live-bowl",
      role: "img",
    });
    const rows = live.element("div", {
      class: "live-scroll",
      tabindex: 0,
      role: "region",
      "aria-label": words`The steps`,
    });

    const rate = live.slider({
      label: words`learning rate (lr)`,
      min: 0.05,
      max: 1.3,
      step: 0.05,
      value: 0.1,
      format: (value) => value.toFixed(2),
      change: () => show(),
    });
    const start = live.slider({
      label: words`start (w)`,
      min: -2,
      max: 2,
      step: 0.1,
      value: 1,
      format: (value) => fixed(value, 1),
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
        : words`At the bottom the slope is 0, and no step leads away.`;
      show();
    }

    const run = live.button(words`Run`, () => {
      if (running) return halt();
      run.textContent = words`Pause`;
      const first = steps.length;
      running = setInterval(() => {
        step();
        const ends = Math.abs(w) < REST
          ? words`The ball rests at the bottom.`
          : Math.abs(w) > FAR
          ? words`The ball is far out, and every step leads farther.`
          : steps.length - first >= MOST
          ? words`It would jump to and fro for ever.`
          : "";
        if (ends) {
          halt();
          told.textContent = words`After ${steps.length} steps: ${ends}`;
          live.announce(told.textContent);
        }
      }, PAUSE);
    });

    function halt() {
      clearInterval(running);
      running = undefined;
      run.textContent = words`Run`;
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
        svg("path", { d: `M${at(0)} 16H${at(1.3)}` }),
        ...[0, 0.5, 1].map((value) =>
          svg("text", { x: at(value), y: 42, "text-anchor": "middle" }, value)
        ),
        ...all.map(([value, leadsUp]) =>
          svg("path", {
            d: leadsUp
              ? `M${at(value) - 5} 11l10 10m0 -10l-10 10`
              : `M${at(value)} 11v10`,
            class: `live-bowl-tried live-ink-${leadsUp ? 2 : 1}`,
          })
        ),
        ...(known
          ? [svg("path", { d: `M${at(LIMIT)} 2V30`, class: "live-rule" })]
          : []),
      );
      const [lower, upper] = [down, up].map((rate) => rate?.toFixed(2));
      const between = !lower && !upper
        ? words`Which rates lead down, and which don't?`
        : !upper
        ? words`Up to ${lower} the steps lead down. Does a longer step ever
            lead up?`
        : !lower
        ? words`At ${upper} the steps don't lead down. Which rate does?`
        : !known
        ? words`At ${lower} the steps lead down, at ${upper} they don't. Where
            is the limit?`
        : words`At ${lower} the steps lead down, at ${upper} they don't. You
            have found the limit: 2/a = ${LIMIT}. There each step leads to the
            other side, exactly as high.`;
      found.textContent = between;
      rates.setAttribute(
        "aria-label",
        words`Learning rates tried, from 0 to 1.3. ${between}`,
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
          return svg("circle", { cx, cy, r: 3, class: "live-dot" });
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
        value < 0 ? `(${fixed(value, 3)})` : fixed(value, 3);
      const rounded = [w, slope(w), next].map((value) => value.toFixed(3));
      const exact =
        Math.abs(rounded[0] - rate.value * rounded[1] - rounded[2]) < 1e-9;
      const [here, down] = [w, slope(w)].map((value) => fixed(value, 3));
      const bold = live.element("strong", {}, fixed(next, 3));
      const move = `${here} − ${lr} · ${bracket(slope(w))}`;
      const equals = exact ? "=" : "≈";
      formula.replaceChildren(
        words`w = ${here}, and the slope is a · w = ${down}.`,
        live.element("br"),
        ...gone
          ? pieces`Next step: w − lr · slope = ${move} ${equals} ${bold} The
              ball has left the picture.`
          : pieces`Next step: w − lr · slope = ${move} ${equals} ${bold}`,
      );
      rows.replaceChildren(
        live.table(
          [
            words`step`,
            "lr",
            words`w before`,
            words`slope`,
            words`w after`,
            words`loss after`,
          ],
          steps.map((s, i) => [
            i + 1,
            s.rate.toFixed(2),
            fixed(s.before, 3),
            fixed(slope(s.before), 3),
            fixed(s.after, 3),
            fixed(loss(s.after), 3),
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
            live.button(words`Step`, () => {
              halt();
              step();
              live.announce(words`w = ${fixed(w, 3)}. ${told.textContent}`);
            }),
            run,
            live.button(words`Back to the start`, () => {
              reset();
              live.announce(`w = ${fixed(w, 1)}`);
            }),
          ),
          told,
        ),
      ),
      live.element(
        "p",
        { class: "live-small" },
        words`The rates that you have tried: | leads down, × doesn't.`,
      ),
      rates,
      found,
      live.element(
        "details",
        {},
        live.element("summary", {}, words`The steps as a table`),
        rows,
      ),
    );
    show();
  };
}
