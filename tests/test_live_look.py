"""Looking into the net in a browser: each number, and where it comes from."""

import math
import re
from decimal import Decimal

import pytest

SCRIPTS = (
    "dom maps net data data/weights data/images data/measured picture draw"
    " distort input explain layers look"
)
PLACE = '<div data-live="look">(Text.)</div>'
MINUS = "\N{MINUS SIGN}"
UNIT = Decimal("0.0001")  # The last decimal that the panel shows
SQUASH = {
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "tanh": math.tanh,
    "ReLU": lambda x: max(0, x),
}
# A net of another kind, made of the published weights; null for that itself
OTHER = """(kind) => {
  const bytes = live.bytes(live.data.weights);
  const weights = new Float32Array(bytes.buffer).map((w) => w / 4);
  const detail = kind && new LeNet(weights, kind);
  document.dispatchEvent(new CustomEvent("live-net", { detail }));
}"""
FRAMES = """() => new Promise((done) =>
  requestAnimationFrame(() => requestAnimationFrame(done)))"""
PANEL = """() => {
  const texts = (where, root = document) =>
    [...root.querySelectorAll(where)].map((found) => found.textContent);
  const one = (where) => document.querySelector(where)?.textContent;
  const panel = document.querySelector(".live-explanation");
  return {
    title: one(".live-title span"),
    value: one(".live-title strong"),
    cells: [...panel.querySelectorAll(".live-window-table td:has(span)")]
      .map((cell) => texts("span", cell)),
    lines: [...panel.querySelectorAll(".live-lines tr")].map((line) => [
      texts("th", line)[0], texts("small", line)[0], texts("td", line)[0],
      line.querySelector("[aria-pressed=true]") !== null]),
  };
}"""


def number(text):
    return Decimal(text.strip("× ").replace(MINUS, "-"))


@pytest.fixture
def page(open_live):
    page = open_live(SCRIPTS, PLACE)
    page.evaluate(FRAMES)
    return page


def panel(page):
    page.evaluate(FRAMES)
    return page.evaluate(PANEL)


def press(page, layer, *keys):
    """Press keys in a layer; return what the panel then shows."""
    page.focus(f'canvas[aria-label^="{layer}"]')
    for key in keys:
        page.keyboard.press(key)
    return panel(page)


def product_fits(value, weight, product):
    """Whether the product is right, but for the rounding of all three."""
    slack = UNIT * (3 + abs(value) + abs(weight)) / 2
    return abs(value * weight - product) <= slack


def read(shown):
    """Check that what the panel shows adds up; return its last number."""
    result = number(shown["value"])
    *summands, last = shown["lines"]
    assert number(last[2]) == result
    for value, weight, product in shown["cells"]:
        assert product_fits(number(value), number(weight), number(product))
    for _, factors, product, _ in summands:
        if factors:
            value, weight = map(number, factors.split("×"))
            assert product_fits(value, weight, number(product))
    if last[0] == "sum: the logit":
        assert sum(number(line[2]) for line in summands) == result
    elif last[0] == "the greatest":
        assert max(number(line[2]) for line in summands) == result
    else:
        *summands, (label, _, total, _) = summands
        assert label == "sum"
        total = number(total)
        assert sum(number(line[2]) for line in summands) == total
        if last[0].startswith("mean"):
            assert abs(total / 4 - result) <= UNIT
        else:
            squash = SQUASH[last[0].removesuffix(" of the sum")]
            assert abs(squash(float(total)) - float(result)) <= 0.0001001
    if shown["cells"]:
        products = sum(number(cell[2]) for cell in shown["cells"])
        windows = [x for x in summands if x[0].startswith(("25", "the 25"))]
        (of,) = windows if len(windows) == 1 else [x for x in windows if x[3]]
        assert len(shown["cells"]) == 25 and products == number(of[2])
    return result


