"use strict";

/* The part in which a reader trains LeNet. Its scripts are loaded when the
   reader comes near it, so that the rest of the page is there sooner. */

{
  const SCRIPTS = [
    ...["data/spread", "training", "chart", "address", "settings", "dataset"],
    ...["curves", "log", "experiments", "trainer"],
  ];
  const NEAR = "1500px";

  live.parts.train = (root) => {
    let begun = false;

    async function begin() {
      if (begun) return;
      begun = true;
      watch.disconnect();
      try {
        await Promise.all(SCRIPTS.map((name) => live.load(`${name}.js`)));
        const here = root.contains(document.activeElement);
        root.replaceChildren();
        live.trainer(root);
        if (here) root.querySelector("select").focus();
      } catch (error) {
        begun = false;
        const text = live.words`The training can't start: ${error.message}`;
        root.replaceChildren(
          live.element("p", { class: "live-wrong" }, text),
          live.button(live.words`Try again`, begin),
        );
        live.announce(text);
      }
    }

    const watch = new IntersectionObserver((places) => {
      if (places.some(({ isIntersecting }) => isIntersecting)) begin();
    }, { rootMargin: NEAR });
    root.append(
      live.button(live.words`Show the controls of the training`, begin),
    );
    for (
      const place of [root, ...document.querySelectorAll("[data-experiment]")]
    ) {
      watch.observe(place);
    }
    if (location.hash.includes("=")) {
      begin();
      root.scrollIntoView();
    }
  };
}
