"use strict";

/* Images shifted, rotated, covered and with noise, as chapter 9 does it. */

{
  const SIDE = 28, MIDDLE = (SIDE - 1) / 2;

  /* Rotated clockwise by degrees, then shifted by pixels: each new pixel asks
     where it comes from, and mixes the four pixels around that place.
     Outside the image everything is black. */
  function moved(pixels, right, down, angle) {
    const cos = Math.cos(angle * Math.PI / 180);
    const sin = Math.sin(angle * Math.PI / 180);
    const at = (row, column) =>
      Math.min(row, column) < 0 || Math.max(row, column) >= SIDE
        ? 0
        : pixels[row * SIDE + column];
    return Float32Array.from({ length: SIDE * SIDE }, (_, i) => {
      const x = i % SIDE - MIDDLE - right;
      const y = Math.floor(i / SIDE) - MIDDLE - down;
      const column = cos * x + sin * y + MIDDLE;
      const row = cos * y - sin * x + MIDDLE;
      const left = Math.floor(column), top = Math.floor(row);
      const across = column - left, along = row - top;
      const mix = (line) =>
        (1 - across) * at(line, left) + across * at(line, left + 1);
      return (1 - along) * mix(top) + along * mix(top + 1);
    });
  }

  /* One normal number per pixel, always the same ones, so that the image
     holds still while a slider moves. PyTorch's, in the chapter, differ. */
  function normals() {
    let state = 0;
    const uniform = () => { // The generator mulberry32
      state = (state + 0x6d2b79f5) | 0;
      let bits = Math.imul(state ^ (state >>> 15), state | 1);
      bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
      return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
    };
    return Float32Array.from({ length: SIDE * SIDE }, () => {
      const length = Math.sqrt(-2 * Math.log(1 - uniform()));
      return length * Math.cos(2 * Math.PI * uniform());
    });
  }
  const NORMALS = normals();

  /* Rotated, shifted, then covered by a black square, then with noise of a
     standard deviation. */
  function distorted(
    pixels,
    { right = 0, down = 0, angle = 0, noise = 0, cover = null },
  ) {
    const image = right || down || angle
      ? moved(pixels, right, down, angle)
      : Float32Array.from(pixels);
    if (cover) {
      const { row, column, size } = cover;
      for (let y = row; y < Math.min(SIDE, row + size); y++) {
        image.fill(
          0,
          y * SIDE + column,
          y * SIDE + Math.min(SIDE, column + size),
        );
      }
    }
    if (!noise) return image;
    return image.map((value, i) =>
      Math.min(1, Math.max(0, value + noise * NORMALS[i]))
    );
  }

  Object.assign(live, { distorted });
}