@pytest.mark.parametrize(
    "kind",
    [
        None,
        {"activation": "tanh", "pooling": "max"},
        {"activation": "relu", "pooling": "mean"},
    ],
    ids=str,
)
def test_the_numbers_of_the_panel_add_up(page, kind):
    page.evaluate(OTHER, kind)
    keys = ["Home", "ArrowUp", "End", "PageDown", "ArrowDown", "ArrowLeft"]
    shapes = {"C1": 25, "S2": 0, "C3": 25, "S4": 0, "C5": 0, "F6": 0}
    for layer, cells in shapes.items():
        for key in keys:
            shown = press(page, layer, key)
            assert len(shown["cells"]) == cells
            read(shown)
    press(page, "C3", "PageUp")
    for window in range(6):
        page.locator(".live-lines button").nth(window).click()
        assert panel(page)["lines"][window][3]
        read(panel(page))
    for row in page.locator(".live-output tr button").all():
        row.click()
        read(panel(page))


def test_an_explanation_leads_to_the_number_of_the_layer(page):
    # Also with maps off: all that follows is computed from what is shown
    wrong = page.evaluate("""() => {
      const bytes = live.bytes(live.data.weights);
      const weights = new Float32Array(bytes.buffer).map((w) => w / 4);
      const pixels = Float32Array.from({length: 784}, (_, i) =>
        i * i % 97 / 97);
      const wrong = [];
      for (const activation of ["sigmoid", "tanh", "relu"]) {
        for (const pooling of ["mean", "max"]) {
          const net = new LeNet(weights, {activation, pooling});
          const seen = net.forward(pixels, new Set(["C1 2"]));
          for (const [i, {kind, name, maps, side, values}] of
              seen.layers.entries()) {
            if (!kind) continue;
            for (let k = 0; k < values.length; k += 7) {
              const map = Math.floor(k / side ** 2), rest = k % side ** 2;
              if (name === "C1" && map === 2) continue;
              const place = [map, Math.floor(rest / side), rest % side];
              const {terms, bias, sum, result} =
                net.explain(seen, i, ...place);
              const total = terms.reduce(
                (all, {weight, value}) => all + weight * value, bias);
              if (!(Math.abs(result - values[k]) < 1e-6 &&
                    Math.abs(total - sum) < 1e-9)) wrong.push([name, k]);
            }
          }
        }
      }
      return wrong;
    }""")
    assert wrong == []


def test_keys_lead_through_a_layer(page):
    steps = [
        ("Home", "C1, map 1, row 14, column 1"),
        ("ArrowLeft", "C1, map 1, row 14, column 1"),
        ("ArrowRight", "C1, map 1, row 14, column 2"),
        ("ArrowUp", "C1, map 1, row 13, column 2"),
        ("PageDown", "C1, map 2, row 13, column 2"),
        ("Shift+ArrowRight", "C1, map 3, row 13, column 2"),
        ("End", "C1, map 3, row 13, column 28"),
        ("PageUp", "C1, map 2, row 13, column 28"),
    ]
    for key, title in steps:
        assert press(page, "C1", key)["title"] == title
    assert press(page, "F6", "End")["title"] == "F6, number 84"
    # A pinned value stays while the focus moves on, and Escape lets it go
    press(page, "S4", "Home", "Enter")
    pin = page.locator(".live-title button")
    assert pin.get_attribute("aria-pressed") == "true"
    page.focus('canvas[aria-label^="C1"]')
    assert panel(page)["title"].startswith("S4")
    page.keyboard.press("Escape")
    page.evaluate(FRAMES)
    assert pin.get_attribute("aria-pressed") == "false"
    page.wait_for_timeout(700)  # Announcements wait for a calm moment
    press(page, "C3", "ArrowDown")
    page.wait_for_timeout(700)
    said = page.text_content("#live-spoken")
    assert re.fullmatch(r"C3, .*: 0\.\d{4}, from the sum .*\d", said)


def test_a_pointer_finds_the_number_under_it(page):
    canvas = page.locator('canvas[aria-label^="S2"]')
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 1, box["y"] + 1)
    assert panel(page)["title"] == "S2, map 1, row 1, column 1"
    page.mouse.click(box["x"] + box["width"] - 2, box["y"] + 1)
    assert re.match(r"S2, map \d, row 1, column 14", panel(page)["title"])
    page.mouse.move(box["x"] + 1, box["y"] + 1)  # Pinned by the click
    assert panel(page)["title"].endswith("row 1, column 14")
    # A mean leads on to the numbers that it is made of
    page.locator(".live-lines button").first.click()
    assert re.match(r"C1, map \d, row 1, column 27", panel(page)["title"])
    assert page.evaluate("document.activeElement.ariaLabel").startswith("C1")


