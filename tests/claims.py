"""Every number in the book's prose: those that are claims, and the others.

``CLAIMS`` has, page by page, the phrases whose numbers a run, a published
figure or the net itself decides. The numbers in them are computed where the
package holds what they come from, and cited where it does not. A phrase has
to occur once in its page, so that no second copy can hide a change of it.

``NOT_OF_A_RUN`` has, page by page, the numbers outside those phrases: years,
versions, sizes, settings, numbers of chapters.

To add a page, give it an entry in both and run ``pytest
tests/test_prose.py``, which names every number that neither accounts for.
"""

import json
import math
import re
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import nbformat
import pandas as pd
import torch

from lenet_d2l import PaperInput, layer_shapes, lenet
from lenet_d2l.paper.lenet5 import BITMAPS
from lenet_d2l.results import post
from lenet_d2l.results.bands import BAD, last_epoch
from lenet_d2l.results.repeats import ENGLISH
from lenet_d2l.results.spread import FIGURES
from lenet_d2l.speed import report
from lenet_d2l.speed.ways import DEFAULT, PLAIN, STOCK

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "book/studies"))
LENET5_STUDY, SECONDS_STUDY = map(import_module, ("lenet5", "seconds"))
J, PLAIN_SGD = LENET5_STUDY.J, LENET5_STUDY.PLAIN_SGD
TIMED = SECONDS_STUDY.TIMED
PAGES = {
    path.relative_to(ROOT).as_posix(): path
    for path in [
        ROOT / "README.md",
        *sorted((ROOT / "book").glob("*.md")),
        *sorted((ROOT / "book").glob("*.ipynb")),
    ]
}

# --- What the package holds -------------------------------------------------

FIRST, *_, BEFORE_LAST, LAST = post.LOG
EPOCHS = len(post.LOG)
ALL_EXAMPLES = post.EXAMPLES * EPOCHS
TEX_EXAMPLES = f"{post.EXAMPLES:,}".replace(",", r"\,")
FIRST_SECONDS, *OTHER_SECONDS = post.seconds_per_epoch()
LATER_SECONDS = sum(OTHER_SECONDS) / len(OTHER_SECONDS)  # Per epoch
START_UP = f"{FIRST_SECONDS - LATER_SECONDS:.1f}"
# "About": to the nearest hundred
FLAT_SPEED = f"{round(post.EXAMPLES / LATER_SECONDS, -2):,.0f}"
FALL = f"falls from {BEFORE_LAST.test_acc:.3f} to {LAST.test_acc:.3f}"
TEST_ACC = f"{LAST.test_acc:.3f}"
FIRST_LOSS = f"{FIRST.train_loss:.3f}"
REPEATS = ENGLISH["test_acc"]
RANGE = f"{REPEATS.low:.3f} to {REPEATS.high:.3f}"

NET = lenet()
HELD = [sum(p.numel() for p in layer.parameters()) for layer in NET]
TOTAL = f"{sum(HELD):,}"
SHAPES = [
    tuple(row.shape[1:])
    for row in layer_shapes(NET, torch.zeros(1, 1, 28, 28))
]
IMAGE, C1, S2, C3, S4 = (SHAPES[i] for i in (0, 1, 3, 4, 6))
FLAT, C5, F6, CLASSES = (SHAPES[i][0] for i in (7, 8, 10, 12))
FILTER = NET[1].kernel_size[0]
PADDING = NET[1].padding[0]
POOL = NET[3].kernel_size
PADDED = IMAGE[1] + 2 * PADDING
PRODUCT = "·".join(map(str, S4))


HALF = float(torch.sigmoid(torch.tensor(0.0)))
SLOPE = HALF * (1 - HALF)


def square(shape):
    """Height and width of a shape, as the prose writes them."""
    return f"{shape[-2]}×{shape[-1]}"


BATCH = 256
FULL_BATCHES, LAST_BATCH = divmod(post.EXAMPLES, BATCH)

# --- What the book's studies hold -------------------------------------------

