"use strict";

/* A pad to draw on, with mouse, pen, finger or keyboard. A drawing is prepared
   like any picture, since the net knows only images that fill their frame. */

{
  const { ARROWS, button, choice, element, newId, words } = live;
  const SIDE = 280; // Pixels, ten for each of the net's
  const STEPS = 20; // That can be undone
  const ALIKE = 64; // Greys that differ by less are one area to the fill
  const FILL = "0"; // The other tools are the widths of pens

  const inside = (place) => Math.min(SIDE - 1, Math.max(0, place));

  /* Give the area around a place another grey, and its first foreign pixels,
     so that no seam shows at the soft edge of a line. */
  function fill(image, x, y, ink) {
    const grey = (i) => image.data[4 * i];
    const first = y * SIDE + x, start = grey(first);
    const done = new Uint8Array(SIDE * SIDE), waiting = [first];
    while (waiting.length) {
      const i = waiting.pop();
      if (done[i]) continue;
      const alike = Math.abs(grey(i) - start) < ALIKE;
      image.data.fill(ink, 4 * i, 4 * i + 3);
      done[i] = 1;
      if (!alike) continue;
      if (i % SIDE > 0) waiting.push(i - 1);
      if (i % SIDE < SIDE - 1) waiting.push(i + 1);
      if (i >= SIDE) waiting.push(i - SIDE);
      if (i < SIDE * (SIDE - 1)) waiting.push(i + SIDE);
    }
    return image;
  }

  /* `change` hears the drawing as the net gets it, or null while there is
     none. */
  function drawingPad({ change }) {
    const cursor = element("span", { class: "live-cursor", hidden: true });
    const small = element("canvas");
    const note = element(
      "p",
      { class: "live-quiet" },
      words`Nothing is drawn yet.`,
    );
    const help = element(
      "p",
      { class: "live-quiet", id: newId() },
      words`Fill what you draw: the net has learned from clothes, not from
        outlines. With the keyboard: arrows move the cursor (with Shift,
        farther), Space puts the pen down or lifts it, Delete clears, Ctrl+Z
        undoes.`,
    );
    const tool = choice({
      label: words`Tool`,
      options: [
        ["10", words`fine pen`],
        ["28", words`medium pen`],
        ["60", words`wide pen`],
        [FILL, words`fill an area`],
      ],
      value: "28",
      change: lift,
    });
    const ink = choice({
      label: words`Shade`,
      options: [
        ["0", words`black`],
        ["70", words`dark grey`],
        ["150", words`light grey`],
        ["255", words`white, to erase`],
      ],
      value: "0",
      change: () => {},
    });
    const canvas = element("canvas", {
      width: SIDE,
      height: SIDE,
      tabindex: 0,
      role: "application",
      "aria-label": words`Drawing pad`,
      "aria-describedby": help.id,
      pointerdown: press,
      pointermove: move,
      pointerup: release,
      pointercancel: release,
      keydown: key,
      focus: () => showCursor(canvas.matches(":focus-visible")),
      blur: () => {
        lift();
        showCursor(false);
      },
    });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    const all = () => context.getImageData(0, 0, SIDE, SIDE);

    const past = []; // The drawing before each stroke
    const at = { x: SIDE / 2, y: SIDE / 2 }; // Of pen or cursor
    let pointer = null; // The one that draws
    let down = false; // The keyboard's pen
    let planned = false;

    function blank() {
      context.fillStyle = "white";
      context.fillRect(0, 0, SIDE, SIDE);
    }

    function remember() {
      past.push(all());
      if (past.length > STEPS) past.shift();
    }

    const show = (pixels) =>
      live.drawMap(small, pixels ?? new Float32Array(784), 28, 28, 0, 1);

    /* Prepare the drawing, at most once per frame. */
    function changed() {
      if (planned) return;
      planned = true;
      requestAnimationFrame(() => {
        planned = false;
        let pixels = null;
        try {
          pixels = live.preparePicture(all(), words`The drawing`, (text) => {
            note.textContent = text;
          });
        } catch (error) {
          note.textContent = error.message;
        }
        show(pixels);
        change(pixels);
      });
    }

    function lineTo(x, y) {
      const grey = `rgb(${ink.value} ${ink.value} ${ink.value})`;
      Object.assign(context, {
        fillStyle: grey,
        lineCap: "round",
        lineWidth: tool.value,
        strokeStyle: grey,
      });
      context.beginPath();
      context.moveTo(at.x, at.y);
      context.lineTo(x, y);
      context.stroke();
      context.beginPath(); // A line without a length would not show
      context.arc(x, y, context.lineWidth / 2, 0, 2 * Math.PI);
      context.fill();
      Object.assign(at, { x, y });
      changed();
    }

    /* Begin a stroke at `at`, or fill what is there. */
    function touch() {
      remember();
      if (tool.value !== FILL) return lineTo(at.x, at.y);
      const [x, y] = [at.x, at.y].map(Math.floor);
      context.putImageData(fill(all(), x, y, Number(ink.value)), 0, 0);
      changed();
    }

    function placeOf({ clientX, clientY }) {
      const { left, top, width } = canvas.getBoundingClientRect();
      return [clientX - left, clientY - top].map((at) => at * SIDE / width);
    }

    function press(event) {
      if (event.button || pointer !== null) return;
      lift();
      showCursor(false);
      [at.x, at.y] = placeOf(event).map(inside);
      touch();
      if (tool.value === FILL) return;
      canvas.setPointerCapture(event.pointerId);
      pointer = event.pointerId;
    }

    function move(event) {
      if (event.pointerId !== pointer) return;
      const events = event.getCoalescedEvents?.() ?? [];
      for (const each of events.length ? events : [event]) {
        lineTo(...placeOf(each));
      }
    }

    function release(event) {
      if (event.pointerId === pointer) pointer = null;
    }

    function lift() {
      down = false;
      cursor.classList.remove("live-down");
    }

    function showCursor(shown) {
      cursor.hidden = !shown;
      [at.x, at.y] = [at.x, at.y].map(inside);
      cursor.style.left = `${100 * at.x / SIDE}%`;
      cursor.style.top = `${100 * at.y / SIDE}%`;
      cursor.style.width = `${100 * tool.value / SIDE}%`;
    }

    function key(event) {
      const arrow = ARROWS[event.key];
      const command = event.ctrlKey || event.metaKey;
      if (event.altKey || command !== (event.key === "z")) return;
      if (arrow) {
        const far = event.shiftKey ? 40 : 10;
        const [x, y] = [at.x + far * arrow[1], at.y + far * arrow[0]]
          .map(inside);
        if (down) lineTo(x, y);
        else Object.assign(at, { x, y });
        const [across, along] = [x, y].map((edge) => Math.round(edge / 10));
        live.announce(
          words`${across} from the left, ${along} from the top, of 28`,
        );
      } else if (event.key === " " && down) {
        lift();
        live.announce(words`Pen lifted`);
      } else if (event.key === " ") {
        touch();
        down = tool.value !== FILL;
        cursor.classList.toggle("live-down", down);
        live.announce(down ? words`Pen down` : words`Filled`);
      } else if (event.key === "Delete" || event.key === "Backspace") {
        clear();
        live.announce(words`Cleared`);
      } else if (event.key === "z") {
        undo();
      } else return;
      event.preventDefault();
      showCursor(true);
    }

    function undo() {
      if (!past.length) return;
      lift();
      context.putImageData(past.pop(), 0, 0);
      changed();
    }

    function clear() {
      lift();
      remember();
      blank();
      changed();
    }

    blank();
    show(null);
    const root = element(
      "div",
      {},
      element(
        "div",
        { class: "live-row" },
        tool.root,
        ink.root,
      ),
      element("div", { class: "live-pad" }, canvas, cursor),
      element(
        "div",
        { class: "live-row" },
        button(words`Undo`, undo),
        button(words`Clear`, clear),
      ),
      element("div", { class: "live-made" }, small, note),
      help,
    );
    return { root };
  }

  Object.assign(live, { drawingPad });
}
