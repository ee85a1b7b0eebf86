"use strict";

/* The log of a training beside the log that the book has published, which it
   repeats if data, seed and settings are the same. */

{
  const { words } = live;
  const METRICS = {
    train_loss: words`loss`,
    train_acc: words`train acc`,
    test_acc: words`test acc`,
  };
  const digits = (record, metric) => record[metric].toFixed(3);

  function line(record) {
    const [loss, train, test] = Object.keys(METRICS)
      .map((metric) => digits(record, metric));
    return words`loss ${loss}, train acc ${train}, test acc ${test}`;
  }

  function publishedLog() {
    const body = live.scrolling(words`This page's log beside the book's`);
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
        differ.push(...others.map((name) => words`${name} of epoch ${epoch}`));
        rows.push([
          epoch,
          line(record),
          line(published),
          others.length ? `≠ ${live.join(others, ", ")}` : "=",
        ]);
        root.hidden = false;
        body.replaceChildren(
          live.table(
            [
              words`epoch`,
              words`this page`,
              words`the book`,
              words`same digits?`,
            ],
            rows,
            words`The same digits: this page's log beside that of chapter 7`,
          ),
        );
        const count = differ.length, all = live.join(differ, "; ");
        verdict.textContent = count
          ? words`Of ${compared} numbers, ${count} differ: ${all}.`
          : words`All ${compared} numbers agree with the book's log.`;
        return verdict.textContent;
      },
    };
  }

  Object.assign(live, { publishedLog });
}
