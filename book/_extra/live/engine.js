"use strict";

/* The net in WebAssembly: a thin coat around lenet_d2l/speed/page.c, whose
   functions work on memory of their own. It runs in a worker or in the page. */

live.Engine = class Engine {
  static TRAIN = 60000; // Where the images of the test begin
  static WEIGHTS = 61706;
  /* The weights of the five layers that have some, without biases: where
     they begin, and how many they are */
  static LAYERS = [[0, 150], [156, 2400], [2572, 48000], [50692, 10080], [
    60856,
    840,
  ]];

  static async open(binary) {
    const { instance } = await WebAssembly.instantiate(binary);
    return new Engine(instance.exports);
  }

  constructor(code) {
    this.code = code;
    this.net = this.#array("net", Float32Array, Engine.WEIGHTS);
    this.gradient = this.#array("gradient", Float32Array, Engine.WEIGHTS);
    this.images = this.#array("images", Uint8Array, 70000 * 784);
    this.labels = this.#array("labels", Uint8Array, 70000);
    this.order = this.#array("order", Uint32Array, 70000);
  }

  #array(name, Type, length) {
    return new Type(this.code.memory.buffer, this.code[name].value, length);
  }

  /* Images of 784 bytes and their labels, for training and for the test. */
  setData({ train, test }) {
    this.images.set(train.images);
    this.labels.set(train.labels);
    this.images.set(test.images, Engine.TRAIN * 784);
    this.labels.set(test.labels, Engine.TRAIN);
  }

  setKind(activation, pooling) {
    const kinds = {
      activation: ["sigmoid", "tanh", "relu"].indexOf(activation),
    };
    kinds.pooling = ["mean", "max"].indexOf(pooling);
    for (const [name, kind] of Object.entries(kinds)) {
      this.#array(name, Int32Array, 1)[0] = kind;
    }
  }

  /* The first weights from a seed, as PyTorch draws them. */
  drawWeights(seed, first) {
    this.code.seed(seed >>> 0);
    this.code.draw_weights(Number(first === "xavier"));
  }

  /* The gradient of a minibatch, whose images `order` names from `begin` on.
     Gives the sum of their losses and the number of right answers. */
  minibatch(begin, size) {
    const loss = this.code.minibatch(begin, size);
    return { loss, right: this.#array("right", Int32Array, 1)[0] };
  }

  /* The 2-norm of the gradient in the weights of each layer. */
  norms() {
    return Float32Array.from(Engine.LAYERS, ([begin, size]) => {
      let sum = 0;
      for (let i = begin; i < begin + size; i++) sum += this.gradient[i] ** 2;
      return Math.sqrt(sum);
    });
  }
};
