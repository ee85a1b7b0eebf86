"""The part of the book in which a reader trains LeNet in the page."""

import gzip
import hashlib
import re
from itertools import pairwise

import pytest
import torch
from conftest import LIVE

from lenet_d2l import lenet
from lenet_d2l.results.runs import load_weights

SCRIPTS = "dom maps net data safetensors train"
EXPERIMENTS = "".join(
    f'<section data-experiment="{name}"><h3>{name}</h3>'
    f"<details><summary>Found</summary>It.</details></section>"
    for name in ("plateau", "rate", "relu", "twice", "seed")
)
BODY = f'<div data-live="train">Text</div>{EXPERIMENTS}'


@pytest.fixture
def open_part(open_live):
    def open_page(**settings):
        page = open_live(SCRIPTS, BODY, **settings)
        button(page, "Start").wait_for()
        return page

    return open_page


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def wait_for(page, text):
    page.locator(".live-message, .live-wrong").get_by_text(text).wait_for(
        timeout=120_000
    )


def address(page, settings):
    page.evaluate("settings => { location.hash = settings }", settings)


def table_behind(page, chart):
    """The rows of the table behind a chart, without their headings."""
    details = page.locator(f".live-chart >> nth={chart}").locator("details")
    details.locator("summary").click()
    details.locator("tbody tr").last.wait_for()
    rows = details.locator("tbody tr").all()
    return [row.locator("th, td").all_inner_texts() for row in rows]


def test_training_by_keyboard_saving_and_loading(open_part, tmp_path):
    page = open_part()
    address(page, "epochs=2&activation=tanh&rate=0.1&seed=7")
    button(page, "Start").focus()
    page.keyboard.press("Enter")
    button(page, "Pause").wait_for()
    assert page.get_by_label("Seed").is_disabled()
    assert page.get_by_text("Reset to unlock them").is_visible()
    wait_for(page, "Done after 48 steps")
    assert page.get_by_label("Seed").is_enabled()
    focused = page.evaluate("document.activeElement.textContent")
    assert focused == "Start"
    with page.expect_download() as download:
        button(page, "Save the weights").click()
    file = tmp_path / "saved.safetensors"
    download.value.save_as(file)
    load_weights(lenet(), file)
    wait_for(page, "computes with sigmoids")

    page.get_by_label("Activation").select_option("sigmoid")
    page.get_by_label("Load weights").set_input_files(file)
    wait_for(page, "are here")
    assert page.get_by_label("Activation").input_value() == "tanh"
    assert page.get_by_label("First weights").input_value() == "loaded"
    # It goes on where it ended: far below ln 10
    button(page, "One step").click()
    page.get_by_text("1 of 48").wait_for()
    loss = page.locator(".live-facts dd >> nth=2").inner_text()
    assert float(loss) < 1.5


def test_curves_and_gradients_stand_in_tables(open_part):
    page = open_part()
    address(page, "epochs=1")
    for step in 1, 2, 3:
        button(page, "One step").click()
        page.get_by_text(f"{step} of 24").wait_for()
    rows = table_behind(page, 1)
    assert [row[0] for row in rows] == ["1", "2", "3"]
    norms = torch.tensor([[float(x) for x in row[1:]] for row in rows])
    assert norms.shape == (3, 5) and (norms > 0).all()
    # Only sigmoids starve the first layer so: see chapter 11
    assert (norms[:, 0] < norms[:, 4] / 10).all()
    steps = [row[0] for row in table_behind(page, 0)]
    assert {"235", "2,350"} <= set(steps)


def test_same_seed_twice_and_another(open_part):
    page = open_part()
    twice = page.locator("[data-experiment=twice]")
    twice.get_by_role("button").click()
    address(page, "epochs=1")
    for _ in range(2):
        assert not twice.locator("details").evaluate("d => d.open")
        button(page, "Start").click()
        button(page, "Start").wait_for()
        wait_for(page, "Done after 24 steps")
    wait_for(page, "All 61,706 weights agree")
    assert twice.locator("details").evaluate("d => d.open")
    page.get_by_label("Seed").fill("1")
    button(page, "Start").click()
    button(page, "Start").wait_for()
    message = page.locator(".live-message").inner_text()
    assert message == "Done after 24 steps."
    names = page.locator(".live-chart >> nth=0").locator("text.live-ink-6")
    assert names.all_text_contents() == ["before", "before"]


