"use strict";

/* Everything by which a reader chooses and changes an image: images of the
   test, a drawing, a file, and sliders. Below the sliders stands how often
   the book's net is right on images changed like this, where that was
   measured. */

{
  const { button, drawMap, element, fixed, labelled, slider } = live;
  const SIDE = 28, AREA = SIDE * SIDE;
  const COVER = 6; // Side of the square that chapter 9 covers images with
  const FORMATS = "image/png,image/jpeg,image/webp,image/gif,image/bmp";
  const ROWS = { class: "Some of each class", mistake: "Confident mistakes" };
  const HOW = {
    right: "shifted like this",
    down: "shifted like this",
    angle: "rotated like this",
    noise: "with as much noise",
    cover: "covered like this",
  };

  const quiet = (...text) => element("p", { class: "live-quiet" }, ...text);

  /* The images that come with the book. */
  function storedImages() {
    const { pixels, list } = live.data.images, all = live.bytes(pixels);
    return list.map(({ index, label, kind, logits }, i) => {
      const answer = logits.indexOf(Math.max(...logits));
      const [first, ...rest] = live.data.classes[label];
      let name = `${first.toUpperCase()}${rest.join("")}, ` +
        `image ${index} of the test images`;
      if (answer !== label) {
        name += `; the book's net says: ${live.data.classes[answer]}`;
      }
      const bytes = all.subarray(i * AREA, (i + 1) * AREA);
      const image = Float32Array.from(bytes, (byte) => byte / 255);
      return { kind, index, label, name, pixels: image };
    });
  }

  /* A row of images to press. It is one stop for the Tab key; the arrows go
     from image to image. */
  function strip(title, images, choose) {
    const buttons = images.map((image, i) => {
      const canvas = element("canvas");
      drawMap(canvas, image.pixels, SIDE, SIDE, 0, 1);
      return element("button", {
        type: "button",
        class: "live-image",
        "aria-label": image.name,
        "aria-pressed": "false",
        title: image.name,
        tabindex: i ? -1 : 0,
        click: () => choose(image),
        focus: () => {
          buttons.forEach((each, k) => each.tabIndex = k === i ? 0 : -1);
        },
      }, canvas);
    });
    const keydown = (event) => {
      const here = buttons.indexOf(event.target), last = buttons.length - 1;
      const to = {
        ArrowLeft: Math.max(0, here - 1),
        ArrowRight: Math.min(last, here + 1),
        Home: 0,
        End: last,
      }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      buttons[to].focus();
    };
    return {
      root: element(
        "div",
        {},
        element("p", {}, title),
        element(
          "div",
          {
            class: "live-images",
            role: "toolbar",
            "aria-label": title,
            keydown,
          },
          buttons,
        ),
      ),
      press: (chosen) =>
        buttons.forEach((each, i) =>
          each.setAttribute("aria-pressed", String(images[i] === chosen))
        ),
    };
  }

  /* How often the book's net is right on images changed so. It was
     measured with one change at a time, at some settings; nothing is guessed
     in between. */
  function measuredText(settings) {
    const { measured } = live.data;
    const changes = Object.keys(HOW).filter((name) => settings[name]);
    const at = (name, value) =>
      Object.entries(measured[name] ?? {})
        .find(([key]) => Math.abs(key - value) < 1e-9)?.[1];
    const [name] = changes;
    const accuracy = at(name ?? "right", settings[name] ?? 0);
    if (changes.length > 1) {
      return "The book measured one change at a time, so it has no accuracy " +
        "for these together.";
    }
    if (accuracy === undefined) {
      return `How often the net is right on images ${
        HOW[name]
      } wasn't measured.`;
    }
    const before = fixed(at("right", 0), 3);
    const count = measured.images.toLocaleString("en");
    return `Of the first ${count} test images, ${HOW[name] ?? "unchanged"}, ` +
      `the book's net gets ${fixed(accuracy, 3)} right` +
      (name ? ` (unchanged: ${before}).` : ".");
  }

  /* `root` is what to put into the page, `pixels` are the 784 numbers, and
     `change` hears them when they change. */
  function imageInput({ change }) {
    const images = storedImages();
    let chosen = images[0], source = chosen, pixels = chosen.pixels;

    const strips = Object.entries(ROWS).map(([kind, title]) =>
      strip(title, images.filter((image) => image.kind === kind), use)
    );
    const drawing = { name: "Your drawing", pixels: null };
    const file = { name: "", pixels: null };
    const useDrawing = button("Use this drawing", () => use(drawing));
    const useFile = button("Use this picture", () => use(file));

    const pad = live.drawingPad({
      change(prepared) {
        drawing.pixels = prepared;
        useDrawing.disabled = !prepared;
        if (prepared) use(drawing);
        else if (source === drawing) use(chosen);
      },
    });

    const wrong = element("p", { class: "live-wrong" });
    const note = quiet();
    const opener = element("input", {
      type: "file",
      accept: FORMATS,
      async change() {
        const [picked] = opener.files;
        if (!picked) return;
        wrong.textContent = "";
        note.textContent = `Opening ${picked.name} …`;
        let done = "";
        try {
          const prepared = await live.openPicture(picked, (text) => {
            done = text;
          });
          if (opener.files[0] !== picked) return; // Another one has come since
          Object.assign(file, { name: picked.name, pixels: prepared });
          use(file);
        } catch (error) {
          if (opener.files[0] !== picked) return;
          wrong.textContent = `${error.message}.`;
          live.announce(wrong.textContent);
        }
        note.textContent = done;
      },
    });

    const pixelsOf = (value) => `${fixed(value, 0)} px`;
    const ranges = {
      right: ["Shift right", -8, 8, 1, 0, pixelsOf],
      down: ["Shift down", -8, 8, 1, 0, pixelsOf],
      angle: ["Rotate clockwise", -90, 90, 5, 0, (v) => `${fixed(v, 0)}°`],
      size: ["Cover: side", 0, 14, 1, 0, pixelsOf],
      column: ["Cover: left edge", 0, 27, 1, 11, pixelsOf],
      row: ["Cover: top edge", 0, 27, 1, 11, pixelsOf],
      noise: ["Noise", 0, 0.5, 0.05, 0, (v) => fixed(v, 2)],
    };
    const sliders = {};
    for (const name of Object.keys(ranges)) {
      const [label, min, max, step, value, format] = ranges[name];
      const options = { label, min, max, step, value, format, change: update };
      sliders[name] = slider(options);
    }

    const canvas = element("canvas", {
      class: "live-prepared",
      role: "img",
      "aria-label": "The image as the net gets it",
      click: coverAt,
      pointermove: (event) => {
        if (event.buttons === 1 && event.pointerType === "mouse") {
          coverAt(event);
        }
      },
    });
    const title = element("p");
    const measured = element("p");

    /* Put the middle of the square where the reader points. */
    function coverAt(event) {
      const box = canvas.getBoundingClientRect();
      if (!sliders.size.value) sliders.size.value = COVER;
      const corner = (at, edge) =>
        Math.max(0, Math.round(SIDE * at / edge - sliders.size.value / 2));
      sliders.column.value = corner(event.clientX - box.left, box.width);
      sliders.row.value = corner(event.clientY - box.top, box.height);
      update();
    }

    function update() {
      const value = (name) => sliders[name].value;
      const size = value("size");
      for (const name of ["column", "row"]) {
        sliders[name].input.disabled = !size;
      }
      const settings = {
        right: value("right"),
        down: value("down"),
        angle: value("angle"),
        noise: value("noise"),
        cover: size
          ? { row: value("row"), column: value("column"), size }
          : null,
      };
      pixels = live.distorted(source.pixels, settings);
      drawMap(canvas, pixels, SIDE, SIDE, 0, 1);
      title.textContent = source.name;
      measured.textContent = measuredText(settings);
      if (root.isConnected) change(pixels);
    }

    function reset() {
      for (const name of Object.keys(ranges)) {
        sliders[name].value = ranges[name][4];
      }
      update();
    }

    function use(image) {
      if (image.index !== undefined) chosen = image;
      if (source !== image) live.announce(image.name);
      source = image;
      for (const { press } of strips) press(image);
      useDrawing.setAttribute("aria-pressed", String(image === drawing));
      useFile.setAttribute("aria-pressed", String(image === file));
      useFile.hidden = !file.pixels;
      update();
    }

    useDrawing.disabled = true;
    const root = element(
      "div",
      { class: "live-input" },
      element(
        "div",
        {},
        strips.map((each) => each.root),
        element(
          "details",
          {},
          element("summary", {}, "Draw one yourself"),
          pad.root,
          useDrawing,
        ),
        element(
          "details",
          {},
          element("summary", {}, "Open a picture of your own"),
          element(
            "p",
            {},
            "One item on a plain background. The picture stays on your device.",
          ),
          labelled("Picture", opener),
          wrong,
          note,
          useFile,
        ),
      ),
      element(
        "div",
        {},
        title,
        canvas,
        quiet("Click the image to cover it."),
      ),
      element(
        "div",
        { class: "live-changes" },
        Object.values(sliders).map((each) => each.root),
        quiet(
          "The page draws the noise itself, the same each time; chapter 9's " +
            "noise comes from PyTorch.",
        ),
        measured,
        button("Undo all changes", reset),
      ),
    );
    use(chosen);
    return {
      root,
      get pixels() {
        return pixels;
      },
    };
  }

  Object.assign(live, { imageInput });
}
