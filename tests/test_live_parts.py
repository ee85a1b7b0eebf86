"""The window of chapter 2 and the bowl of chapter 6, moved in a browser."""

import re
from decimal import Decimal

import nbformat
import numpy as np
import pytest
from conftest import BOOK
from scipy.signal import correlate2d

WINDOW = "dom data data/boot maps window"
BOWL = "dom bowl"
MINUS = "\N{MINUS SIGN}"

# The sum at each stop, reached by the arrow keys
EVERY_SUM = """() => {
  const stage = document.querySelector("[role=application]");
  const press = (key) =>
    stage.dispatchEvent(new KeyboardEvent("keydown", { key }));
  for (let i = 0; i < 24; i++) press("ArrowUp"), press("ArrowLeft");
  const sums = [];
  for (let row = 0; row < 24; row++) {
    for (let column = 0; column < 24; column++) {
      sums.push(document.querySelector("strong").textContent);
      press("ArrowRight");
    }
    for (let i = 0; i < 24; i++) press("ArrowLeft");
    press("ArrowDown");
  }
  return sums;
}"""
# What is painted of the feature map, pixel by pixel
PAINTED = """() => {
  const canvas = document.querySelectorAll("canvas")[1];
  const image = canvas.getContext("2d").getImageData(0, 0, 24, 24);
  return [...image.data];
}"""


def number(text):
    return Decimal(text.strip("() ").replace(MINUS, "-"))


# Random weights, the same at each run
SAME_RANDOM = """() => {
  let state = 1;
  Math.random = () => (state = 16807 * state % 2147483647) / 2147483647;
}"""


@pytest.fixture
def open_part(open_live):
    def open_part(scripts, **settings):
        name = scripts.split()[-1]
        body = f'<div data-live="{name}">(Text.)</div>'
        return open_live(scripts, body, **settings)

    return open_part


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def stop_the_clock(page):
    """From here on time passes only when the test says so."""
    page.clock.install(time=0)
    page.clock.pause_at(1000)


def cells(page, title):
    table = page.locator("table", has=page.get_by_text(title, exact=True))
    return [number(text) for text in table.locator("td").all_inner_texts()]


def weights(page):
    return [
        number(field.input_value())
        for field in page.locator("input[type=number]").all()
    ]


def place(page):
    text = page.get_by_text("fills row").inner_text()
    return tuple(
        map(int, re.search(r"row (\d+), column (\d+)", text).groups())
    )


@pytest.fixture(scope="module")
def boot(fashion_mnist):
    """The chapter's boot, with the decimals that the part shows."""
    pixels = fashion_mnist[1].dataset.tensors[0][0, 0].double().numpy()
    return pixels.round(3)


@pytest.mark.parametrize(
    "preset", ["left to right", "top to bottom", "random", "all 0"]
)
def test_the_numbers_under_the_window_add_up(open_part, boot, preset):
    page = open_part(WINDOW)
    press(page, preset)
    for stop in "123":
        press(page, f"stop {stop}")
        row, column = place(page)
        under = boot[row : row + 5, column : column + 5]
        pixels, products = cells(page, "pixels"), cells(page, "products")
        assert np.allclose(np.array(pixels, float), under.flatten())
        assert products == [
            pixel * weight for pixel, weight in zip(pixels, weights(page))
        ]
        line = page.get_by_text("row by row").inner_text()
        rows, total = line.split(": ")[1].split(" = ")
        assert [number(text) for text in rows.split(" + ")] == [
            sum(products[i : i + 5]) for i in range(0, 25, 5)
        ]
        assert number(total) == sum(products)


@pytest.mark.parametrize("preset", ["top to bottom", "random"])
def test_the_feature_map_is_scipys(open_part, boot, preset):
    page = open_part(WINDOW)
    page.evaluate(SAME_RANDOM)
    press(page, preset)
    kernel = np.array(weights(page), float).reshape(5, 5)
    expected = correlate2d(boot, kernel, mode="valid")
    sums = [float(number(text)) for text in page.evaluate(EVERY_SUM)]
    assert np.allclose(np.reshape(sums, (24, 24)), expected)
    painted = np.reshape(page.evaluate(PAINTED), (24, 24, 4)).astype(int)
    red, _, blue, alpha = np.moveaxis(painted, 2, 0)
    strong = abs(expected) > 0.02 * abs(kernel).sum()
    assert strong.mean() > 0.3
    assert np.array_equal((red > blue)[strong], (expected > 0)[strong])
    assert alpha.min() == 255


def test_the_map_fills_where_the_window_has_been(open_part):
    page = open_part(WINDOW)

    def filled():
        return sum(alpha > 0 for alpha in page.evaluate(PAINTED)[3::4])

    assert filled() == 1
    press(page, "stop 2")
    assert filled() == 2
    press(page, "Fill the map")
    assert filled() == 24**2
    press(page, "Empty it")
    assert filled() == 1