BASELINES = last_epoch(pd.read_csv(ROOT / "book/studies/baselines.csv"))
LINEAR = BASELINES[BASELINES.variant == "softmax regression, lr 0.1"].test_acc
SOFTMAX = f"{LINEAR.min():.2f} to {LINEAR.max():.2f}"

SEEDS = pd.read_csv(ROOT / "book/studies/seeds.csv")
FIRST_LOSSES = SEEDS[SEEDS.epoch == 0].train_loss
SEEDS_LAST = last_epoch(SEEDS)
ACCURACIES = SEEDS_LAST.test_acc
FAULTS = last_epoch(pd.read_csv(ROOT / "book/studies/faults.csv"))
SHORT_STEPS = FAULTS[FAULTS.variant == "lr 0.5"].train_loss
# By the second of the paper's two losses
LENET5 = last_epoch(pd.read_csv(ROOT / "book/studies/lenet5.csv"))
LENET5 = LENET5[LENET5.variant == "discriminative"]
HONEST = 10_000  # Runs to a false alarm, which chapter 8 asserts

# --- What is cited ----------------------------------------------------------

# The README of the repository of Fashion-MNIST, in its table of benchmarks
PEOPLE, PEOPLE_IMAGES = 0.835, 1_000

# Xiao et al. 2017
TEST_IMAGES = 10_000
FULL_TESTS, LAST_TEST = divmod(TEST_IMAGES, BATCH)

# LeCun et al. 1998, sections II.B (LeNet-5) and III (its error on MNIST).
# C3: 60 links of 5×5 weights, and a bias for each of its 16 maps
PAPER = {
    "C1": HELD[1],
    "S2": 2 * S2[0],
    "C3": 60 * FILTER**2 + C3[0],
    "S4": 2 * S4[0],
    "C5": HELD[8],
    "F6": HELD[10],
}
PAPER_TOTAL = f"{sum(PAPER.values()):,}"
# A pooling layer's pixel has 4 inputs and a bias; the output has no bias
CONNECTIONS = (
    (PAPER["C1"] * C1[1] * C1[2] + PAPER["C3"] * C3[1] * C3[2])
    + 5 * (math.prod(S2) + math.prod(S4))
    + (PAPER["C5"] + PAPER["F6"] + F6 * CLASSES)
)
MORE_IN_C3 = f"{HELD[4] - PAPER['C3']:+}"
MORE_IN_POOLING = f"{-PAPER['S2'] - PAPER['S4']:+}"
MORE = f"{sum(HELD) - sum(PAPER.values()):,}"
PAPER_ERROR = 0.95  # Per cent, without distortions
DISTORTED_ERROR = 0.8  # With them
PASSES = 20

# --- What the README's tables hold ------------------------------------------

MEANS = {
    "post": " | ".join(
        f"{SEEDS_LAST[name].mean():.3f} ± {SEEDS_LAST[name].std():.3f}"
        for name in FIGURES
    ),
    "lenet5": " | ".join(
        f"{LENET5[name].mean():.3f} ± {LENET5[name].std():.3f}"
        for name in ("train_acc", "test_acc")
    ),
}
BENCH = pd.read_csv(ROOT / "book/studies/bench.csv")
WHOLE = report.by_way(BENCH)
SECONDS = {way: report.ranged(WHOLE[way].seconds, 1) for way in WHOLE}
TIMES = {
    way: report.ranged(ratios, 1)
    for way, ratios in report.times_stock(BENCH, "seconds").items()
}
MACHINE = (
    "{processor}, {threads} cores, with PyTorch {torch} and Python {python}."
).format_map(
    json.loads((ROOT / "book/studies/bench.json").read_text())["environment"]
)

# --- What lenet5 holds ------------------------------------------------------

INPUT = PaperInput()(
    torch.tensor([0.0, 1.0]).repeat(392).reshape(1, 1, 28, 28)
)
BACKGROUND, INK = (f"{end:.4g}" for end in (INPUT.min(), INPUT.max()))
BITMAP = f"{len(BITMAPS[0][0])}×{len(BITMAPS[0])}"  # Width, then height

