"use strict";

/* The log of a training beside the log that the book has published, which it
   repeats if data, seed and settings are the same. */

{
  const METRICS = {
    train_loss: "loss",
    train_acc: "train acc",
    test_acc: "test acc",
  };
  const digits = (record, metric) => record[metric].toFixed(3);

  function words(record) {
    return Object.entries(METRICS).map(([metric, name]) =>
      `${name} ${digits(record, metric)}`
    ).join(", ");
  }

  function publishedLog() {
    const body = live.scrolling("This page's log beside the book's");
    const verdict = live.element("p");
    const root = live.element("div", { hidden: true }, body, verdict);
    const rows = [], differ = [];
    let compared = 0;

    return {
      root,
      clear() {
        rows.length = differ.length = compared = 0;
        root.hidden = true;
        verdict.textContent = "";
      },
      /* Add an epoch; gives the verdict on all so far. */
      add(record) {
        const { epoch } = record;
        const published = live.data.spread.published[epoch];
        if (!published) return verdict.textContent;
        const others = Object.keys(METRICS).filter((metric) =>
          digits(record, metric) !== digits(published, metric)
        ).map((metric) => METRICS[metric]);
        compared += Object.keys(METRICS).length;
        differ.push(...others.map((name) => `${name} of epoch ${epoch}`));
        rows.push([
          epoch,
          words(record),
          words(published),
          others.length ? `≠ ${others.join(", ")}` : "=",
        ]);
        root.hidden = false;
        body.replaceChildren(
          live.table(
            ["epoch", "this page", "the book", "same digits?"],
            rows,
            "The same digits: this page's log beside that of chapter 7",
          ),
        );
        verdict.textContent = differ.length
          ? `Of ${compared} numbers, ${differ.length} differ: ` +
            `${differ.join("; ")}.`
          : `All ${compared} numbers agree with the book's log.`;
        return verdict.textContent;
      },
    };
  }

  Object.assign(live, { publishedLog });
}
