"use strict";

/* Weights as a file of the format safetensors, which PyTorch reads and the
   book's own commands read and write: the length of a header, the header in
   JSON, and the numbers. */

{
  const { words } = live;

  /* The net in the file's content, an ArrayBuffer. `settings` are those of
     the net (see LeNet): a file says nothing about them unless this page has
     written it. What is no LeNet of finite numbers is an Error that says so. */
  function fromSafetensors(content, settings = {}) {
    const view = new DataView(content);
    const length = view.byteLength < 8 ? 0 : Number(view.getBigUint64(0, true));
    let header;
    try {
      const text = new Uint8Array(content, 8, length);
      header = { ...JSON.parse(new TextDecoder().decode(text)) };
    } catch {
      throw new Error(words`This is no safetensors file.`);
    }
    const { __metadata__: written = {}, ...tensors } = header;
    const weights = new Float32Array(LeNet.WEIGHTS);
    for (const { name, shape, begin, size } of LeNet.PARAMETERS) {
      const found = tensors[name];
      if (String(found?.shape) !== String(shape)) {
        throw new Error(
          found?.shape
            ? words`This file is of another net: the shape of ${name} is
                [${found.shape}], LeNet's is [${shape}].`
            : words`This file is of another net: the shape of ${name} is
                missing, LeNet's is [${shape}].`,
        );
      }
      const first = 8 + length + Number(found.data_offsets?.[0]);
      if (found.dtype !== "F32" || !(first + 4 * size <= view.byteLength)) {
        throw new Error(
          words`This file is damaged, or ${name} is not of float32.`,
        );
      }
      for (let i = 0; i < size; i++) {
        weights[begin + i] = view.getFloat32(first + 4 * i, true);
      }
    }
    const unknown = Object.keys(tensors).length - LeNet.PARAMETERS.length;
    if (unknown > 0) {
      throw new Error(
        words`This file is of another net: it has more layers.`,
      );
    }
    if (!weights.every(Number.isFinite)) {
      throw new Error(words`Not all numbers in this file are finite.`);
    }
    return new LeNet(weights, { ...settings, ...written });
  }

  /* The net as the content of a file. */
  function toSafetensors(net) {
    const header = {
      __metadata__: { activation: net.activation, pooling: net.pooling },
    };
    for (const { name, shape, begin, size } of LeNet.PARAMETERS) {
      const data_offsets = [4 * begin, 4 * (begin + size)];
      header[name] = { dtype: "F32", shape, data_offsets };
    }
    let text = JSON.stringify(header);
    text += " ".repeat(-text.length & 7); // So that the numbers are aligned
    const content = new ArrayBuffer(8 + text.length + 4 * LeNet.WEIGHTS);
    const view = new DataView(content);
    view.setBigUint64(0, BigInt(text.length), true);
    new Uint8Array(content, 8).set(new TextEncoder().encode(text));
    net.weights().forEach((weight, i) =>
      view.setFloat32(8 + text.length + 4 * i, weight, true)
    );
    return new Uint8Array(content);
  }

  LeNet.fromSafetensors = fromSafetensors;
  LeNet.prototype.toSafetensors = function () {
    return toSafetensors(this);
  };
}