def test_rate_changes_under_way(open_part):
    page = open_part()
    assert "differs: it sees" in page.locator("text=Shaded:").inner_text()
    button(page, "One step").click()
    page.get_by_text("1 of 720").wait_for()
    page.locator("input[type=range]").focus()
    page.keyboard.press("ArrowRight")
    note = page.locator("text=Shaded:").inner_text()
    assert "learning rate 1, not 0.9; the learning rate changed" in note
    page.wait_for_function("location.hash.includes('rate=1&')")


@pytest.mark.parametrize("rate", ["-1", "", "1e999"])
def test_no_learning_rate(open_part, rate):
    page = open_part()
    page.get_by_label("or as a number").fill(rate)
    button(page, "Start").click()
    wait_for(page, "Learning rate:")
    assert (
        page.locator(".live-facts dd >> nth=1").inner_text() == "\N{EN DASH}"
    )


def test_one_live_region_hears_what_is_wrong(open_part):
    page = open_part()
    seed = page.get_by_label("Seed")
    seed.fill("-3")
    assert seed.get_attribute("aria-invalid") == "true"
    spoken = page.locator("#live-spoken", has_text="Seed: ")
    spoken.wait_for(state="attached")
    seed.fill("3")
    assert seed.get_attribute("aria-invalid") == "false"
    assert page.locator("[aria-live], [role=status], output").count() == 1


def test_reduced_motion_misses_no_last_picture(open_part):
    page = open_part(reduced_motion="reduce")
    for step in 1, 2, 3:
        button(page, "One step").click()
        page.get_by_text(f"{step} of 720").wait_for()
    page.wait_for_timeout(1200)
    assert table_behind(page, 1)[-1][0] == "3"


def test_loss_that_is_not_finite(open_part):
    page = open_part()
    page.locator("[data-experiment=relu] button").click()
    page.get_by_label("or as a number").fill("1e9")
    button(page, "Start").click()
    wait_for(page, "no longer finite in epoch 0")
    page.get_by_label("or as a number").fill("0.1")
    page.get_by_label("Epochs").fill("1")
    button(page, "Start").click()
    wait_for(page, "Done after 24 steps")


def test_loss_above_the_chart(open_part):
    """A net of sigmoids has a loss at any rate: large, but finite."""
    page = open_part()
    address(page, "rate=1e9&epochs=1")
    button(page, "Start").click()
    wait_for(page, "Done after 24 steps")
    assert "above the chart" in page.locator(".live-facts").inner_text()


def test_without_a_worker(open_live):
    page = open_live(SCRIPTS, BODY)
    page.evaluate("() => { globalThis.Worker = undefined }")
    button(page, "Start").click()
    wait_for(page, "can't start")
    wait_for(page, "You can still look")


def test_address(open_part):
    page = open_part()
    address(page, "seed=5&rate=banana&pooling=median&batch=0.5&x=1")
    wait_for(
        page, "in the address: rate=banana, pooling=median, batch=0.5, x=1."
    )
    assert page.get_by_label("Seed").input_value() == "5"
    assert page.get_by_label("or as a number").input_value() == "0.9"
    address(page, "summary")
    page.wait_for_timeout(100)
    assert "summary" not in page.locator(".live-wrong").last.inner_text()
    page.get_by_label("Pooling").select_option("max")
    page.wait_for_function("location.hash.includes('pooling=max')")
    assert "seed=5&rate=0.9&activation=sigmoid" in page.url