# --- The claims -------------------------------------------------------------

CLAIMS = {
    "README.md": [
        f"mean ± sd of {len(SEEDS_LAST)} seeds | {MEANS['post']} |",
        f"the post's one run | {LAST.train_loss:.3f} | {LAST.train_acc:.3f} "
        f"| {TEST_ACC} |",
        f"mean ± sd of {len(LENET5)} seeds | another loss | "
        f"{MEANS['lenet5']} |",
        f"d2l's own code | {SECONDS[STOCK]} | 1 |",
        f"by PyTorch alone | {SECONDS[PLAIN]} | {TIMES[PLAIN]} |",
        f"(the commands' default) | {SECONDS[DEFAULT]} | {TIMES[DEFAULT]} |",
        f"of {len(WHOLE[STOCK])} rounds on an {MACHINE}",
    ],
    "book/01_lenet.ipynb": [
        f"so that {FLAT} numbers fit beside {IMAGE[1]} pixels",
        f"The input has {square(IMAGE)} pixels",
        f"six {FILTER}×{FILTER} filters. It is padded by {PADDING} so that "
        f"its maps stay {square(C1)}. S2 averages "
        f"{POOL}×{POOL} blocks: {square(S2)}.",
        f"so {S2[1]} becomes {C3[1]}. S4 averages again: {square(S4)}.",
        f"The {PRODUCT} = {FLAT} numbers are laid out",
        f"layers take it to {C5}, to {F6}, to {CLASSES}.",
        f"the paper's net: {PAPER_TOTAL} trainable parameters",
        f"drawn above: {TOTAL} parameters, sigmoids",
        f"{square(IMAGE)} pixels become {FLAT} numbers and then ten",
        f"Its first feature maps have {square(C1)} pixels.",
        f"LeNet-5 comes to {square(C1)} by a larger image",
    ],
    "book/02_shapes.ipynb": [
        f"why C1 is padded by {PADDING}, and where {PRODUCT} comes from",
        f"Why padding {PADDING} A filter",
        f"For $k = {FILTER}$ and $s = 1$, padding by $p = {PADDING}$ keeps",
        f"Why keep {C1[1]} in C1, and not in C3?",
        f"feeds images of {PADDED}×{PADDED} pixels",
        f"Its C1 has no padding: {PADDED} becomes {C1[1]}.",
        f"Fashion-MNIST has {square(IMAGE)} pixels. Two zeros on each side "
        f"make {PADDED}×{PADDED} of it",
        f"Why {PRODUCT} The first Linear layer",
        f"flattened: {S4[0]} maps of {square(S4)}.",
        f"the {FLAT} no longer fits. This, and not the convolutions, ties "
        f"LeNet to {square(IMAGE)} pixels",
        f"LeNet-5 has {PAPER_TOTAL} trainable parameters: "
        + ", ".join(f"{name} {count:,}" for name, count in PAPER.items())
        + ".",
        f"The post's net has {TOTAL}. Three differences make up the {MORE}:",
        f"Padding by {PADDING} makes the paper's {PADDED}×{PADDED} of "
        f"{square(IMAGE)}",
        f"{FLAT} = {PRODUCT} is what S4 gives",
        f"{MORE_IN_C3} parameters in C3, {HELD[12]:+} at the output, "
        f"{MORE_IN_POOLING} in the pooling",
        f"its maps stay {square(S2)} and S4 gives "
        f"{S2[1] // POOL}×{S2[2] // POOL}",
        f"two small filters have {2 * 3**2} weights where the large one has "
        f"{FILTER**2},",
        f"the four weights for map $i$ are 1/{POOL**2}, those for",
        f"first with filters of {FILTER}×{FILTER} on the {S4[0]} maps",
        f"A Linear layer's row of {FLAT} weights is a filter of "
        f"{S4[0]}×{square(S4)} that",
        f"The second image begins {IMAGE[2] + 4} columns to the right",
    ],
    "book/03_data.ipynb": [
        f"{post.EXAMPLES:,} images to train on and {TEST_IMAGES:,} to test "
        f"with, {square(IMAGE)} pixels",
        f"the paper's error of {PAPER_ERROR} % is on MNIST",
        f"All {post.EXAMPLES + TEST_IMAGES:,} images fit easily in memory",
        f"{post.EXAMPLES:,} is not a multiple of {BATCH}",
        f"an epoch of {post.EXAMPLES:,} images is {FULL_BATCHES + 1} of "
        f"them, the last with {LAST_BATCH}.",
        f"there are about {BATCH * 0.1:.0f} of it",
        rf"$\sqrt{{{BATCH} \cdot 0.1 \cdot 0.9}}$, nearly "
        f"{(BATCH * 0.1 * 0.9) ** 0.5:.0f}.",
    ],
    "book/04_accuracy.ipynb": [
        f"the maps of C1, six of {square(C1)} for each image",
        f"test accuracy after its first epoch is {FIRST.test_acc:.3f}.",
        f"The test images make {FULL_TESTS} minibatches of {BATCH} and one "
        f"of {LAST_TEST}.",
        f"counts as one in {FULL_TESTS + 1}, though it has only {LAST_TEST} "
        f"of {TEST_IMAGES:,} images",
        f"likely is a standard deviation of {LAST_TEST} answers",
        f"are {TEST_IMAGES:,} images enough?",
        f"Can the post's fall from {BEFORE_LAST.test_acc:.3f} to {TEST_ACC} "
        "in its last epoch",
    ],
    "book/05_training.ipynb": [
        f"The post's loss in its first epoch is {FIRST_LOSS}, a little above "
        f"ln {CLASSES}.",
        f"start near {HALF:.1f} whatever the",
        f"its {post.EXAMPLES:,} examples over its seconds",
        f"At ln {CLASSES} the net knows nothing",
        f"The post's loss is {FIRST_LOSS} in its first epoch and "
        f"{LAST.train_loss:.3f} in its last.",
        f"so each of the {LAST_BATCH} images of the last one counts as "
        f"1/{LAST_BATCH} of a step, the others as 1/{BATCH}: about "
        f"{BATCH / LAST_BATCH:.1f} times",
    ],
    "book/06_results.ipynb": [
        f"as found with {REPEATS.n} different outputs in public repositories",
        f"its test accuracy of {TEST_ACC} at the bad end, just outside their "
        f"range of {RANGE}. They are {REPEATS.n} runs of other people",
        f"The post's test accuracy {FALL} in its last epoch while its train",
        # What is left of 100 % by the paper's error on digits
        f"And not {100 - PAPER_ERROR:.0f} %. That is for digits",
        f"classifier reaches about {SOFTMAX}, more than the post's "
        f"{TEST_ACC}.",
        f"log says {post.PRINTED_SPEEDS[0]:,} examples a second in the first "
        f"epoch and {post.PRINTED_SPEEDS[-1]:,} in the last.",
        rf"\frac{{{TEX_EXAMPLES} \cdot {EPOCHS}}}{{\text{{seconds so far}}}}",
        f"by a factor of ${EPOCHS} / (k + 1)$",
        f"The post's {TEST_ACC} is one draw from a wide spread",
        f"was flat at about {FLAT_SPEED} examples a second after a slow",
        f"dropdown {ALL_EXAMPLES / 10:,.0f}, {ALL_EXAMPLES / 50:,.0f} and "
        f"{ALL_EXAMPLES / 100:,.0f}.",
        f"which is {post.EXAMPLES:,} images in ten seconds",
        f"Each class has {TEST_IMAGES // CLASSES:,} images.",
    ],
    "book/07_spread.ipynb": [
        f"happens on the plateau at ln {CLASSES}, and why",
        f"can say whether {TEST_ACC} is what the recipe gives",
        f"all seeds are judged by the same {TEST_IMAGES:,}.",
        f"a mean over the {FULL_BATCHES + 1} minibatches of an epoch, hence "
        f"over {FULL_BATCHES + 1} different settings",
        f"The plateau at ln {CLASSES} The post's first epoch ends with a "
        f"loss of {FIRST_LOSS}, above ln {CLASSES}:",
        f"A sigmoid makes {HALF:.1f} of 0, and its slope there, its "
        f"steepest, is 1/{1 / SLOPE:.0f}.",
        f"the best of such answers costs ln {CLASSES}.",
        f"three for each of {PEOPLE_IMAGES:,} test images and the majority "
        f"deciding, reached {PEOPLE},",
        f"So the post's {TEST_ACC} is no measure",
    ],
    "book/08_bands.ipynb": [
        f"once in {HONEST:,} runs. Fifty people",
        f"They make {50 * 250:,} runs, so about one",
        f"it would be {50 * 250 // 100} a year",
        f"once in a hundred instead of once in {HONEST:,}.",
        f"a tail of 1/{100 * 2 * len(BAD)} gives one in a hundred",
        f"An epoch of {FULL_BATCHES} minibatches in the place of "
        f"{FULL_BATCHES + 1},",
    ],
    "book/09_lenet5.ipynb": [
        f"the input has {PADDED}×{PADDED} pixels, so that",
        f"The background is {BACKGROUND} and the ink {INK}, which",
        f"six filters of {FILTER}×{FILTER}. S2 is not",
        f"each of the {C3[0]} maps sees all six maps before it",
        f"keeps a {FILTER}×{FILTER} filter for each link",
        f"C5 has {C5} filters that see all {S4[0]} maps of S4, "
        f"{FILTER}×{FILTER} each. The maps of S4 are {square(S4)} as well",
        f"F6 has {F6} units because {F6} = {BITMAP.replace('×', '·')}.",
        f"each class with {BITMAP} pixels",
        f"How many of the {F6} pixels differ",
        f"one image a step, {PASSES} passes over the data",
        f"It starts at {PLAIN_SGD.lr} and falls in a line over "
        f"{PLAIN_SGD.num_epochs} epochs, as many as the post's; the "
        f"minibatches are of {PLAIN_SGD.batch_size} images; $j$ is {J:.0f}.",
        f"an error of {PAPER_ERROR} % on MNIST's test digits, and "
        f"{DISTORTED_ERROR} % where",
        f"| input | {PADDED}×{PADDED}, {BACKGROUND} to {INK} | "
        f"{square(IMAGE)} padded by {PADDING}, 0 to 1: changed |",
        f"| C1 | six filters of {FILTER}×{FILTER} | kept |",
        f"| F6 | {F6} units | kept, its reason ({BITMAP}) dropped |",
        f"| training | {PASSES} passes, a rate for each weight | {EPOCHS} "
        f"epochs, one rate",
        f"for a bitmap $w$ of {F6} numbers",
        f"The second term is {F6} for each bitmap",
        f"squared derivatives of F6's {F6} states",
        f"The sum over the {F6} states",
    ],
    "book/10_departures.ipynb": [
        f"The outputs are sums of {F6} squares",
        f"timed over {TIMED} minibatches of each row",
        f"far above ln {CLASSES}. At 0.1 every seed",
        f"near chance, with a loss above ln {CLASSES}, as tanh",
        f"the loss goes up and down far above ln {CLASSES}.",
    ],
    "book/11_inside.ipynb": [
        f"A filter of C1 is {FILTER**2} weights",
    ],
    "book/12_time.ipynb": [
        f"from the images to the {FLAT} features",
        # Two per cent, of which nine tenths are saved
        f"By {0.9 * 2:.1f} per cent of its time",
    ],
    "book/errata.md": [
        f"prints {post.PRINTED_SPEEDS[0]:,} examples/sec in its first epoch "
        f"and {post.PRINTED_SPEEDS[-1]:,} in its last.",
        f"by a factor of ${EPOCHS} / (k + 1)$",
        f"a flat speed: about {FLAT_SPEED} examples/sec after a first epoch "
        f"that carries some {START_UP} s of start-up",
        f"ends with a test accuracy of {TEST_ACC}. d2l's own",
        f"found with {REPEATS.n} different outputs, gives "
        f"{REPEATS.mean:.3f} ± {REPEATS.sd:.3f}, from {RANGE}.",
        f"The post's test accuracy {FALL} while its train accuracy rises",
        f"softmax classifier reaches about {SOFTMAX} on the same data, which "
        f"is more than {TEST_ACC}.",
        f"first epoch has a loss of {FIRST_LOSS}, which is above ln "
        f"{CLASSES} = {math.log(CLASSES):.3f},",
        f"There are three: {FLAT} to {C5}, to {F6}, to {CLASSES}.",
        f"its maps shrink from {square(S2)} to {square(C3)}.",
        f"The post's net has {TOTAL}. The paper's has {PAPER_TOTAL}, and "
        f"{CONNECTIONS:,} connections. The difference of {MORE} is "
        f"{MORE_IN_C3} in C3, {HELD[12]:+} at the output and "
        f"{MORE_IN_POOLING} in the pooling.",
        f"each of the {C3[0]} maps sees all six before it",
        f"which compare {F6} numbers with fixed bitmaps",
        f"The post pads {square(IMAGE)} images by {PADDING}. That equals the "
        f"paper's {PADDED}×{PADDED} only",
        f"The paper's {PAPER_ERROR} % is an error on MNIST's digits",
    ],
    "book/index.md": [
        f"to the last of its {TOTAL} parameters",
    ],
    "book/questions.md": [
        f"It has {TOTAL} parameters, the paper's LeNet-5 has {PAPER_TOTAL},",
        f"Why padding {PADDING}? The paper's images have {PADDED}×{PADDED} "
        f"pixels, these have {square(IMAGE)}.",
        f"so that C1 has maps of {square(C1)} in both",
        f"Why {PRODUCT}? It is",
        f"gives: {S4[0]} maps of {square(S4)}, or {FLAT} numbers",
        f"Why does the loss sit at {math.log(CLASSES):.2f}? That is ln "
        f"{CLASSES} = {math.log(CLASSES):.3f},",
        f"Of our {len(FIRST_LOSSES)} seeds, "
        f"{FIRST_LOSSES.gt(math.log(CLASSES)).sum()} end their first epoch "
        f"above ln {CLASSES}.",
        f"five seeds end with a loss of {SHORT_STEPS.mean():.3f} in the "
        f"mean, where the recipe has {SEEDS_LAST.train_loss.mean():.3f}.",
        f"From {len(ACCURACIES)} seeds the last test accuracy of this recipe "
        f"comes out between {ACCURACIES.min():.3f} and "
        f"{ACCURACIES.max():.3f}.",
        f"standard deviation of {ACCURACIES.std():.3f} in the test accuracy",
        f"Why not {100 - PAPER_ERROR:.0f} %?",
        f"reaches about {SOFTMAX}, and people {PEOPLE}.",
        f"Release {version('d2l')} does not",
    ],
    "book/references.md": [],
    "book/running.md": [
        f"releases of `d2l` after {version('d2l')} ask for old versions",
        f"package, which asks for {version('d2l')};",
    ],
}