def test_the_window_follows_keys_and_mouse_and_stays_inside(open_part):
    page = open_part(WINDOW)
    assert place(page) == (8, 13)
    page.get_by_role("application").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    assert place(page) == (7, 14)
    image, feature = page.locator(".live-stage").all()
    size = image.bounding_box()["width"] - 2  # Without its border
    for pixel, corner in (4, 2), (0, 0), (27, 23):
        at = 1 + (pixel + 0.5) / 28 * size
        image.click(position={"x": at, "y": at})
        assert place(page) == (corner, corner)
    size = feature.bounding_box()["width"] - 2
    at = 1 + 9.5 / 24 * size
    feature.click(position={"x": at, "y": at})
    assert place(page) == (9, 9)


def test_a_weight_that_is_no_number_changes_nothing(open_part):
    page = open_part(WINDOW)
    field = page.get_by_label("Weight, row 1, column 3")
    field.fill("0.25")
    before = cells(page, "products")
    for wrong in "", "99", "0.123":
        field.fill(wrong)
        told = page.locator(".live-wrong").inner_text()
        assert told.endswith("The window goes on with 0.25.")
        assert cells(page, "products") == before
    field.fill("-0.5")
    assert page.locator(".live-wrong").inner_text() == ""
    assert cells(page, "products") != before


def test_the_window_slides_by_itself_unless_motion_is_reduced(open_part):
    page = open_part(WINDOW)
    stop_the_clock(page)
    press(page, "Slide by itself")
    page.clock.run_for(1000)
    press(page, "Pause")
    row, column = place(page)
    assert 8 * 24 + 13 + 35 < row * 24 + column < 8 * 24 + 13 + 45
    press(page, "Slide by itself")
    page.clock.run_for(15_000)
    assert place(page) == (23, 23)
    assert page.get_by_role("button", name="Slide by itself").count()
    still = open_part(WINDOW, reduced_motion="reduce")
    assert not still.get_by_role("button", name="Slide by itself").count()


def set_slider(page, name, value):
    page.get_by_role("slider", name=name).evaluate(
        """(slider, value) => {
          slider.value = value;
          slider.dispatchEvent(new Event("input"));
        }""",
        value,
    )


def stored_paths():
    """What chapter 6 prints: of each rate the first places of the ball."""
    notebook = nbformat.read(BOOK / "06_learning.ipynb", as_version=4)
    (cell,) = [cell for cell in notebook.cells if cell.id == "bowl"]
    lines = cell.outputs[0].text.splitlines()
    return {
        float(rate): [float(w) for w in places.split()]
        for rate, places in re.findall(r"lr (\S+): (.*)", "\n".join(lines))
    }


@pytest.mark.parametrize(
    ("rate", "end"),
    [
        (0.1, "It lands on the same side, lower."),
        (0.5, "At the bottom the slope is 0, and no step leads away."),
        (0.9, "It lands on the other side, lower."),
        (1.1, "It lands on the other side, higher."),
    ],
)
def test_the_ball_goes_where_chapter_6_says(open_part, rate, end):
    page = open_part(BOWL)
    set_slider(page, "learning rate", rate)
    places = stored_paths()[rate]
    for _ in places[1:]:
        before = page.get_by_text("Next step").inner_text()
        press(page, "Step")
        start, lr, slope, next_ = map(
            number,
            re.search(
                r"slope = (\S+) \S (\S+) · (\S+) [=≈] (\S+)", before
            ).groups(),
        )
        assert abs(start - lr * slope - next_) < Decimal("0.002")
        assert f"w = {next_}" in page.inner_text("main").replace(MINUS, "-")
    page.get_by_text("as a table").click()
    rows = page.locator("tbody tr").all()
    after = [
        float(number(row.locator("td").all()[3].inner_text())) for row in rows
    ]
    assert np.allclose(after, places[1:], atol=0.006)
    assert page.get_by_text(end).count() == 1


def test_the_limit_is_shown_once_it_is_found(open_part):
    page = open_part(BOWL)
    limit = page.get_by_text("You have found the limit: 2/a = 1")
    for rate, found in (0.5, 0), (1.3, 0), (0.95, 0), (1.05, 1):
        set_slider(page, "learning rate", rate)
        press(page, "Back to the start")
        press(page, "Step")
        assert limit.count() == found, rate


@pytest.mark.parametrize(
    ("rate", "start", "end"),
    [
        (0.3, -1.5, "The ball rests at the bottom."),
        (1, 1, "It would jump to and fro for ever."),
        (1.3, 0.5, "The ball is far out, and every step leads farther."),
    ],
)
def test_a_run_ends_by_itself(open_part, rate, start, end):
    page = open_part(BOWL)
    stop_the_clock(page)
    set_slider(page, "learning rate", rate)
    set_slider(page, "start", start)
    press(page, "Run")
    page.clock.run_for(40_000)
    assert page.get_by_text(end).count()
    assert page.get_by_role("button", name="Run").count()
