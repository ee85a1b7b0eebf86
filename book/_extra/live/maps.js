"use strict";

/* Arrays as pictures, each on a scale that stays the same: a map that has
   died looks dead, and is not brightened up. */

{
  /* Grey from black to white; or blue over white to red, for numbers of both
     signs. The arguments run from 0 to 1. */
  const COLOURS = {
    grey: (t) => [255 * t, 255 * t, 255 * t],
    signed: (t) =>
      t < 0.5 ? [255 * 2 * t, 114 + 141 * 2 * t, 178 + 77 * 2 * t] : [
        255 - 60 * (2 * t - 1),
        255 - 196 * (2 * t - 1),
        255 - 255 * (2 * t - 1),
      ],
  };

  /* Draw `rows` times `columns` numbers from `values` into a canvas, one
     pixel a number; its size on the screen is for the style sheet. `from`
     and `to` are the ends of the scale. */
  function drawMap(canvas, values, rows, columns, from, to, colours = "grey") {
    if (canvas.width !== columns) canvas.width = columns;
    if (canvas.height !== rows) canvas.height = rows;
    const context = canvas.getContext("2d");
    const image = context.createImageData(columns, rows);
    for (let i = 0; i < rows * columns; i++) {
      const t = Math.min(1, Math.max(0, (values[i] - from) / (to - from)));
      const [red, green, blue] = COLOURS[colours](t);
      image.data.set([red, green, blue, 255], 4 * i);
    }
    context.putImageData(image, 0, 0);
  }

  Object.assign(live, { drawMap });
}
