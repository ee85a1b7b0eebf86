"use strict";

/* The book's LeNet in plain JavaScript: all numbers between an image and its
   ten logits, one image at a time. It is as exact as PyTorch and much slower,
   fast enough to look. For training there is engine.js.

   Weights and biases are one Float32Array in the order of PyTorch's
   state_dict. A map is an array of side · side numbers, row by row. */

{
  const { words } = live;
  const SIDE = 28, KERNEL = 5;

  /* Name in PyTorch, shape, and where its numbers begin among the weights */
  const PARAMETERS = [];
  let begin = 0;
  for (
    const [name, ...shape] of [
      ["1.weight", 6, 1, 5, 5],
      ["1.bias", 6],
      ["4.weight", 16, 6, 5, 5],
      ["4.bias", 16],
      ["8.weight", 120, 400],
      ["8.bias", 120],
      ["10.weight", 84, 120],
      ["10.bias", 84],
      ["12.weight", 10, 84],
      ["12.bias", 10],
    ]
  ) {
    const size = shape.reduce((a, b) => a * b);
    PARAMETERS.push({ name, shape, begin, size });
    begin += size;
  }
  const WEIGHTS = begin;

  /* The layers by the paper's names. `from` is the layer before; a layer
     with weights names them. */
  const LAYERS = [
    { name: "input", maps: 1, side: 28 },
    {
      name: "C1",
      maps: 6,
      side: 28,
      from: 0,
      kind: "convolution",
      weights: 0,
      padding: 2,
    },
    { name: "S2", maps: 6, side: 14, from: 1, kind: "pooling" },
    {
      name: "C3",
      maps: 16,
      side: 10,
      from: 2,
      kind: "convolution",
      weights: 2,
      padding: 0,
    },
    { name: "S4", maps: 16, side: 5, from: 3, kind: "pooling" },
    { name: "C5", maps: 120, side: 1, from: 4, kind: "linear", weights: 4 },
    { name: "F6", maps: 84, side: 1, from: 5, kind: "linear", weights: 6 },
    { name: "output", maps: 10, side: 1, from: 6, kind: "linear", weights: 8 },
  ];

  const ACTIVATIONS = {
    sigmoid: (x) => 1 / (1 + Math.exp(-x)),
    tanh: Math.tanh,
    relu: (x) => Math.max(0, x),
  };

  const POOLINGS = {
    mean: (numbers) => numbers.reduce((a, b) => a + b) / 4,
    max: (numbers) => Math.max(...numbers),
  };

  const index = (layer, map, row, column) =>
    (map * layer.side + row) * layer.side + column;

  class LeNet {
    /* Of 61,706 weights; `activation` is "sigmoid", "tanh" or "relu", and
       `pooling` "mean" or "max". What else a file says of them is told in the
       page, so that these errors are in its language. */
    constructor(weights, { activation = "sigmoid", pooling = "mean" } = {}) {
      if (weights.length !== WEIGHTS) {
        throw new RangeError(
          `LeNet has ${WEIGHTS} weights, not ${weights.length}`,
        );
      }
      if (!Object.hasOwn(ACTIVATIONS, activation)) {
        throw new RangeError(
          words`activation is one of sigmoid, tanh or relu`,
        );
      }
      if (!Object.hasOwn(POOLINGS, pooling)) {
        throw new RangeError(words`pooling is one of mean or max`);
      }
      this.numbers = new Float32Array(weights);
      Object.assign(this, { activation, pooling });
    }

    /* The net that the book shows. */
    static published() {
      const numbers = live.bytes(live.data.weights).buffer;
      return new LeNet(new Float32Array(numbers));
    }

    /* A copy of all weights and biases. */
    weights() {
      return this.numbers.slice();
    }

    /* All numbers between an image and the answer.

       `pixels` are 784 numbers in [0, 1], row by row. `off` holds maps to
       switch off, such as "C1 0" for the first of C1: their numbers become 0.
       Gives `layers`, each as in LeNet.LAYERS with its `values`; `logits` and
       `probabilities`, one of each per class; and the class of the `answer`. */
    forward(pixels, off = new Set()) {
      if (pixels.length !== SIDE * SIDE) {
        throw new RangeError(`an image has 784 pixels, not ${pixels.length}`);
      }
      const image = new Float32Array(pixels);
      if (!image.every(Number.isFinite)) {
        throw new RangeError("not all pixels are finite numbers");
      }
      const layers = [{ ...LAYERS[0], values: image }];
      for (const layer of LAYERS.slice(1)) {
        layers.push({
          ...layer,
          values: this.#compute(layer, layers[layer.from], off),
        });
      }
      const logits = layers.at(-1).values;
      const most = Math.max(...logits);
      const powers = Array.from(logits, (z) => Math.exp(z - most));
      const sum = powers.reduce((a, b) => a + b);
      return {
        layers,
        logits,
        probabilities: powers.map((power) => power / sum),
        answer: logits.indexOf(most),
      };
    }

    #compute(layer, before, off) {
      const { maps, side } = layer;
      const values = new Float32Array(maps * side * side);
      const squash = this.#squashing(layer);
      for (let m = 0; m < maps; m++) {
        if (off.has(`${layer.name} ${m}`)) continue;
        for (let r = 0; r < side; r++) {
          for (let c = 0; c < side; c++) {
            values[index(layer, m, r, c)] = layer.kind === "pooling"
              ? POOLINGS[this.pooling](four(before, m, r, c))
              : squash(this.#sum(layer, before, m, r, c));
          }
        }
      }
      return values;
    }

    #squashing(layer) {
      return layer.name === "output" ? (x) => x : ACTIVATIONS[this.activation];
    }

    /* Bias, and each weight times the number that it looks at */
    #sum(layer, before, m, r, c) {
      const weights = this.#at(layer.weights);
      let sum = this.#at(layer.weights + 1)[m];
      if (layer.kind === "linear") {
        const size = before.values.length;
        for (let i = 0; i < size; i++) {
          sum += weights[m * size + i] * before.values[i];
        }
        return sum;
      }
      const top = r - layer.padding, left = c - layer.padding;
      for (let b = 0; b < before.maps; b++) {
        for (let i = 0; i < KERNEL; i++) {
          const row = top + i;
          if (row < 0 || row >= before.side) continue;
          for (let j = 0; j < KERNEL; j++) {
            const column = left + j;
            if (column < 0 || column >= before.side) continue;
            sum += weights[((m * before.maps + b) * KERNEL + i) * KERNEL + j] *
              before.values[index(before, b, row, column)];
          }
        }
      }
      return sum;
    }

    #at(parameter) {
      const { begin, size } = PARAMETERS[parameter];
      return this.numbers.subarray(begin, begin + size);
    }

    /* Where one value of a `forward` comes from: its `terms`, each the
       `weight` of a `value` at a `map`, `row` and `column` of the layer
       before; the `bias`; their `sum`; and the `result` behind the
       activation. Places of padding are terms whose value is 0, and they are
       `outside`. Of pooling by mean, the weights are quarters; by the
       maximum, 1 for the greatest number and 0 for the others. */
    explain({ layers }, which, map, row = 0, column = 0) {
      const layer = layers[which], before = layers[layer.from];
      const terms = [];
      const add = (b, r, c, weight) => {
        const outside = Math.min(r, c) < 0 || Math.max(r, c) >= before.side;
        const value = outside ? 0 : before.values[index(before, b, r, c)];
        terms.push({
          map: b,
          row: r,
          column: c,
          outside,
          weight,
          value,
          product: weight * value,
        });
      };
      if (layer.kind === "pooling") {
        const numbers = four(before, map, row, column);
        const greatest = numbers.indexOf(Math.max(...numbers));
        numbers.forEach((_, i) =>
          add(
            map,
            2 * row + (i >> 1),
            2 * column + (i & 1),
            this.pooling === "mean" ? 1 / 4 : Number(i === greatest),
          )
        );
      } else if (layer.kind === "linear") {
        const weights = this.#at(layer.weights), area = before.side ** 2;
        for (let i = 0; i < before.values.length; i++) {
          const rest = i % area;
          add(
            Math.floor(i / area),
            Math.floor(rest / before.side),
            rest % before.side,
            weights[map * before.values.length + i],
          );
        }
      } else {
        const weights = this.#at(layer.weights);
        for (let b = 0; b < before.maps; b++) {
          for (let i = 0; i < KERNEL ** 2; i++) {
            add(
              b,
              row - layer.padding + Math.floor(i / KERNEL),
              column - layer.padding + i % KERNEL,
              weights[(map * before.maps + b) * KERNEL ** 2 + i],
            );
          }
        }
      }
      const bias = layer.kind === "pooling"
        ? 0
        : this.#at(layer.weights + 1)[map];
      const sum = terms.reduce((total, { product }) => total + product, bias);
      const result = layer.kind === "pooling"
        ? sum
        : this.#squashing(layer)(sum);
      return { terms, bias, sum, result };
    }
  }

  /* The four numbers that one number of pooling looks at. */
  function four(before, map, row, column) {
    const first = index(before, map, 2 * row, 2 * column);
    return [0, 1, before.side, before.side + 1].map((step) =>
      before.values[first + step]
    );
  }

  Object.assign(LeNet, { LAYERS, PARAMETERS, WEIGHTS });
  globalThis.LeNet = LeNet;
}
