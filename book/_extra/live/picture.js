"use strict";

/* A picture as LeNet's input: what `read_picture` of the book's package does
   (chapter 9 shows it), with Pillow's arithmetic, so that both give the same
   784 numbers. */

{
  const { thousands, words } = live;
  const SIDE = 28; // Pixels, of the data's images
  const CLOSE = 0.05 * 255; // So near to the background still belongs to it
  const LIGHT = 128; // Grey from which on a background is light
  const MOST = 89_478_485; // Pixels; Pillow has the same limit
  const LONGEST = 32_767; // Pixels, of a side: canvases end there
  const HEAVIEST = 2 ** 28; // Bytes of a file
  const STRIP = 2 ** 20; // Pixels in memory at a time

  /* Half to even, as Python rounds. */
  function rounded(number) {
    const below = Math.floor(number), rest = number - below;
    return rest > 0.5 || (rest === 0.5 && below % 2) ? below + 1 : below;
  }

  const greyOf = (red, green, blue) =>
    (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16;

  /* The median of the four corners, channel by channel. */
  function background({ width, height, rows }) {
    const last = 4 * (width - 1);
    const ends = [rows(0, 1), rows(height - 1, 1)];
    return [0, 1, 2].map((channel) => {
      const four = ends.flatMap((row) => [row[channel], row[last + channel]]);
      four.sort((a, b) => a - b);
      return (four[1] + four[2]) >> 1;
    });
  }

  /* Make the box larger until it holds all of these rows that differs from
     the background. */
  function widen(box, data, width, top, [red, green, blue]) {
    for (let i = 0, pixel = 0; i < data.length; i += 4, pixel++) {
      if (
        Math.abs(data[i] - red) > CLOSE ||
        Math.abs(data[i + 1] - green) > CLOSE ||
        Math.abs(data[i + 2] - blue) > CLOSE
      ) {
        const x = pixel % width, y = top + (pixel - x) / width;
        if (x < box.left) box.left = x;
        if (x >= box.right) box.right = x + 1;
        if (y < box.top) box.top = y;
        if (y >= box.bottom) box.bottom = y + 1;
      }
    }
  }

  /* The middles of `count` equal parts of an edge. Steps are added up, and
     the start is added last, since Pillow rounds so, too. */
  function places(start, edge, count) {
    const found = [], step = edge / count;
    for (let at = step / 2; found.length < count; at += step) {
      found.push(start + Math.floor(at));
    }
    return found;
  }

  /* Twice the image less its blur by a Gaussian; Pillow reckons with 32 bits
     and leaves the outermost pixels as they are. */
  const single = Math.fround;
  const WEIGHTS = [-1, 0, 1].flatMap((y) =>
    [-1, 0, 1].map((x) => -Math.exp(-(x * x + y * y) / 2))
  );
  const SUM = WEIGHTS.reduce((a, b) => a + b);
  WEIGHTS[4] -= 2 * SUM;
  const KERNEL = WEIGHTS.map((weight) => single(single(weight) / single(-SUM)));

  function sharpened(grey, width, height) {
    const sharp = grey.slice();
    for (let y = 1; y < height - 1; y++) {
      for (let x = 1; x < width - 1; x++) {
        let sum = 0.5;
        for (const down of [1, 0, -1]) {
          const at = (y + down) * width + x, k = 4 - 3 * down;
          const left = single(grey[at - 1] * KERNEL[k - 1]);
          const middle = single(grey[at] * KERNEL[k]);
          const right = single(grey[at + 1] * KERNEL[k + 1]);
          sum = single(sum + single(single(left + middle) + right));
        }
        sharp[y * width + x] = Math.max(0, Math.min(255, Math.floor(sum)));
      }
    }
    return sharp;
  }

  /* All the work, in pieces, so that a large picture needn't hold up the
     page. A picture has a width, a height, and `rows(top, count)`, which are
     bytes of red, green, blue and alpha, all of it opaque. `name` is for what
     is wrong with it, and `tell` hears what was done. */
  function* prepare(picture, name, tell) {
    const { width, height, rows } = picture, ground = background(picture);
    const box = { left: width, top: height, right: 0, bottom: 0 };
    const strip = Math.ceil(STRIP / width);
    for (let top = 0; top < height; top += strip) {
      const count = Math.min(strip, height - top);
      widen(box, rows(top, count), width, top, ground);
      yield;
    }
    if (!box.right) {
      throw new Error(words`${name} is empty: it has one colour.`);
    }

    const groundGrey = greyOf(...ground), light = groundGrey >= LIGHT;
    const own = !light && width === SIDE && height === SIDE;
    if (own) Object.assign(box, { left: 0, top: 0, right: SIDE, bottom: SIDE });
    const bright = (data, x) => {
      const grey = greyOf(data[4 * x], data[4 * x + 1], data[4 * x + 2]);
      if (own) return grey;
      return Math.max(0, light ? groundGrey - grey : grey - groundGrey);
    };
    let seen = false;
    for (let y = box.top; y < box.bottom && !seen; y++) {
      const data = rows(y, 1);
      for (let x = box.left; x < box.right && !seen; x++) {
        seen = bright(data, x) > 0;
      }
      if (y % 256 === 0) yield;
    }
    if (!seen) {
      throw new Error(words`${name} is empty: nothing stands out in grey.`);
    }

    const wide = box.right - box.left, high = box.bottom - box.top;
    const scale = SIDE / Math.max(wide, high);
    const columns = Math.max(1, rounded(scale * wide));
    const lines = Math.max(1, rounded(scale * high));
    const xs = places(box.left, wide, columns);
    const small = places(box.top, high, lines).flatMap((y) => {
      const data = rows(y, 1);
      return xs.map((x) => bright(data, x));
    });
    const pixels = new Float32Array(SIDE * SIDE);
    const left = rounded((SIDE - columns) / 2);
    const top = rounded((SIDE - lines) / 2);
    (own ? small : sharpened(small, columns, lines)).forEach((grey, i) => {
      const x = i % columns, y = (i - x) / columns;
      pixels[(top + y) * SIDE + left + x] = grey / 255;
    });
    tell(
      own
        ? words`Left as it is: it has the size and the dark background of the
          data's own images.`
        : light
        ? words`Trimmed from ${width}×${height} pixels to the ${wide}×${high}
          that stand out, scaled to ${columns}×${lines}, sharpened, centred
          on 28×28, and negated, because its background is light.`
        : words`Trimmed from ${width}×${height} pixels to the ${wide}×${high}
          that stand out, scaled to ${columns}×${lines}, sharpened, centred
          on 28×28.`,
    );
    return pixels;
  }

  /* The 784 numbers of an ImageData, where nothing is transparent. */
  function preparePicture(image, name, tell) {
    const { width, height, data } = image;
    const work = prepare(
      {
        width,
        height,
        rows: (top, count) =>
          data.subarray(4 * width * top, 4 * width * (top + count)),
      },
      name,
      tell,
    );
    for (;;) {
      const { done, value } = work.next();
      if (done) return value;
    }
  }

  /* Width and height of a file's picture. The browser reads them without
     decoding it: a small file can hold an enormous picture. */
  async function sizeOf(file) {
    const image = new Image();
    image.src = URL.createObjectURL(file);
    try {
      await new Promise((done, failed) => {
        image.onload = done;
        image.onerror = failed;
      });
      return [image.naturalWidth, image.naturalHeight];
    } catch {
      throw new Error(
        words`${file.name} can't be read as a picture: it is another kind of
          file, damaged, or far too large.`,
      );
    } finally {
      URL.revokeObjectURL(image.src);
    }
  }

  /* A file as a picture, decoded whole and drawn strip by strip. */
  async function decode(file) {
    const size = file.size > HEAVIEST ? [Infinity] : await sizeOf(file);
    if (Math.max(...size) > LONGEST || size[0] * size[1] > MOST) {
      throw new Error(
        words`${file.name} is too large; it may have ${thousands(MOST)} pixels,
          ${thousands(LONGEST)} to a side, and 256 MB.`,
      );
    }
    // Colours as the file has them: Pillow corrects none
    const options = { colorSpaceConversion: "none" };
    const bitmap = await createImageBitmap(file, options).catch(() => {
      throw new Error(
        words`${file.name} is damaged, or too large for this browser.`,
      );
    });
    const { width, height } = bitmap;
    const canvas = document.createElement("canvas");
    canvas.width = width;
    canvas.height = Math.min(height, Math.ceil(STRIP / width));
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.fillStyle = "white"; // Behind what is transparent
    return {
      width,
      height,
      rows(top, count) {
        context.fillRect(0, 0, width, count);
        context.drawImage(bitmap, 0, -top);
        return context.getImageData(0, 0, width, count).data;
      },
      close: () => bitmap.close(),
    };
  }

  /* The 784 numbers of a picture file. */
  async function openPicture(file, tell = () => {}) {
    const picture = await decode(file);
    try {
      const work = prepare(picture, file.name, tell);
      for (;;) {
        const { done, value } = work.next();
        if (done) return value;
        await new Promise((go) => setTimeout(go));
      }
    } finally {
      picture.close();
    }
  }

  Object.assign(live, { openPicture, preparePicture });
}
