"""What the chapter "One run is not a result" says of its studies in words."""

import pandas as pd
import pytest
from scipy import stats

from lenet_d2l.results.bands import last_epoch
from lenet_d2l.results.post import LOG
from lenet_d2l.results.repeats import CHINESE, ENGLISH
from lenet_d2l.results.spread import FIGURES
from lenet_d2l.results.verdicts import MARGIN

LATE = range(5, 10)  # Epochs in which the learning has become slow


@pytest.fixture(scope="module")
def seeds(read_study):
    return read_study("seeds").pivot(index="seed", columns="epoch")


@pytest.fixture(scope="module")
def last(read_study):
    return last_epoch(read_study("seeds"))


def test_the_post_ends_below_the_light_band_of_the_fan(last):
    assert LOG[-1].test_acc < last.test_acc.quantile(0.05)


def test_most_seeds_that_end_as_low_have_the_gap_and_the_fall(seeds):
    *_, before, end = LOG
    test = seeds.test_acc
    low = test[9] <= end.test_acc
    fallen = test[8] - test[9] >= before.test_acc - end.test_acc
    wide = seeds.train_acc[9] - test[9] >= end.train_acc - end.test_acc
    assert (fallen & wide)[low].mean() > 0.5


@pytest.mark.parametrize("repeats", [ENGLISH, CHINESE])
def test_others_repeats_are_close_to_ours_and_the_post_low_in_them(
    repeats, last
):
    for name, theirs in repeats.items():
        ours = last[name]
        assert abs(ours.mean() - theirs.mean) < ours.std() / 3
        assert 3 / 4 < theirs.sd / ours.std() < 4 / 3
    theirs = repeats["test_acc"]
    assert LOG[-1].test_acc < theirs.mean - 2 * theirs.sd
    assert LOG[-1].test_acc < last.test_acc.mean() - 2 * last.test_acc.std()


def test_simpler_classifiers_beat_most_seeds_at_their_own_learning_rate(
    read_study, seeds, last
):
    def swing(table):
        return table.diff(axis=1)[list(LATE)].to_numpy().std(ddof=1)

    runs = read_study("baselines").pivot(
        index=["variant", "seed"], columns="epoch", values="test_acc"
    )
    for variant, table in runs.groupby("variant"):
        if variant.endswith("lr 0.1"):
            assert table[9].min() > last.test_acc.median()
        else:
            assert swing(table) > 1.5 * swing(seeds.test_acc)
    hidden = runs.loc["one hidden layer, lr 0.9"]
    assert hidden[9].mean() < last.test_acc.min()


def test_little_of_the_order_in_test_accuracy_is_left_in_the_next_epoch(
    seeds,
):
    def stays(name):
        return stats.spearmanr(seeds[name][8], seeds[name][9]).statistic

    assert 0 < stays("test_acc") < 0.4
    assert stays("train_acc") > 0.8


def test_no_p_of_the_rehearsal_is_small_enough_for_six_tests(last):
    first = last.seed < 10
    groups = [(last[name][first], last[name][~first]) for name in FIGURES]
    p = [stats.ttest_ind(*g, equal_var=False).pvalue for g in groups]
    p += [stats.levene(*g).pvalue for g in groups]
    assert min(p) > 0.05 / 6


@pytest.fixture(scope="module")
def steadier(read_study):
    """The test accuracy and the loss of the steadier runs, by variant."""
    return dict(iter(last_epoch(read_study("steadier")).groupby("variant")))


def test_unchanged_seeds_are_seldom_as_close_together(steadier, last):
    assert last.test_acc.skew() < -0.5  # The long tail
    for runs in steadier.values():
        drawn = pd.Series(
            last.test_acc.sample(len(runs), random_state=i).std()
            for i in range(1000)
        )
        assert (drawn <= runs.test_acc.std()).mean() < 0.01
        assert stats.levene(runs.test_acc, last.test_acc).pvalue < 0.01


def test_a_falling_learning_rate_learns_less_and_the_mean_costs_nothing(
    steadier, last
):
    def interval(variant, figure):
        groups = steadier[variant][figure], last[figure]
        return stats.ttest_ind(*groups, equal_var=False).confidence_interval()

    assert interval("falling lr", "train_loss").low > 0
    assert interval("falling lr", "test_acc").high < 0
    assert interval("mean of the weights", "test_acc").low > -MARGIN


def test_a_seed_that_leaves_late_in_an_epoch_has_a_high_mean_in_it(
    read_study,
):
    """As the chapter says: the mean over an epoch shows it later."""
    steps = read_study("plateau").query("seed == 0")
    smooth = steps.loss.rolling(5, center=True).mean()
    assert 200 < steps.step[smooth < 2.2].min() < 235
    first = read_study("seeds").query("seed == 0 and epoch == 0")
    assert first.train_loss.item() > 2.2
