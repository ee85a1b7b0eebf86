"""What a change does, in a word: the tests behind it, and their level."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lenet_d2l.results.verdicts import (
    GUESSING,
    MARGIN,
    change,
    holm,
    share_interval,
    verdicts,
)


def runs(*values):
    return pd.Series(values, dtype=float)


def test_runs_of_the_same_seeds_are_compared_seed_by_seed():
    before = runs(0.70, 0.75, 0.80, 0.85)
    gain = np.array([0.010, 0.012, 0.011, 0.013])
    found = change(before + gain, before)
    assert found.paired and found.learn is None
    # By hand: t with 3 degrees of freedom is 3.182 at 95 %
    half = 3.182 * gain.std(ddof=1) / 2
    assert found.mean == pytest.approx(0.0115)
    assert (found.low, found.high) == pytest.approx(
        (0.0115 - half, 0.0115 + half), abs=1e-6
    )


def test_runs_of_other_seeds_are_compared_as_groups():
    before, after = runs(0.70, 0.75, 0.80, 0.85), runs(0.9, 0.8, 0.8, 0.8)
    after.index += 2
    found = change(after, before)
    assert not found.paired
    assert found.mean == pytest.approx(0.05)
    # Welch's t and degrees of freedom, written out
    a, b = after.var() / 4, before.var() / 4
    t, freedom = 0.05 / (a + b) ** 0.5, (a + b) ** 2 / (a**2 + b**2) * 3
    assert found.p == pytest.approx(2 * stats.t(freedom).sf(t))


@pytest.mark.parametrize("together", [-0.4, 0, 0.4])
def test_of_changes_that_do_nothing_one_in_twenty_is_significant(together):
    """Also where runs of a seed rise and fall against each other."""
    rng = np.random.default_rng(0)
    covariance = [[1, together], [together, 1]]
    tables = 0.8 + 0.01 * rng.multivariate_normal(
        (0, 0), covariance, (1000, 5)
    )
    p = [change(*map(pd.Series, table.T)).p for table in tables]
    significant = stats.binomtest(int(np.sum(np.less(p, 0.05))), 1000, 0.05)
    assert significant.pvalue > 0.01


def test_two_one_sided_tests_have_to_agree():
    before = runs(0.700, 0.710, 0.720, 0.730)
    gain = np.array([0.000, 0.001, 0.002, 0.001])
    found = change(before + gain, before)
    error = gain.std(ddof=1) / 2
    upper = stats.t(3).sf((MARGIN - 0.001) / error)
    lower = stats.t(3).sf((MARGIN + 0.001) / error)
    assert found.p_equivalent == pytest.approx(max(upper, lower))
    assert verdicts({"": found}) == {"": "equivalent"}


def test_where_some_runs_stay_at_chance_those_that_learn_are_counted():
    found = change(runs(0.8, 0.8, 0.1, 0.8, 0.7), runs(*[0.1] * 5))
    assert found.learn == (4, 0)
    # Fisher: the ways to choose 4 learners of 10 runs from one side
    assert found.p == pytest.approx(2 * 5 / 210)
    assert found.p_equivalent == 1


def test_runs_that_are_all_at_chance_are_compared_as_others_are():
    found = change(runs(*[0.1] * 4), runs(0.79, 0.80, 0.81, 0.82))
    assert found.learn is None
    assert verdicts({"": found}) == {"": "hurts"}


@pytest.mark.parametrize("diverged", [1, 2, 5])
def test_a_run_that_has_diverged_counts_as_one_that_guesses(diverged):
    before = runs(0.79, 0.80, 0.81, 0.82, 0.80)
    after = before + 0.01
    after[:diverged] = np.nan
    found = change(after, before)
    assert found == change(after.fillna(GUESSING), before)
    assert np.isfinite([*found[:5]]).all()
    if diverged == 5:
        assert verdicts({"": found}) == {"": "hurts"}
    else:
        assert found.learn == (5 - diverged, 5)


def test_runs_that_are_the_same_are_equivalent():
    same = runs(*[0.1] * 5)
    found = change(same, same)
    assert found.p == 1
    assert verdicts({"": found}) == {"": "equivalent"}


@pytest.mark.parametrize("n", [1, 5, 20, 100])
def test_none_of_n_allows_what_a_power_says(n):
    """For 0 of n the upper end solves (1 - share) ** n = 0.025."""
    low, high = share_interval(0, n)
    assert low == 0
    assert (1 - high) ** n == pytest.approx(0.025)
    assert share_interval(n, n) == pytest.approx((1 - high, 1))


def test_an_interval_of_shares_is_that_of_the_binomial_distribution():
    low, high = share_interval(4, 5)
    assert stats.binom(5, low).sf(3) == pytest.approx(0.025)
    assert stats.binom(5, high).cdf(4) == pytest.approx(0.025)


seeds = st.lists(st.floats(0.3, 1), min_size=5, max_size=5)


@given(seeds, seeds)
def test_a_change_undone_is_its_opposite(one, other):
    there = change(runs(*one), runs(*other))
    back = change(runs(*other), runs(*one))
    assert (back.mean, back.low, back.high) == pytest.approx(
        (-there.mean, -there.high, -there.low), abs=1e-9, nan_ok=True
    )
    assert back.p == pytest.approx(there.p)
    assert back.p_equivalent == pytest.approx(there.p_equivalent)


def test_holm_gives_the_adjusted_values_of_a_worked_example():
    """R's p.adjust(c(.01, .04, .03, .005), "holm")."""
    adjusted = holm([0.01, 0.04, 0.03, 0.005])
    assert adjusted == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == pytest.approx([1, 1])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_lies_between_no_adjustment_and_bonferronis(p):
    adjusted = holm(p)
    assert (adjusted >= p).all()
    assert (adjusted <= np.minimum(1, len(p) * np.array(p))).all()
    order = np.argsort(p)
    assert (np.diff(adjusted[order]) >= 0).all()


def test_a_word_takes_the_whole_table_into_account():
    rng = np.random.default_rng(0)
    before = pd.Series(rng.normal(0.8, 0.01, 5))
    found = change(before + rng.normal(0.006, 0.004, 5), before)
    assert found.p < 0.05
    alone = verdicts({"a": found})
    table = verdicts({str(i): found._replace(p=0.04) for i in range(9)})
    assert alone == {"a": "helps"}
    assert {*table.values()} == {"undecided"}
    assert verdicts({"a": found._replace(mean=-1)}) == {"a": "hurts"}
