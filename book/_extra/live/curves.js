"use strict";

/* What one sees of a training: its curves over those of the book's runs, the
   norm of each layer's gradient, the filters of C1, and some numbers. */

{
  const { thousands, words } = live;
  const LAYERS = ["C1", "C3", "C5", "F6", words`output`];
  const DASHES = [undefined, "8 3", "2 3", "8 3 2 3", "12 4"];
  /* As the Animator's: colour and dashes */
  const METRICS = {
    train_loss: { name: words`train loss`, colour: 1 },
    train_acc: { name: words`train acc`, colour: 4, dash: "6 3" },
    test_acc: { name: words`test acc`, colour: 3, dash: "6 3 2 3" },
  };
  const FILTERS = 6, SIDE = 5, SCALE = 2; // Chapter 9's colours reach as far
  const ORDINALS = [
    words`first`,
    words`second`,
    words`third`,
    words`fourth`,
    words`fifth`,
    words`sixth`,
  ];
  const TOP = 2.6; // Of the chart; a fresh net begins below it
  const STILL = 1000; // Milliseconds between pictures if motion is unwanted

  function short(value) {
    if (value === undefined) return "–";
    return value < 1000 ? live.fixed(value, 3) : value.toExponential(2);
  }

  function bands({ steps, ...metrics }) {
    return Object.entries(METRICS).map(([metric, { name, colour }]) => ({
      name,
      colour,
      x: steps,
      low: metrics[metric].low,
      middle: metrics[metric].median,
      high: metrics[metric].high,
    }));
  }

  function facts() {
    const shown = {};
    const root = live.element("dl", { class: "live-facts" });
    for (
      const name of [
        words`Epochs done`,
        words`Steps`,
        words`Loss, this epoch`,
        words`Accuracy, this epoch`,
        words`Images a second`,
      ]
    ) {
      shown[name] = live.element("dd", {}, "–");
      root.append(
        live.element(
          "div",
          {},
          live.element("dt", {}, name),
          shown[name],
        ),
      );
    }
    return {
      root,
      show(texts) {
        Object.values(shown).forEach((dd, i) => dd.textContent = texts[i]);
      },
    };
  }

  function filters() {
    const canvases = ORDINALS.map((name) =>
      live.element("canvas", {
        width: SIDE,
        height: SIDE,
        role: "img",
        "aria-label": words`The ${name} filter of C1`,
      })
    );
    let weights = new Float32Array(FILTERS * SIDE ** 2);
    const behind = live.folded(words`The filters' weights`, () =>
      live.table(
        [words`filter, row`, "1", "2", "3", "4", "5"],
        Array.from({ length: FILTERS * SIDE }, (_, i) => [
          words`${ORDINALS[Math.floor(i / SIDE)]}, ${i % SIDE + 1}`,
          ...Array.from(
            weights.subarray(i * SIDE, (i + 1) * SIDE),
            (weight) => live.fixed(weight, 2),
          ),
        ]),
      ));
    return {
      root: live.element(
        "div",
        {},
        live.element(
          "figure",
          { class: "live-filters" },
          canvases,
          live.element(
            "figcaption",
            {},
            words`The six filters of C1. Blue is −${SCALE} or less, white 0,
              red ${SCALE} or more.`,
          ),
        ),
        behind.root,
      ),
      show(all) {
        weights = all;
        canvases.forEach((canvas, i) => {
          const mine = all.subarray(i * SIDE ** 2, (i + 1) * SIDE ** 2);
          live.drawMap(canvas, mine, SIDE, SIDE, -SCALE, SCALE, "signed");
        });
        behind.refresh();
      },
    };
  }

  function curves() {
    const { spread } = live.data;
    const all = thousands(live.IMAGES.files);
    const marks = spread.steps.map((x, i) => ({ x, text: String(i + 1) }));
    const chart = live.chart({
      label: words`Loss and accuracy of your training by step, over those of
        the book's runs`,
      xLabel: words`step`,
      yLabel: words`loss (nats), accuracy`,
      x: [0, 1],
      y: [0, TOP],
      height: 360,
      bands: bands(spread),
      rules: [{ y: Math.log(10), text: words`ln 10: guessing` }],
      marks,
      marksLabel: words`epochs of ${all} images`,
      name: 11,
    });
    const gradient = live.chart({
      label: words`Norm of the gradient of each layer's weights by step`,
      xLabel: words`step`,
      yLabel: words`norm of the gradient`,
      x: [0, 1],
      y: [1e-4, 10],
      log: true,
      height: 260,
      name: 7,
    });
    const note = live.element("p");
    const numbers = facts(), maps = filters();
    const kept = Object.entries(METRICS).map(([metric, { name, dash }]) => ({
      metric,
      line: chart.line(words`${name}, before`, {
        label: words`before`,
        colour: 6,
        dash,
      }),
    })).filter(({ metric }) => metric !== "train_acc");
    const metrics = Object.fromEntries(
      Object.entries(METRICS).map(([metric, { name, ...look }]) => [
        metric,
        chart.line(name, { ...look, dots: true }),
      ]),
    );
    const soFar = chart.line(words`so far`, {
      colour: 5,
      dash: "2 2",
      often: true,
    });
    const norms = LAYERS.map((name, i) =>
      gradient.line(name, { colour: i + 1, dash: DASHES[i], often: true })
    );
    let total = 0, drawn = 0, late;

    function picture({ step, loss, norms: sizes, weights }) {
      drawn = performance.now();
      if (soFar.points.at(-1)?.[0] !== step) {
        soFar.add(step, loss);
        norms.forEach((line, i) => line.add(step, sizes[i]));
      }
      maps.show(weights);
    }

    return {
      root: live.element(
        "div",
        {},
        numbers.root,
        chart.root,
        note,
        live.element(
          "div",
          { class: "live-pair" },
          live.element(
            "div",
            {},
            gradient.root,
            live.element(
              "p",
              {},
              words`If a line stops before the others, its norm is exactly 0:
                no gradient reaches that layer any more.`,
            ),
          ),
          maps.root,
        ),
      ),
      /* Say how the settings differ from those of the bands. */
      compare(values) {
        const found = live.join(live.differences(values), "; ");
        note.textContent = found
          ? words`Shaded: 5 % to 95 % of the book's ${spread.seeds} runs with
              the post's settings, dotted their median. Your training differs:
              ${found}.`
          : words`Shaded: 5 % to 95 % of the book's ${spread.seeds} runs with
              the post's settings, dotted their median. Your training has the
              same settings.`;
      },
      /* Make room for so many steps. */
      room(steps) {
        total = steps;
        for (const each of [chart, gradient]) {
          each.limits({ x: [0, Math.max(steps, 20)] });
        }
      },
      /* The curves of the last training go, or stay in grey. */
      clear(keep) {
        clearTimeout(late);
        for (const { metric, line } of kept) {
          line.set(keep ? metrics[metric].points : []);
        }
        const mine = [...Object.values(metrics), soFar, ...norms];
        mine.forEach((line) => line.clear());
        numbers.show(["–", "–", "–", "–", "–"]);
      },
      progress(state) {
        const { step, batches, loss, accuracy } = state;
        if (!step) return;
        numbers.show([
          Math.floor(step / batches),
          words`${thousands(step)} of ${thousands(total)}`,
          loss > TOP ? words`${short(loss)}, above the chart` : short(loss),
          short(accuracy),
          thousands(Math.round(state.imagesPerSecond)),
        ]);
        clearTimeout(late);
        const rest = drawn + STILL - performance.now();
        if (live.reducedMotion() && rest > 0) {
          late = setTimeout(() => picture(state), rest);
        } else picture(state);
      },
      epoch(record) {
        for (const [metric, line] of Object.entries(metrics)) {
          line.add(record.step, record[metric]);
        }
      },
      /* Weights that no training here has made. */
      show(weights) {
        maps.show(weights);
      },
    };
  }

  Object.assign(live, { curves });
}