NOT_OF_A_RUN = {
    "README.md": {
        *("1998", "2022"),
        *("3.11", "3.14"),  # Python
        *("0", "5", "100"),  # Seeds, in commands
        "4.0",  # Licence
        *("17", "267", "6.3"),  # Seconds, MB and GB, on the machine above
    },
    "book/01_lenet.ipynb": {
        *("1980", "1989", "1998"),
        *("2", "3"),  # Chapters
        *("28", "32"),  # Sides of MNIST's images
        *("4", "5", "8", "10", "12", "16", "30"),  # Sizes in the net of 1989
    },
    "book/02_shapes.ipynb": {
        *("-1", "1", "28"),  # Shapes
        *("0", "1", "2"),  # Formulas, and what a gradient is not
        "5",  # Chapter
        "20",  # Side of a digit
        *("0", "-0.1"),  # Backgrounds
        *("3", "4", "5", "7"),  # Other filters, and a gap
    },
    "book/03_data.ipynb": {
        "2017",
        *("4", "6", "8", "9"),  # Chapters
        *("20", "28", "32"),  # Sides of MNIST's images
        *("0", "1", "255"),  # Ranges of a pixel
        *("250", "256"),  # Batch
    },
    "book/04_accuracy.ipynb": {
        "256",  # Batch
        *("0.1", "0.8", "0.001"),  # Accuracies that exercises suppose
        "1",  # Formula
        "0",  # A pixel that is dropped
        *("7", "8"),  # Chapters
    },
    "book/05_training.ipynb": {
        "2010",
        *("0.9", "256"),  # Recipe
        "6",  # Xavier's formula, and a chapter
        "8",  # Chapter
        *("0", "1"),  # Where epochs count from
        *("0.01", "0.1", "2,000"),  # Settings of exercises
    },
    "book/06_results.ipynb": {
        "0.9",  # Learning rate
        "5",  # Chapter
        "0",  # Where epochs count from
        "0.05",  # Half of the last printed digit
        *("0.8", "50"),  # Settings of exercises
    },
    "book/07_spread.ipynb": {
        *("95 %", "2.2", "50"),  # Limits that the chapter sets
        *("0.9", "0.09", "0.1", "256"),  # Settings
        "1",  # Epoch
        "0.5",  # What sigmoids give, near enough
        "2017",
        *("0.002", "0.01", "0.05"),  # Limits that exercises set
        *("2", "6"),  # A formula, and how many tests
        *("8", "9"),  # Epochs
    },
    "book/08_bands.ipynb": {
        "5",  # Chapter
        "1",  # Formula
        *("-1", "1"),  # Range of pixels
        *("95 %", "5 %", "250", "3"),  # Exercises' limits, days, a rule
    },
    "book/09_lenet5.ipynb": {
        "1998",
        *("0", "1"),  # Mean and variance, states, classes, maps of one pixel
        "-1",
        *("1.7159", "2", "3"),  # The paper's tanh, squares
        *("2.4", "-2.4"),  # The reach of the first weights
        *("7", "10"),  # Chapters
        *("8", "9"),  # Equations
        *("20", "22"),  # Penalties of an example
        *("32", "64"),  # Sides of a wider picture
    },
    "book/10_departures.ipynb": {
        "1998",
        *("7", "9", "12"),  # Chapters
        *("0.1", "0.01", "0.9"),  # Learning rates, and a momentum
        *("30", "32", "64"),  # Epochs, sides, batch
        "95 %",
        *("20", "0.99", "0.002"),  # Exercises' settings
        *("1", "2"),  # Formulas
    },
    "book/11_inside.ipynb": {
        *("2014", "2015", "2017"),
        "0",  # Seed, and black
        *("5", "7"),  # Chapters
        "1",  # White
        "1,000",  # Images that the chapter takes
        *("70", "100"),  # A forecaster
        "70 %",
    },
    "book/12_time.ipynb": {
        *("3", "6", "7"),  # Chapters
        *("1", "1.00"),  # A gain of nothing, and a round
        *("8", "16"),  # Images in a vector, and a layer
        "2,000",  # Test images of a way
    },
    "book/errata.md": {
        *("1989", "1998"),
        "0.9",  # Learning rate
        *("1", "2", "3", "4", "5", "6", "7", "9", "10"),  # Chapters
        *("0", "1"),  # Where epochs count from
        *("-1", "1", "3", "28"),  # Shapes
        *("20", "28", "32"),  # Sides of MNIST's images
        *("1.7159", "2", "3"),  # The paper's tanh
        *("0", "-0.1"),  # Backgrounds
        "20",  # The paper's passes
    },
    "book/index.md": {
        *("1998", "2022"),
        *map(str, range(1, 13)),  # Chapters
    },
    "book/questions.md": {
        *map(str, [1, 2, 3, *range(5, 13)]),  # Chapters
        *("0.1", "0.5", "0.9"),  # Learning rates
        "3.12",  # Python
    },
    "book/references.md": {"1998"},
    "book/running.md": {
        *("3.11", "3.12", "3.13", "3.14"),  # Python
        "400",  # The most MB of `make book`, which .ci/run checks
        *("2", "9"),  # Jupyter Book, IPython
        *("3", "5", "6", "7", "8", "9", "10", "11", "12"),  # Chapters
        *("0", "0.9", "10", "256"),  # Options
        "1",  # GPU
    },
}

