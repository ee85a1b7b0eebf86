"""The bands: what they contain, how often they fail, what they catch."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lenet_d2l.results.bands import (
    BAD,
    Band,
    all_figures,
    band,
    bands,
    figures,
    miss_rates,
)
from lenet_d2l.results.post import LOG
from lenet_d2l.results.repeats import CHINESE, ENGLISH

# Those that fit the study; a normal distribution does not
SHAPES = "gumbel_r", "pearson3", "exponnorm", "lognorm"


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
    mean, sd = 3.0, math.sqrt(14 / 3)
    # A Gumbel distribution with mode m and scale b is exceeded at
    # m - b ln(-ln(1 - p)); its mean is m + 0.5772 b, its sd b pi / sqrt 6
    b = sd * math.sqrt(6) / math.pi
    mode = mean - 0.5772156649 * b
    tail = 0.001
    low, high = band(values, bad=+1, tail=tail)
    assert high == pytest.approx(mode - b * math.log(-math.log1p(-tail)))
    assert low == pytest.approx(mean - 3.5 * sd)
    mirrored = band([-value for value in values], bad=-1, tail=tail)
    assert mirrored == pytest.approx((-high, -low))


def test_a_diverged_seed_is_an_error_that_names_it(study):
    diverged = study.copy()
    diverged.loc[diverged.seed == 3, "train_loss"] = math.nan
    with pytest.raises(ValueError, match=r"seeds \[3\] have diverged"):
        bands(diverged)


@pytest.mark.parametrize("shape", SHAPES)
def test_an_honest_run_seldom_fails_if_the_tail_has_a_shape_that_fits(
    shape, study, its_bands
):
    family, runs = getattr(stats, shape), all_figures(study)
    rates = sum(
        miss_rates(
            family,
            bad * runs[name],
            Band(*sorted(bad * end for end in its_bands[name])),
        )
        for name, bad in BAD.items()
    )
    assert rates.sum() < 1e-4


def test_no_later_seed_fails_the_bands_of_the_first_hundred(study):
    early = bands(study[study.seed < 100])
    later = all_figures(study[study.seed >= 100])
    assert len(later) >= 400
    assert all(v in early[name] for name in BAD for v in later[name])


def test_no_seed_fails_the_bands_of_the_others(study):
    runs = all_figures(study)
    for name, bad in BAD.items():
        for seed in runs.index:
            others = band(runs[name].drop(seed), bad)
            assert runs[name][seed] in others


def test_the_rate_of_false_alarms_is_that_of_the_fitted_shape():
    """Against the closed form for a normal distribution."""
    values = np.array([1.0, 2.0, 3.0, 6.0])  # Fitted: the mean 3, the sd
    sd = math.sqrt(14 / 4)
    rates = miss_rates(stats.norm, values, Band(3 - sd, 3 + 2 * sd))
    assert rates == pytest.approx([0.158655, 0.022750], abs=1e-5)


def test_the_bands_catch_what_the_book_says(read_study, study, its_bands):
    """The other fault they catch from some seeds."""
    nine_epochs = study[study.epoch < 9].assign(variant="nine epochs")
    runs = all_figures(pd.concat([read_study("faults"), nine_epochs]))
    caught = runs.apply(
        lambda run: any(run[name] not in its_bands[name] for name in BAD),
        axis=1,
    )
    share = caught.groupby("variant").mean()
    always, never = ({*share.index[share == part]} for part in (1, 0))
    assert always == {
        *("Xavier left out", "two labels swapped"),
        *("pixels in [-1, 1]", "max pooling"),
    }
    assert share.index.difference([*always, *never]).to_list() == [
        "second convolution padded"
    ]


def test_a_band_has_its_ends_and_is_printed_as_an_interval():
    band = Band(0.25, 0.8941)
    assert 0.25 in band and 0.8941 in band
    assert math.nextafter(0.25, 0) not in band
    assert math.nextafter(0.8941, 1) not in band
    assert str(band) == "[0.250, 0.894]"
