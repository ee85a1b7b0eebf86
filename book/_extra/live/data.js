"use strict";

/* Data that comes with the book, as text in scripts: a page that was opened
   from a disk may load scripts and nothing else. */

{
  const { words } = live;

  /* How many images a training sees: those that come with the book, or all
     of Fashion-MNIST. */
  const IMAGES = { part: 6000, files: 60000 };

  /* The name of a class, as a reader sees it. */
  function className(which) {
    return words([live.data.classes[which]]);
  }

  /* The bytes that a text in base64 stands for. */
  function bytes(base64) {
    return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  }

  /* The images that come with the book, each 784 numbers in [0, 1]. */
  function storedImages() {
    const { pixels, list } = live.data.images, all = bytes(pixels);
    const size = all.length / list.length;
    return list.map((_, i) => {
      const image = all.subarray(i * size, (i + 1) * size);
      return Float32Array.from(image, (byte) => byte / 255);
    });
  }

  /* What gzip has made smaller, at its full size. */
  async function inflate(small) {
    const stream = new Blob([small]).stream();
    const large = stream.pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(large).arrayBuffer());
  }

  /* The SHA-256 of bytes, as 64 hexadecimal digits. */
  async function sha256(content) {
    if (!globalThis.crypto?.subtle) {
      throw new Error(
        words`your browser verifies files only on pages that come from a disk,
          from localhost or by https`,
      );
    }
    const digest = await crypto.subtle.digest("SHA-256", content);
    const pairs = Array.from(
      new Uint8Array(digest),
      (byte) => byte.toString(16).padStart(2, "0"),
    );
    return pairs.join("");
  }

  const here = document.currentScript.src;
  const loading = new Map();

  /* Load another script of this folder, once. */
  function load(file) {
    if (!loading.has(file)) {
      loading.set(
        file,
        new Promise((done, failed) => {
          const script = document.createElement("script");
          script.src = new URL(file, here);
          script.onload = done;
          script.onerror = () => {
            loading.delete(file);
            script.remove();
            failed(
              new Error(words`The book's file live/${file} can't be read.`),
            );
          };
          document.head.append(script);
        }),
      );
    }
    return loading.get(file);
  }

  Object.assign(live, {
    IMAGES,
    bytes,
    className,
    inflate,
    load,
    sha256,
    storedImages,
  });
}