# --- Reading prose ----------------------------------------------------------

FENCE = re.compile(r"^ *(`{3,})([^\n`]*)\n(.*?)^ *\1`* *$", re.M | re.S)
CODE_DIRECTIVES = ("{code", "{literalinclude", "{bibliography")

# Numbers, and what only looks like them, which is tried first: commands of
# LaTeX; words and identifiers, also such as LeNet-5, python3.12, 05_training.
# Behind a digit no word begins: 5x5 is two numbers, 3N is one
TOKEN = re.compile(
    r"""
      \\[A-Za-z]+
    | (?<!\d) [^\W\d]\w* (?: \.\w+ | -\d{1,3}\b(?![.,]\d) )*
    | \d+_[^\W\d]\w*
    | (?P<number>
        (?: (?<![\w)}]) [-\u2212] )?         # a sign, not a minus or a dash
        \d+ (?: (?: [.,_] | \\,) \d+ )*      # 2.5, 61,706, 60_000, 60\,000
        (?: [ ]? \\? % )?
      )
    """,
    re.X,
)


def outside_code(match):
    """What a fenced block adds to the prose: nothing if it is code."""
    directive = match[2].strip()
    if not directive.startswith("{") or directive.startswith(CODE_DIRECTIVES):
        return ""
    return re.sub(r"^ *:[\w-]+:.*$", "", without_code(match[3]), flags=re.M)


