"use strict";

/* The part in which a reader trains LeNet: it puts together the settings, the
   buttons, the curves and the experiments, and tells a training what to do. */

{
  const { thousands, words } = live;
  const NEWS = 5000; // Milliseconds between epochs that are announced
  const UNDER_WAY = words`A training is under way. Let it end, or press Reset.`;

  function sameBits(a, b) {
    const [x, y] = [a, b].map((weights) => new Uint32Array(weights.buffer));
    return x.length === y.length && x.every((bits, i) => bits === y[i]);
  }

  function save(bytes, name) {
    const address = URL.createObjectURL(new Blob([bytes]));
    live.element("a", { href: address, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  }

  function trainer(root) {
    let training, net; // The net whose weights can be saved and looked into
    let begun; // The settings of the training under way, or undefined
    let last; // The last training that ended: settings, weights, steps
    let loaded; // Weights of a file, to go on from
    let loading = false, steps = 0, announced = 0;

    const message = live.element("p", { class: "live-message" });
    const wrong = live.element("p", { class: "live-wrong" });
    const data = live.dataset({
      change: () => {
        settings.dataChanged();
        changed("data");
      },
    });
    const settings = live.settings({ data, change: changed });
    const curves = live.curves(), log = live.publishedLog();

    function say(text) {
      wrong.textContent = "";
      message.textContent = text;
      live.announce(text);
    }

    function complain(text) {
      message.textContent = "";
      wrong.textContent = text;
      live.announce(text);
    }

    function changed(name) {
      const { values } = settings;
      const { first, ...written } = values;
      live.writeAddress(first === "loaded" ? written : values);
      if (begun && name === "rate") {
        training.setRate(values.rate);
        begun.rate = values.rate;
        begun.changed ||= steps > 0;
      }
      compare();
      wrong.textContent = "";
    }

    /* The bands beside the settings of this training, or of the next */
    function compare() {
      const values = begun ?? settings.values;
      curves.compare(values);
      if (!last || begun) {
        const steps = Math.ceil(live.IMAGES[values.data] / values.batch);
        curves.room(steps * values.epochs);
      }
    }

    /* Buttons and fields as they fit what is going on. A button that was
       just pressed stays enabled, or the keyboard would lose its place. */
    function refresh() {
      const running = Boolean(training?.running);
      start.textContent = running
        ? words`Pause`
        : begun
        ? words`Continue`
        : words`Start`;
      step.disabled = running;
      settings.freeze(loading || Boolean(begun));
      for (const button of [keepFile, look]) button.disabled = !net;
      noNet.hidden = Boolean(net);
    }

    /* A new training, paused; or nothing, with the reason in words. */
    async function begin() {
      const fault = settings.fault() || data.fault();
      if (fault) return complain(fault);
      const { values } = settings;
      const { batch: batchSize, data: _, ...options } = values;
      if (values.first === "loaded") options.weights = loaded;
      loading = true;
      say(words`Loading the images …`);
      refresh();
      try {
        options.data = await data.load();
      } catch (error) {
        return complain(error.message);
      } finally {
        loading = false;
        refresh();
      }
      training?.close();
      steps = 0;
      begun = values;
      curves.clear(keep.checked);
      compare();
      log.clear();
      say("");
      const mine = training = LeNet.train({
        ...options,
        batchSize,
        progress: (state) => mine === training && progressed(state),
        epoch: (record) => mine === training && epochDone(record),
        done: () => mine === training && ended(),
        failed: (reason) => mine === training && failed(reason),
      });
    }

    function progressed(state) {
      steps = state.step;
      if (!steps) return;
      const { activation, pooling } = begun;
      net = new LeNet(state.weights, { activation, pooling });
      curves.progress(state);
      refresh();
    }

    function epochDone(record) {
      curves.epoch(record);
      const { seed, changed } = begun;
      if (!changed && seed === 0 && !live.differences(begun).length) {
        log.add(record);
      }
      if (performance.now() - announced > NEWS) {
        announced = performance.now();
        const [loss, accuracy] = [record.train_loss, record.test_acc]
          .map((value) => live.fixed(value, 3));
        live.announce(
          words`Epoch ${record.epoch}: loss ${loss}, test accuracy ${accuracy}`,
        );
      }
    }

    function ended() {
      const now = { values: begun, weights: training.weights(), steps };
      const same = last?.steps === steps && !begun.changed &&
        JSON.stringify(last.values) === JSON.stringify(begun);
      const count = thousands(LeNet.WEIGHTS);
      const text = [
        words`Done after ${thousands(steps)} steps.`,
        !same
          ? ""
          : sameBits(last.weights, now.weights)
          ? words`All ${count} weights agree with the run before, bit for bit.`
          : words`The weights are not those of the run before.`,
        log.root.lastChild.textContent,
      ];
      last = now;
      begun = undefined;
      say(live.join(text, " "));
      guided.ended();
      refresh();
    }

    function failed(reason) {
      begun = undefined;
      complain(reason);
      guided.ended();
      refresh();
    }

    async function startOrPause() {
      if (loading) return;
      if (training?.running) {
        training.pause();
        say(words`Paused.`);
        refresh();
      } else await go("run");
    }

    /* On, by a "step" or a "run". */
    async function go(how) {
      if (loading) return;
      if (!begun) await begin();
      if (begun) {
        say("");
        training[how]();
      }
      refresh();
    }

    function resetAll() {
      if (loading) return;
      training?.close();
      training = begun = last = undefined;
      curves.clear(false);
      compare();
      log.clear();
      say(words`Reset.`);
      refresh();
    }

    const start = live.button(words`Start`, startOrPause);
    const step = live.button(words`One step`, () => go("step"));
    const reset = live.button(words`Reset`, resetAll);
    const keep = live.element("input", { type: "checkbox" });

    const keepFile = live.button(words`Save the weights`, () => {
      save(net.toSafetensors(), "lenet.safetensors");
      const other = net.activation !== "sigmoid" || net.pooling !== "mean";
      const command = "lenet-d2l predict IMAGE --weights lenet.safetensors";
      say(
        other
          ? words`Saved as lenet.safetensors. “${command}” reads it, but
              computes with sigmoids and mean pooling, so its answers are not
              those of this net.`
          : words`Saved as lenet.safetensors. “${command}” reads it.`,
      );
    });
    const file = live.element("input", {
      type: "file",
      change: async () => {
        const [chosen] = file.files;
        file.value = "";
        if (!chosen) return;
        if (begun) return complain(UNDER_WAY);
        try {
          const { activation, pooling } = settings.values;
          const content = await chosen.arrayBuffer();
          const kind = { activation, pooling };
          const read = LeNet.fromSafetensors(content, kind);
          net = read;
          loaded = net.weights();
          settings.offerLoaded();
          settings.set({
            activation: net.activation,
            pooling: net.pooling,
            first: "loaded",
          });
          changed("first");
          curves.show(loaded);
          say(
            words`The weights of “${chosen.name}” are here. You can look
              inside, or go on training from them.`,
          );
        } catch ({ message: why }) {
          complain(words`“${chosen.name}” can't be loaded. ${why}`);
        }
        refresh();
      },
    });

    function show(detail, text) {
      document.dispatchEvent(new CustomEvent("live-net", { detail }));
      document.querySelector('[data-live="look"]')?.scrollIntoView();
      say(text);
    }

    const look = live.button(words`Look inside this net`, () => {
      show(net, words`The part above now shows your net.`);
    });
    const back = live.button(words`Back to the book's net`, () => {
      show(null, words`The part above shows the book's net again.`);
    });
    const noNet = live.element(
      "span",
      {},
      words`There is no net of yours yet: take a step, or load weights.`,
    );

    const guided = live.experiments({
      earlier: () => last?.values,
      setUp(values, keepLast, text) {
        if (loading || begun) {
          complain(UNDER_WAY);
          message.scrollIntoView({ block: "center" });
          return;
        }
        settings.set(values);
        keep.checked = keepLast;
        changed("data");
        say(text);
        refresh();
        message.scrollIntoView({ block: "center" });
        start.focus({ preventScroll: true });
      },
    });

    const row = (...children) =>
      live.element("div", { class: "live-row" }, ...children);
    root.append(
      settings.root,
      row(
        start,
        step,
        reset,
        live.labelled(words`Keep the last curves in grey`, keep),
      ),
      message,
      wrong,
      curves.root,
      log.root,
      row(
        keepFile,
        live.labelled(words`Load weights`, file),
        look,
        back,
        noNet,
      ),
    );

    /* The address may change while the page is open, too. */
    function fromAddress() {
      if (begun || loading) return;
      const ignored = live.readAddress().filter(([name, text]) =>
        !settings.read(name, text)
      ).map((pair) => pair.join("=").slice(0, 40));
      compare();
      if (ignored.length) {
        const more = ignored.length - 5;
        const some = live.join(ignored.slice(0, 5), ", ");
        complain(
          more > 0
            ? words`The page ignored this in the address: ${some}, and ${more}
                more.`
            : words`The page ignored this in the address: ${some}.`,
        );
      }
    }
    globalThis.addEventListener("hashchange", fromAddress);
    fromAddress();
    refresh();
  }

  Object.assign(live, { trainer });
}