def test_a_map_is_switched_off_and_on(page):
    measured = page.evaluate("live.data.measured")
    before = page.text_content(".live-output")
    note = page.locator(".live-note").first
    page.locator(".live-switches input").first.uncheck()
    shown = press(page, "C1", "Home")
    assert number(shown["value"]) == 0
    assert [line[0] for line in shown["lines"]][-1] == "switched off"
    assert page.text_content(".live-output") != before
    assert f"{measured['off']['C1 0']:.3f} of" in note.text_content()
    assert f"with all, {measured['all']:.3f}" in note.text_content()
    page.click(".live-switches button >> nth=0")
    page.evaluate(FRAMES)
    assert page.text_content(".live-output") == before
    assert "Without" not in note.text_content()
    # They were measured with the book's net
    page.evaluate(OTHER, {"activation": "tanh"})
    page.locator(".live-switches input").first.uncheck()
    page.evaluate(FRAMES)
    assert note.text_content() == "All but map 1 of C1 are on."
    answer = page.text_content(".live-answer >> nth=0")
    assert answer.startswith("Your net's answer: ")
    assert "(tanh, mean pooling)" in page.text_content(".live-net")
    assert page.locator("text=Compare with PyTorch").is_disabled()
    page.click("text=Show the book's net")
    page.evaluate(FRAMES)
    assert "(sigmoid, mean pooling)" in page.text_content(".live-net")


def difference(page):
    page.locator("summary").last.click()
    page.click("text=Compare with PyTorch")
    said = page.text_content(".live-row:has(button:text('Compare')) span")
    images = page.evaluate("live.data.images.list.length")
    assert said.startswith(f"{images} images checked: of {10 * images} ")
    return float(re.search(r"is (\S+)\.$", said)[1])


def test_the_logits_of_stored_images_are_pytorchs(page):
    assert 0 < difference(page) < 1e-5


def test_a_changed_weight_is_noticed(open_live):
    change = """<script>
    document.addEventListener("DOMContentLoaded", () => {
      const bytes = live.bytes(live.data.weights);
      new Float32Array(bytes.buffer)[7] += 0.1;
      live.data.weights = btoa(String.fromCharCode(...bytes.slice(0, 99)))
        + live.data.weights.slice(132);
    });</script>"""
    assert difference(open_live(SCRIPTS, change + PLACE)) > 1e-3


def test_the_answer_follows_the_image(page):
    images = page.evaluate("live.data.images.list")
    classes = page.evaluate("live.data.classes")
    answers = set()
    for i in range(0, len(images), 9):
        page.locator(".live-image").nth(i).click()
        page.evaluate(FRAMES)
        logits = images[i]["logits"]
        best = logits.index(max(logits))
        odds = math.exp(logits[best]) / sum(map(math.exp, logits))
        answer = f"Answer: {classes[best]}, {odds:.2f}"
        assert page.locator(".live-answer").all_text_contents() == 2 * [
            answer
        ]
        answers.add(answer)
    assert len(answers) > 3
    page.wait_for_timeout(700)
    # The answer, and the image
    said, name = page.text_content("#live-spoken").split("; ", 1)
    assert said == answer
    assert f"image {images[i]['index']} of the test images" in name


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_moves_while_a_reader_looks(open_live, width):
    page = open_live(SCRIPTS, PLACE, viewport={"width": width, "height": 640})
    page.evaluate(FRAMES)
    size = "[document.body.scrollHeight, document.body.scrollWidth]"
    before = page.evaluate(size)
    assert before[1] <= width
    for layer in ("input", "C1", "S2", "C3", "C5"):
        press(page, layer.capitalize(), "End")
        assert page.evaluate(size) == before, layer
    page.focus("input[type=range]")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
        page.evaluate(FRAMES)
        assert page.evaluate(size) == before
    for box in (0, 6, 0):
        page.locator(".live-switches input").nth(box).click()
        page.evaluate(FRAMES)
        assert page.evaluate(size) == before