def test_four_files_by_their_content(open_part, small_files, tmp_path):
    page = open_part()
    digests = {
        name: hashlib.sha256(content).hexdigest()
        for name, content in small_files.items()
    }
    page.evaluate("digests => { live.data.digests = digests }", digests)
    page.get_by_label("Data").select_option("files")
    button(page, "Start").click()
    wait_for(page, "needs the four files")

    images, labels, *others = small_files.values()
    digits = bytearray(labels)
    digits[-1] ^= 1  # Another data set, of the same form
    bad = {
        "digits": bytes(digits),
        "page.html": b"<html>" * 10,
        "short": images[:-1],
        "cut.gz": gzip.compress(labels)[:-9],
        "empty": b"",
    }
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
    chooser = page.get_by_label("The four files")
    chooser.set_input_files([tmp_path / name for name in bad])
    wrong = page.locator(".live-files .live-wrong")
    wrong.last.wait_for()
    said = wrong.all_inner_texts()
    for name, reason in zip(
        bad,
        ("other data sets", "no IDX", "promises", "unzipped", "no IDX"),
        strict=False,
    ):
        (line,) = [line for line in said if f"“{name}”" in line]
        assert reason in line.lower() or reason in line
    assert "The page needs the four files" in said[-1]

    # With names that say nothing, one of them as .gz
    for i, content in enumerate((gzip.compress(images), labels, *others)):
        (tmp_path / str(i)).write_bytes(content)
    chooser.set_input_files([tmp_path / str(i) for i in range(3)])
    good = page.locator(".live-files li", has_text="verified")
    good.nth(2).wait_for()
    chooser.set_input_files(tmp_path / "3")
    good.nth(3).wait_for()
    page.get_by_label("Epochs").fill("1")
    button(page, "Start").click()
    wait_for(page, "Done after 2 steps")  # Of 256 and 44 images
    wait_for(page, "Of 3 numbers,")  # Its log isn't the published one


def test_log_beside_the_published(open_part):
    page = open_part()
    said = page.evaluate(
        """() => {
          const log = live.publishedLog(), said = [];
          for (const record of live.data.spread.published) {
            said.push(log.add({ epoch: said.length, ...record }));
          }
          log.clear();
          const first = { epoch: 0, ...live.data.spread.published[0] };
          said.push(log.add({ ...first, test_acc: first.test_acc + 0.001 }));
          return said;
        }"""
    )
    assert said[-2] == "All 30 numbers agree with the book's log."
    assert said[-1] == "Of 3 numbers, 1 differ: test acc of epoch 0."


def test_names_in_a_chart_stand_apart(open_live):
    page = open_live("dom chart", '<main id="place"></main>')
    page.evaluate(
        """() => {
          const chart = live.chart({ label: "c", xLabel: "x", yLabel: "y",
            x: [0, 10], y: [1e-3, 10], log: true, height: 200 });
          document.querySelector("#place").append(chart.root);
          for (let i = 0; i < 5; i++) {
            const end = i < 3 ? 10 : 1e-3;
            chart.line(`line ${i}`).set([[0, 1], [5, 0], [10, end]]);
          }
        }"""
    )
    names = page.locator("text.live-name")
    names.last.wait_for()
    tops = sorted(
        float(y)
        for y in names.evaluate_all(
            "names => names.map(name => name.getAttribute('y'))"
        )
    )
    assert all(b - a >= 16 for a, b in pairwise(tops))
    assert tops[0] >= 12 and tops[-1] <= 200
    # 0 has no place on a log scale: a gap, and no number beyond the axis
    path = page.locator("path.live-line").first.get_attribute("d")
    assert path.count("M") == 2 and "NaN" not in path


def test_size_of_the_part_is_said():
    size = (LIVE / "data/part.js").stat().st_size / 1e6
    script = (LIVE / "dataset.js").read_text()
    assert float(re.search(r"PART = ([\d.]+)", script)[1]) == round(size, 1)


def test_part_on_a_phone(open_part):
    page = open_part(viewport={"width": 360, "height": 640})
    for summary in page.locator("summary").all():
        summary.click()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
