"use strict";

/* The loop of training, in a thread of its own, so that the page stays
   quick. A page from a disk may not start a worker from a file: training.js
   makes one from the text of this function and of live.Engine. */

live.trainingWorker = function trainingWorker(Engine) {
  const SLICE = 30; // Milliseconds between looks at the page's messages
  const NEWS = 100; // Milliseconds between reports to the page

  let engine, options, work, timer;
  let running = false;
  const now = { epoch: 0, batch: 0, batches: 0, step: 0 };

  /* All of the training, a minibatch or a slice of a test at a time. Gives
     what to tell the page at its end, which knows the reader's language. */
  function* training() {
    const { train, test } = options.data;
    const count = train.labels.length;
    now.batches = Math.ceil(count / options.batchSize);
    for (now.epoch = 0; now.epoch < options.epochs; now.epoch++) {
      engine.code.shuffle(count);
      let loss = 0, right = 0, seconds = 0;
      for (now.batch = 0; now.batch < now.batches; now.batch++) {
        const begin = performance.now();
        const first = now.batch * options.batchSize;
        const size = Math.min(options.batchSize, count - first);
        const got = engine.minibatch(first, size);
        if (!Number.isFinite(got.loss)) {
          return { notFinite: { ...now, rate: options.rate } };
        }
        engine.code.step(options.rate);
        loss += got.loss;
        right += got.right;
        seconds += (performance.now() - begin) / 1000;
        now.step += 1;
        now.batchLoss = got.loss / size;
        now.loss = loss / (first + size);
        now.accuracy = right / (first + size);
        now.imagesPerSecond = (first + size) / seconds;
        yield;
      }
      engine.code.begin_pass(); // As PyTorch's loader of the test does
      let correct = 0;
      for (let first = 0; first < test.labels.length; first += 512) {
        const size = Math.min(512, test.labels.length - first);
        correct += engine.code.evaluate(Engine.TRAIN + first, size);
        if (first) yield;
      }
      postMessage({
        epoch: {
          epoch: now.epoch,
          step: now.step,
          train_loss: loss / count,
          train_acc: right / count,
          test_acc: correct / test.labels.length,
          seconds,
        },
      });
    }
    return { done: true };
  }

  function report() {
    const weights = engine.net.slice();
    const state = { ...now, norms: engine.norms(), weights };
    postMessage({ progress: { ...state, rate: options.rate } });
  }

  let reported = 0;

  function advance(stop) {
    try {
      do {
        const { done, value } = work.next();
        if (done) {
          running = false;
          report();
          postMessage(value);
          return;
        }
      } while (performance.now() < stop);
      if (!running || performance.now() - reported > NEWS) {
        reported = performance.now();
        report();
      }
      if (running) timer = setTimeout(() => advance(performance.now() + SLICE));
    } catch (error) {
      running = false;
      report();
      postMessage({ failed: error.message });
    }
  }

  const answers = {
    async open(given) {
      options = given;
      try {
        engine = await Engine.open(options.binary);
      } catch (error) {
        postMessage({ cannotStart: error.message });
        return;
      }
      engine.setData(options.data);
      engine.setKind(options.activation, options.pooling);
      engine.drawWeights(options.seed, options.first);
      if (options.weights) engine.net.set(options.weights);
      work = training();
      postMessage({ ready: engine.net.slice() });
    },
    run() {
      if (running) return;
      running = true;
      advance(0);
    },
    pause() {
      running = false;
      clearTimeout(timer);
      report();
    },
    step() {
      if (!running) advance(0);
    },
    setRate(rate) {
      options.rate = rate;
    },
  };

  onmessage = ({ data: [name, value] }) => answers[name](value);
};
