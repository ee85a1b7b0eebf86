"use strict";

/* The guided experiments. Their words stand in the page, one section each,
   marked with data-experiment; here are their settings. Each section gets a
   button that sets the controls, and what it folds opens after its run. */

{
  const { words } = live;

  /* What each changes in the settings that the page begins with */
  const EXPERIMENTS = {
    plateau: {},
    rate: { rate: 0.1 },
    relu: { activation: "relu" },
    twice: { epochs: 15 },
    seed: {},
  };
  const TWO_RUNS = ["twice", "seed"]; // The first stays, in grey

  /* What an experiment is called: its heading, or its first paragraph up to
     the last bold letter. */
  function titleOf(section) {
    const heading = section.querySelector("h2, h3, h4, h5");
    const bold = section.querySelector("p")?.querySelectorAll("strong") ?? [];
    if (heading || !bold.length) return heading?.textContent;
    const range = new Range();
    range.setStartBefore(bold[0]);
    range.setEndAfter(bold[bold.length - 1]);
    return range.toString();
  }

  /* `setUp(values, keep, text)` sets the controls and says the text;
     `earlier()` gives the settings of the last finished training, if any.
     Gives `ended()`, to be told that a training has ended. */
  function experiments({ setUp, earlier }) {
    let current;

    function prepare(name, section) {
      const values = { ...live.trainingDefaults, ...EXPERIMENTS[name] };
      const title = titleOf(section)?.replace(/[.。#]+$/, "") ?? name;
      let text = words`“${title}” is set up. Press Start.`, runs = 1;
      if (name === "twice") {
        runs = 2;
        text = words`“${title}” is set up. Press Start, and when the run is
          done press Start again. The page compares the weights of the two
          runs.`;
      } else if (name === "seed") {
        const last = earlier();
        const same = last &&
          Object.keys(values).every((key) =>
            key === "seed" || values[key] === last[key]
          );
        if (same) values.seed = last.seed + 1;
        else runs = Infinity; // This one is only the first
        text = same
          ? words`“${title}” is set up. The seed is ${values.seed} now. Press
              Start.`
          : words`“${title}” is set up. Press Start. When the run is done, set
              up this experiment again: the next run gets another seed.`;
      }
      current = { section, runs };
      setUp(values, TWO_RUNS.includes(name), text);
    }

    for (const section of document.querySelectorAll("[data-experiment]")) {
      const name = section.dataset.experiment;
      if (!Object.hasOwn(EXPERIMENTS, name)) continue;
      section.classList.add("live", "live-experiment");
      const answer = section.querySelector("details");
      section.insertBefore(
        live.button(
          words`Set up this experiment`,
          () => prepare(name, section),
        ),
        answer,
      );
    }

    return {
      ended() {
        if (!current || --current.runs > 0) return;
        for (const details of current.section.querySelectorAll("details")) {
          details.open = true;
        }
      },
    };
  }

  Object.assign(live, { experiments });
}
