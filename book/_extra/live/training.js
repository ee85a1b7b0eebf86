"use strict";

/* LeNet.train: a training that a page can start, pause, step and stop. The
   work is done in a worker (worker.js) by WebAssembly (engine.js). */

{
  const { words } = live;
  const DEFAULTS = {
    seed: 0,
    rate: 0.9,
    batchSize: 256,
    epochs: 10,
    activation: "sigmoid",
    pooling: "mean",
    first: "xavier", // Or "pytorch": the weights that its layers begin with
    weights: undefined, // To go on from these
  };

  /* Why a training has ended too soon, by the worker's message. */
  function reason({ notFinite, cannotStart, failed }) {
    if (cannotStart) return words`WebAssembly can't start: ${cannotStart}`;
    if (!notFinite) return failed;
    const { epoch, batch, rate } = notFinite;
    return words`The loss is no longer finite in epoch ${epoch}, minibatch
      ${batch}, both counted from 0. Its step wasn't taken. The learning rate
      ${rate} is probably too high: try a smaller one.`;
  }

  class Training {
    #worker;
    #weights;
    #hear;
    running = false;

    /* See LeNet.train */
    constructor({ data, ...options }) {
      this.options = { ...DEFAULTS, ...options, data };
      this.#hear = options;
      this.opened = this.#open();
    }

    async #open() {
      try {
        await Promise.all(
          ["engine.js", "worker.js", "data/engine.js"].map(live.load),
        );
        const text = `(${live.trainingWorker})(${live.Engine})`;
        const blob = new Blob([text], { type: "text/javascript" });
        const address = URL.createObjectURL(blob);
        this.#worker = new Worker(address);
        URL.revokeObjectURL(address);
      } catch (error) {
        this.#fail(error.message);
        return false;
      }
      return new Promise((opened) => {
        this.#worker.onerror = (event) => {
          this.#fail(event.message || words`your browser has refused it`);
          opened(false);
        };
        this.#worker.onmessage = ({ data: message }) => {
          if (message.ready) {
            this.#weights = message.ready;
            opened(true);
          } else if (message.progress) {
            this.#weights = message.progress.weights;
            this.#hear.progress?.(message.progress);
          } else if (message.epoch) {
            this.#hear.epoch?.(message.epoch);
          } else {
            this.running = false;
            if (message.done) this.#hear.done?.();
            else this.#hear.failed?.(reason(message));
            opened(false);
          }
        };
        const told = Object.entries(this.options).filter(([, value]) =>
          typeof value !== "function"
        );
        const binary = live.bytes(live.data.engine);
        this.#tell("open", { ...Object.fromEntries(told), binary });
      });
    }

    #fail(message) {
      this.running = false;
      const reason = message.replace(/[.。]$/, ""); // One follows
      this.#hear.failed?.(
        words`The training can't start: ${reason}. You can still look into the
          book's net above.`,
      );
    }

    #tell(name, value) {
      this.#worker?.postMessage([name, value]);
    }

    /* Go on until it is paused or done. */
    async run() {
      this.running = true;
      if (await this.opened && this.running) this.#tell("run");
    }

    pause() {
      this.running = false;
      this.#tell("pause");
    }

    /* One minibatch. */
    async step() {
      if (await this.opened) this.#tell("step");
    }

    /* A new learning rate, from the next minibatch on. */
    setRate(rate) {
      this.options.rate = rate;
      this.#tell("setRate", rate);
    }

    /* A copy of the weights, as last reported. */
    weights() {
      return this.#weights?.slice();
    }

    close() {
      this.running = false;
      this.#worker?.terminate();
    }
  }

  /* Begin a training, paused. `options` are those above, and `data`:
     {train, test}, each with `images`, a Uint8Array of 784 bytes an image,
     and `labels`. It calls, where given: progress(state) ten times a second
     and after each step; epoch(record); done(); failed(message). */
  LeNet.train = (options) => new Training(options);
}
