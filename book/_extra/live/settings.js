"use strict";

/* The settings of a training: their controls, their limits, and how they
   differ from the post's. */

{
  const { IMAGES, thousands, words } = live;
  const CHOICES = {
    activation: [["sigmoid", "sigmoid"], ["tanh", "tanh"], ["relu", "ReLU"]],
    pooling: [["mean", words`mean`], ["max", words`max`]],
    first: [["xavier", words`Xavier's`], ["pytorch", words`PyTorch's`]],
  };
  const LABELS = {
    seed: words`Seed`,
    activation: words`Activation`,
    pooling: words`Pooling`,
    first: words`First weights`,
    batch: words`Minibatch size`,
    epochs: words`Epochs`,
  };
  const RATE = words`Learning rate`;
  const WHOLE = {
    seed: { min: 0, max: 2 ** 32 - 1 },
    batch: { min: 1, max: IMAGES.files },
    epochs: { min: 1, max: 1000 },
  };
  const TEXTS = new Set(["data", ...Object.keys(CHOICES)]);
  /* The recipe of the post that the book follows */
  const POST = {
    data: "files",
    seed: 0,
    rate: 0.9,
    activation: "sigmoid",
    pooling: "mean",
    first: "xavier",
    batch: 256,
    epochs: 10,
  };
  /* With a tenth of the images an epoch has a tenth of the steps, and three
     of the post's epochs are the time in which most runs leave the plateau */
  const EPOCHS = { part: 30, files: POST.epochs };
  const DEFAULTS = { ...POST, data: "part", epochs: EPOCHS.part };

  /* The slider's rates: one digit each, as in 0.001, 0.002, …, 10 */
  const RATES = [0.001, 0.01, 0.1, 1].flatMap((power) =>
    [1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => Number((n * power).toPrecision(1)))
  );
  RATES.push(10);

  function nearest(rate) {
    const far = (other) => Math.abs(Math.log(other / rate));
    return RATES.reduce((a, b) => far(b) < far(a) ? b : a, RATES[0]);
  }

  /* The controls. `change(name)` hears what the reader changes; `data` are
     the controls of live.dataset. Those of `fixed` can't change during a
     training; the learning rate can. */
  function settings({ change, data }) {
    const values = { ...DEFAULTS };
    const controls = {};
    const heard = (name) => (value) => {
      values[name] = value;
      change(name);
    };
    for (const [name, label] of Object.entries(LABELS)) {
      const options = CHOICES[name]?.slice();
      const make = options ? live.choice : live.numberField;
      controls[name] = make({
        label,
        options,
        ...WHOLE[name],
        step: 1,
        value: values[name],
        change: heard(name),
      });
    }
    const slider = live.slider({
      label: RATE,
      min: 0,
      max: RATES.length - 1,
      step: 1,
      value: RATES.indexOf(values.rate),
      format: () => String(values.rate),
      change: (at) => {
        values.rate = controls.rate.value = RATES[at];
        slider.value = at; // So that its output shows the new rate
        change("rate");
      },
    });
    controls.rate = live.numberField({
      label: words`or as a number`,
      min: 0,
      value: values.rate,
      change: (rate) => {
        values.rate = rate;
        slider.value = RATES.indexOf(nearest(rate));
        change("rate");
      },
    });

    const why = live.element("p", { id: live.newId(), hidden: true });
    why.textContent = words`You can't change these during a training. Press
      Reset to unlock them.`;
    const fixed = live.element(
      "fieldset",
      { class: "live-fields", "aria-describedby": why.id },
      live.element("legend", {}, words`What a training begins with`),
      data.root,
      live.element(
        "div",
        { class: "live-row" },
        Object.keys(LABELS).map((name) => controls[name].root),
      ),
    );

    return {
      root: live.element(
        "div",
        {},
        fixed,
        why,
        live.element(
          "div",
          { class: "live-row" },
          slider.root,
          controls.rate.root,
        ),
      ),
      get values() {
        return { ...values, data: data.value };
      },
      /* Some values, or all. */
      set(some) {
        for (const [name, value] of Object.entries(some)) {
          if (name === "data") {
            data.value = value;
            continue;
          }
          values[name] = value;
          controls[name].value = value;
        }
        slider.value = RATES.indexOf(nearest(values.rate));
      },
      /* Another data set has epochs of another length. */
      dataChanged() {
        if (Object.values(EPOCHS).includes(values.epochs)) {
          this.set({ epochs: EPOCHS[data.value] });
        }
      },
      /* As in an address: a name and a text. Gives false, and changes
         nothing, if that makes no sense. */
      read(name, text) {
        const input = name === "data" ? data.input : controls[name]?.input;
        if (!input) return false;
        const before = input.value;
        input.value = text; // Which a control doesn't take if it makes no sense
        const good = input.value !== "" && input.validity.valid;
        input.value = before;
        if (good) this.set({ [name]: TEXTS.has(name) ? text : Number(text) });
        return good;
      },
      freeze(yes) {
        fixed.disabled = yes;
        why.hidden = !yes;
      },
      /* Offer to go on from weights that the reader has loaded. */
      offerLoaded() {
        const { input } = controls.first;
        if (!input.querySelector("[value=loaded]")) {
          input.append(
            live.element(
              "option",
              { value: "loaded" },
              words`the loaded ones`,
            ),
          );
        }
      },
      /* What a field holds that is no setting, in words. */
      fault() {
        for (const name of [...Object.keys(WHOLE), "rate"]) {
          const { input } = controls[name];
          if (!input.validity.valid) {
            input.focus();
            return words`${LABELS[name] ?? RATE}: ${live.fault(input)}`;
          }
        }
        return "";
      },
    };
  }

  /* How settings differ from the post's, as a list of words. The seed may
     differ, and the number of epochs: the first ones are the same. */
  function differences(values) {
    const named = (name, value) =>
      CHOICES[name].find(([known]) => known === value)?.[1] ?? words`loaded`;
    const how = {
      activation: (a, b) => words`activation ${a}, not ${b}`,
      pooling: (a, b) => words`pooling ${a}, not ${b}`,
      first: (a, b) => words`first weights ${a}, not ${b}`,
    };
    const found = [];
    if (values.data === "part") {
      const [part, all] = [IMAGES.part, IMAGES.files].map(thousands);
      const steps = Math.ceil(IMAGES.part / values.batch);
      found.push(
        words`it sees ${part} of the ${all} images, so it has ${steps} steps
          per epoch, and an epoch's mean covers fewer steps`,
      );
    }
    if (values.rate !== POST.rate) {
      found.push(words`learning rate ${values.rate}, not ${POST.rate}`);
    }
    if (values.changed) found.push(words`the learning rate changed under way`);
    for (const name of Object.keys(CHOICES)) {
      const [now, post] = [values, POST].map((each) => named(name, each[name]));
      if (now !== post) found.push(how[name](now, post));
    }
    if (values.batch !== POST.batch) {
      found.push(
        words`minibatches of ${values.batch} images, not ${POST.batch}`,
      );
    }
    return found;
  }

  Object.assign(live, {
    settings,
    differences,
    trainingDefaults: DEFAULTS,
  });
}
