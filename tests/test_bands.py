"""The bands: what they contain, how often they fail, what they catch."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lenet_d2l.results.bands import (
    BAD,
    TAIL,
    Band,
    all_figures,
    band,
    bands,
    false_alarm_rate,
    figures,
)
from lenet_d2l.results.post import LOG
from lenet_d2l.results.repeats import CHINESE, ENGLISH


@pytest.fixture(scope="module")
def study(read_study):
    return read_study("seeds")


@pytest.fixture(scope="module")
def its_bands(study):
    return bands(study)


@pytest.mark.parametrize("figure", BAD)
def test_a_band_contains_honest_runs_and_no_net_at_chance(
    figure, study, its_bands
):
    """Those of every seed, the post's, and what d2l has published."""
    values = [*all_figures(study)[figure], figures(pd.DataFrame(LOG))[figure]]
    for repeats in ENGLISH, CHINESE:
        if figure in repeats:
            values += [repeats[figure].low, repeats[figure].high]
    assert all(value in its_bands[figure] for value in values)
    chance = math.log(10) if figure == "train_loss" else 0.1
    for value in chance, math.nan, math.inf, -math.inf, None, "0.8":
        assert value not in its_bands[figure]


def test_a_run_has_its_figures_alone_and_among_others(read_study):
    assert figures(pd.DataFrame(LOG)) == {
        "train_loss": 0.459,
        "train_acc": 0.829,
        "test_acc": 0.761,
        "late_test_acc": pytest.approx((0.793 + 0.799 + 0.761) / 3),
    }
    faults = read_study("faults")
    table = all_figures(faults)
    assert len(table) == len(faults) / 10
    for (variant, seed), row in table.iterrows():
        run = faults[(faults.variant == variant) & (faults.seed == seed)]
        assert row.to_dict() == figures(run)


def test_a_band_is_computed_as_its_chapter_says():
    """Against the formulas, written out for four values."""
    values = [1.0, 2.0, 3.0, 6.0]
    mean, sd, n = 3.0, math.sqrt(14 / 3), 4
    # A Gumbel distribution with mode m and scale b is exceeded at
    # m - b ln(-ln(1 - p)); its mean is m + 0.5772 b, its sd b pi / sqrt 6
    b = sd * math.sqrt(6) / math.pi
    mode = mean - 0.5772156649 * b
    tail = 0.001
    low, high = band(values, bad=+1, tail=tail)
    assert high == pytest.approx(mode - b * math.log(-math.log1p(-tail)))
    t = stats.t.ppf(1 - tail, df=n - 1)
    assert low == pytest.approx(mean - t * sd * math.sqrt(1 + 1 / n))
    mirrored = band([-value for value in values], bad=-1, tail=tail)
    assert mirrored == pytest.approx((-high, -low))


def test_a_diverged_seed_is_an_error_that_names_it(study):
    diverged = study.copy()
    diverged.loc[diverged.seed == 3, "train_loss"] = math.nan
    with pytest.raises(ValueError, match=r"seeds \[3\] have diverged"):
        bands(diverged)


@pytest.mark.parametrize(
    "shape", ["norm", "gumbel_r", "pearson3", "exponnorm", "lognorm"]
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_an_honest_run_fails_at_most_once_in_10_000(shape, study):
    """All bands together, for several shapes fitted to the study."""
    rng = np.random.default_rng(1)
    rate, shape = 0, getattr(stats, shape)
    for name, bad in BAD.items():
        values = bad * all_figures(study)[name]
        spread = shape(*shape.fit(values))
        rate += false_alarm_rate(spread, len(values), rng)
    assert rate <= 1e-4


def test_the_rate_of_false_alarms_is_that_of_drawing_runs():
    """Against plain counting, with bands narrow enough to count at."""
    rng = np.random.default_rng(0)
    spread = stats.gumbel_r(0, 1)
    rate = false_alarm_rate(spread, 20, rng, studies=4000, tail=0.02)
    outside = []
    for runs in spread.rvs((4000, 25), random_state=rng):
        its_band = band(runs[:20], +1, tail=0.02)
        outside += [run not in its_band for run in runs[20:]]
    counted = np.mean(outside)
    assert rate == pytest.approx(counted, abs=4 * math.sqrt(rate / 20_000))
    assert TAIL < rate < 0.05


def test_the_bands_catch_what_the_book_says(read_study, study, its_bands):
    """The other two faults they catch by chance."""
    nine_epochs = study[study.epoch < 9].assign(variant="nine epochs")
    runs = all_figures(pd.concat([read_study("faults"), nine_epochs]))
    caught = runs.apply(
        lambda run: any(run[name] not in its_bands[name] for name in BAD),
        axis=1,
    )
    share = caught.groupby("variant").mean()
    always, never = ({*share.index[share == part]} for part in (1, 0))
    assert always == {"Xavier left out", "two labels swapped"}
    assert never == {
        *("biases frozen", "mean over batches", "not shuffled"),
        *("pixels in [-1, 1]", "second convolution padded"),
        *("tested on train data", "nine epochs"),
    }


def test_a_band_has_its_ends_and_is_printed_as_an_interval():
    band = Band(0.25, 0.8941)
    assert 0.25 in band and 0.8941 in band
    assert math.nextafter(0.25, 0) not in band
    assert math.nextafter(0.8941, 1) not in band
    assert str(band) == "[0.250, 0.894]"
