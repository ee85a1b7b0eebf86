"use strict";

/* The images to train on: a part of Fashion-MNIST that comes with the book
   and is loaded once it is needed, or all of it, from four files that the
   reader has. A file is known by its content, not by its name. */

{
  const { join, thousands, words } = live;
  const PART = 4.1; // Megabytes of data/part.js, which a test compares
  const LARGEST = 60e6; // Bytes; the largest of the four has 47 million
  const HEADERS = { 2051: 16, 2049: 8 }; // Bytes, by the format's number

  let part;

  async function loadPart() {
    await live.load("data/part.js");
    part ??= Promise.all(
      ["train", "test"].map(async (name) => {
        const { images, labels } = live.data.part[name];
        return [name, {
          images: await live.inflate(live.bytes(images)),
          labels: live.bytes(labels),
        }];
      }),
    ).then(Object.fromEntries);
    return part;
  }

  async function unzipped(file) {
    const content = new Uint8Array(await file.arrayBuffer());
    if (content[0] !== 0x1f || content[1] !== 0x8b) return content;
    try {
      return await live.inflate(content);
    } catch {
      throw new Error(words`it is damaged and can't be unzipped`);
    }
  }

  /* What the first bytes of an IDX file say, in words. */
  function form(content) {
    if (content.length < 16) throw new Error(words`it is no IDX file`);
    const view = new DataView(content.buffer, content.byteOffset);
    const header = HEADERS[view.getUint32(0)];
    if (!header) {
      throw new Error(words`it is no IDX file of images or labels`);
    }
    const count = view.getUint32(4);
    const sizes = header === 16 ? [view.getUint32(8), view.getUint32(12)] : [];
    const due = header + sizes.reduce((a, b) => a * b, count);
    if (content.length !== due) {
      throw new Error(
        words`its header promises ${thousands(due)} bytes, but it has
          ${thousands(content.length)}: it is damaged`,
      );
    }
    return sizes.length
      ? words`${thousands(count)} images of ${sizes.join("×")} pixels`
      : words`${thousands(count)} labels`;
  }

  /* Which of the four files this is, and its content. An Error says what is
     wrong with it. */
  async function recognize(file) {
    if (file.size > LARGEST) {
      throw new Error(words`it is larger than any of them`);
    }
    const content = await unzipped(file);
    const what = form(content);
    const digest = await live.sha256(content);
    for (const [name, right] of Object.entries(live.data.digests)) {
      if (digest === right) return { name, content };
    }
    throw new Error(
      words`it has ${what}, but they aren't Fashion-MNIST's (its SHA-256 begins
        with ${digest.slice(0, 8)}). Files of other data sets, such as MNIST's
        digits, have the same names and sizes`,
    );
  }

  /* The choice of the data. `change` hears when it, or what is there of it,
     has changed. `value` is "part" or "files"; `fault()` says what is missing
     before a training can start; `load()` gives the data as LeNet.train wants
     it. */
  function dataset({ change }) {
    const found = new Map();
    const told = live.element("ul", { class: "live-files" });
    const four = () => Object.keys(live.data.digests);
    const missing = () => four().filter((name) => !found.has(name));

    async function read() {
      const files = [...input.files];
      input.value = "";
      const wrong = [];
      for (const file of files) {
        try {
          const { name, content } = await recognize(file);
          found.set(name, content);
        } catch (error) {
          const { message } = error;
          wrong.push(words`“${file.name}” isn't one of them: ${message}.`);
        }
      }
      if (wrong.length) {
        wrong.push(
          words`The page needs the four files of Fashion-MNIST, unpacked or as
            .gz: ${join(four(), ", ")}.`,
        );
      }
      const item = (text, kind) => live.element("li", { class: kind }, text);
      told.replaceChildren(
        ...wrong.map((text) => item(text, "live-wrong")),
        ...[...found.keys()].map((name) => item(words`✓ ${name}: verified`)),
        ...missing().map((name) => item(words`${name}: still missing`)),
      );
      const there = missing().length
        ? words`${found.size} of 4 files are there and verified.`
        : words`All four files are there and verified.`;
      live.announce(join([...wrong, there], " "));
      change();
    }

    const input = live.element("input", {
      type: "file",
      multiple: true,
      change: read,
    });
    const files = live.element(
      "div",
      { hidden: true },
      live.labelled(words`The four files`, input),
      told,
    );
    const show = () => {
      files.hidden = kind.value !== "files";
    };
    const [some, all] = [live.IMAGES.part, live.IMAGES.files].map(thousands);
    const kind = live.choice({
      label: words`Data`,
      options: [
        ["part", words`${some} images (Start loads ${PART} MB)`],
        ["files", words`all ${all} (from your own files)`],
      ],
      value: "part",
      change: () => {
        show();
        change();
      },
    });

    return {
      root: live.element("div", { class: "live-data" }, kind.root, files),
      input: kind.input,
      get value() {
        return kind.value;
      },
      set value(to) {
        kind.value = to;
        show();
      },
      fault() {
        return kind.value === "files" && missing().length
          ? words`For all ${all} images the page needs the four files of
              Fashion-MNIST. Choose them above, or choose the ${some} images.`
          : "";
      },
      load() {
        if (kind.value === "part") return loadPart();
        const get = (name, header) => found.get(name).subarray(header);
        const pair = (name) => ({
          images: get(`${name}-images-idx3-ubyte`, 16),
          labels: get(`${name}-labels-idx1-ubyte`, 8),
        });
        return { train: pair("train"), test: pair("t10k") };
      },
    };
  }

  Object.assign(live, { dataset });
}