def without_code(text):
    """``text`` without its fenced code; tables and notes are kept."""
    return FENCE.sub(outside_code, text)


def prose(path: Path) -> str:
    """The prose of a page, in one line, without Markdown's marks.

    Inline code stays: a reader takes the numbers in it for facts.
    """
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        notebook = nbformat.reads(text, as_version=4)
        text = "\n\n".join(
            cell.source
            for cell in notebook.cells
            if cell.cell_type == "markdown"
        )
    text = without_code(text)
    text = re.sub(r"^ *(?:>+ ?|#+ )", "", text, flags=re.M)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)  # A link's target
    text = re.sub(r"https?://[^\s)>]+", "", text)
    # Emphasis; a product's star has a word on either side
    text = re.sub(r"(?<!\w)\*{1,3}(?=\S)|(?<=\S)\*{1,3}(?!\w)", "", text)
    return re.sub(r"[ \t\n]+", " ", text).strip()


def numbers(text):
    """The matches of the numbers in ``text``, in order."""
    return [match for match in TOKEN.finditer(text) if match["number"]]


def problems(page: str, text: str) -> list[str]:
    """What is wrong with the numbers in ``text``, the prose of ``page``."""
    found = []
    spans = []
    for claim in CLAIMS.get(page, []):
        matches = list(re.finditer(re.escape(claim), text))
        spans += [match.span() for match in matches]
        if len(matches) != 1:
            found.append(f"{len(matches)} times instead of once: {claim}")
    known = NOT_OF_A_RUN.get(page, set())
    used = set()
    for match in numbers(text):
        start, end = match.span()
        if any(low <= start and end <= high for low, high in spans):
            continue
        if match["number"] in known:
            used.add(match["number"])
        else:
            context = text[max(start - 40, 0) : end + 40]
            found.append(f"unaccounted: {match['number']} in: {context}")
    found += [f"stale: {number}" for number in sorted(known - used)]
    return found
