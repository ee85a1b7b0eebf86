"use strict";

/* Everything by which a reader chooses and changes an image: images of the
   test, a drawing, a file, and sliders. Below the sliders stands how often
   the book's net is right on images changed like this, where that was
   measured. */

{
  const { button, drawMap, element, fixed, labelled, slider, words } = live;
  const SIDE = 28;
  const COVER = 6; // Side of the square that chapter 9 covers images with
  const FORMATS = "image/png,image/jpeg,image/webp,image/gif,image/bmp";
  const ROWS = {
    class: words`Some of each class`,
    mistake: words`Confident mistakes`,
  };
  const HOW = {
    right: words`shifted like this`,
    down: words`shifted like this`,
    angle: words`rotated like this`,
    noise: words`with as much noise`,
    cover: words`covered like this`,
  };

  const quiet = (...text) => element("p", { class: "live-quiet" }, ...text);

  /* The images that come with the book. */
  function storedImages() {
    const pixels = live.storedImages();
    return live.data.images.list.map(({ index, label, kind, logits }, i) => {
      const answer = logits.indexOf(Math.max(...logits));
      const [first, ...rest] = live.className(label);
      const item = [first.toUpperCase(), ...rest].join("");
      const said = live.className(answer);
      const name = answer === label
        ? words`${item}, image ${index} of the test images`
        : words`${item}, image ${index} of the test images; the book's net
            says: ${said}`;
      return { kind, index, name, pixels: pixels[i] };
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
      return words`The book measured one change at a time, so it has no
        accuracy for these together.`;
    }
    if (accuracy === undefined) {
      const how = HOW[name];
      return words`How often the net is right on images ${how} wasn't
        measured.`;
    }
    const count = live.thousands(measured.images);
    const [now, before] = [accuracy, at("right", 0)].map((a) => fixed(a, 3));
    return name
      ? words`Of the first ${count} test images, ${HOW[name]}, the book's net
          gets ${now} right (unchanged: ${before}).`
      : words`Of the first ${count} test images, unchanged, the book's net
          gets ${now} right.`;
  }

  /* `root` is what to put into the page, `pixels` are the 784 numbers, and
     `change` hears them when they change. */
  function imageInput({ change }) {
    const images = storedImages();
    let chosen = images[0], source = chosen, pixels = chosen.pixels;

    const strips = Object.entries(ROWS).map(([kind, title]) =>
      strip(title, images.filter((image) => image.kind === kind), use)
    );
    const drawing = { name: words`Your drawing`, pixels: null };
    const file = { name: "", pixels: null };
    const useDrawing = button(words`Use this drawing`, () => use(drawing));
    const useFile = button(words`Use this picture`, () => use(file));

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
        note.textContent = words`Opening ${picked.name} …`;
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
          wrong.textContent = error.message;
          live.announce(wrong.textContent);
        }
        note.textContent = done;
      },
    });

    const pixelsOf = (value) => words`${fixed(value, 0)} px`;
    const ranges = {
      right: [words`Shift right`, -8, 8, 1, 0, pixelsOf],
      down: [words`Shift down`, -8, 8, 1, 0, pixelsOf],
      angle: [words`Rotate clockwise`, -90, 90, 5, 0, (v) => `${fixed(v, 0)}°`],
      size: [words`Cover: side`, 0, 14, 1, 0, pixelsOf],
      column: [words`Cover: left edge`, 0, 27, 1, 11, pixelsOf],
      row: [words`Cover: top edge`, 0, 27, 1, 11, pixelsOf],
      noise: [words`Noise`, 0, 0.5, 0.05, 0, (v) => fixed(v, 2)],
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
      "aria-label": words`The image as the net gets it`,
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
          element("summary", {}, words`Draw one yourself`),
          pad.root,
          useDrawing,
        ),
        element(
          "details",
          {},
          element("summary", {}, words`Open a picture of your own`),
          element(
            "p",
            {},
            words`One item on a plain background. The picture stays on your
              device.`,
          ),
          labelled(words`Picture`, opener),
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
        quiet(words`Click the image to cover it.`),
      ),
      element(
        "div",
        { class: "live-changes" },
        Object.values(sliders).map((each) => each.root),
        quiet(
          words`The page draws the noise itself, the same each time; chapter
            9's noise comes from PyTorch.`,
        ),
        measured,
        button(words`Undo all changes`, reset),
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
