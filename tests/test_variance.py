"""Parts of variance: closed forms, published ones, and simulated runs."""

import math

import numpy as np
import pandas as pd
import pytest

from lenet_d2l.results.variance import (
    Share,
    between_seeds,
    crossed_shares,
    distances,
    explained_share,
    images_share,
    lasting_share,
    mean_squares,
    shares,
)

# Six subjects, four judges (Shrout and Fleiss 1979, table 2)
JUDGED = [
    *([9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8]),
    *([7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]),
]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def simulated(rng, variances, shape):
    """A table whose rows, columns and rest have the variances."""
    rows, columns, rest = np.sqrt(variances)
    a, b = shape
    return (
        rows * rng.normal(size=(a, 1))
        + columns * rng.normal(size=(1, b))
        + rest * rng.normal(size=shape)
    )


def test_mean_squares_are_those_of_the_published_table():
    seen = mean_squares(JUDGED)
    assert seen.freedom == (5, 3, 15)
    assert seen[:3] == pytest.approx((11.24, 32.49, 1.02), abs=0.005)


def test_the_share_of_the_rows_is_the_published_one():
    assert lasting_share(JUDGED).share == pytest.approx(0.71, abs=0.005)


def test_where_effects_only_add_nothing_is_left(rng):
    rows, columns = rng.normal(size=(5, 1)), rng.normal(size=(1, 7))
    expected = rows.var(ddof=1), columns.var(ddof=1), 0
    found = mean_squares(rows + columns).components()
    assert found == pytest.approx(expected, abs=1e-12)
    by_name = crossed_shares(rows + columns, rng)
    assert by_name["rest"] == pytest.approx((0, 0, 0), abs=1e-12)


def test_variances_are_unbiased(rng):
    tables = (simulated(rng, (1, 4, 9), (4, 6)) for _ in range(5000))
    found = np.array([mean_squares(t).components() for t in tables])
    error = found.std(axis=0) / math.sqrt(5000)
    assert (np.abs(found.mean(axis=0) - (1, 4, 9)) < 4 * error).all()
    assert (found[:, 0] < 0).any()  # Hence it must be allowed


def test_a_variance_below_zero_has_no_share():
    assert shares(np.array([-1.0, 1.0, 3.0])).tolist() == [0, 0.25, 0.75]


@pytest.mark.parametrize("variances", [(5, 9, 86), (1, 3, 6), (45, 45, 10)])
def test_intervals_hold_what_is_true_as_often_as_they_say(variances, rng):
    true = shares(np.array(variances, dtype=float))
    lasting = true[0] / (true[0] + true[2])
    held = np.zeros(4)
    n = 400
    for _ in range(n):
        table = simulated(rng, variances, (12, 12))
        found = [*crossed_shares(table, rng, 1000).values()]
        found.append(lasting_share(table))
        pairs = zip(found, [*true, lasting])
        held += [share.low <= t <= share.high for share, t in pairs]
    # 95 %, and four standard errors
    assert (held / n > 0.95 - 4 * math.sqrt(0.95 * 0.05 / n)).all()
    assert (held < n).any()


def test_what_runs_share_explains_what_is_gone_among_them(rng):
    sharing = np.array([[1.0, 5.0], [2.0, 7.0], [3.0, 9.0]])
    others = rng.normal(0, 3, 50)
    found = explained_share(sharing, others, rng)
    # Among those that share one, the variances are 1 and 4
    assert found.share == pytest.approx(1 - 2.5 / others.var(ddof=1))
    assert found.low <= found.share <= found.high
    assert explained_share(9 * sharing, others, rng)[:2] == (0, 0)


def test_an_interval_of_what_is_explained_holds_it_as_often_as_it_says(rng):
    true, held, n = 0.75, 0, 200
    for _ in range(n):
        sharing = simulated(rng, (0.05, 0.75, 0.2), (12, 12))
        share = explained_share(sharing, rng.normal(size=300), rng, 200)
        held += share.low <= true <= share.high
    # 95 %, less what few runs and resamples take, and four standard errors
    assert 0.85 < held / n < 1


def test_what_stays_does_not_see_how_the_mean_changes(rng):
    table = simulated(rng, (1, 0, 3), (20, 3))
    moved = table + np.array([0, 10, -5])
    assert lasting_share(moved) == pytest.approx(lasting_share(table))


def test_the_seed_decides_the_loss_and_little_of_the_test_accuracy(
    read_study, rng
):
    """As a bootstrap over the seeds says, too, without normal effects."""
    study = read_study("seeds").query("epoch >= 7")
    for figure, low, high in (
        ("test_acc", 0, 0.3),
        ("train_loss", 0.89, 0.96),
    ):
        table = study.pivot(index="seed", columns="epoch", values=figure)
        found = lasting_share(table)
        assert low < found.low and found.high < high
        seeds = rng.integers(0, len(table), (1000, len(table)))
        drawn = [lasting_share(table.iloc[i]).share for i in seeds]
        ends = np.quantile(drawn, [0.025, 0.975])
        assert found[1:] == pytest.approx(ends, abs=0.03)


ONE = np.zeros(2000)  # All images are of one class


def answered(rng, sd, runs=40, images=2000):
    """Which run is right about which image, if true accuracies have ``sd``.

    In the middle of its range, so that none is cut off.
    """
    easy = rng.uniform(0.3, 0.7, images)
    good = sd * rng.normal(size=(runs, 1))
    return rng.random((runs, images)) < easy + good


def test_the_share_of_the_images_is_the_simulated_one(rng):
    for sd in 0.02, 0.01:
        # The mean of p (1 - p) for p between 0.3 and 0.7
        own = (0.25 - 0.4**2 / 12) / 2000
        true = own / (own + sd**2)
        found = [images_share(answered(rng, sd), ONE, rng) for _ in range(30)]
        middle = np.median([share.share for share in found])
        assert middle == pytest.approx(true, rel=0.15)
        held = sum(share.low <= true <= share.high for share in found)
        assert held >= 24


def test_equally_good_runs_differ_by_the_choice_of_images_alone(rng):
    found = images_share(answered(rng, 0), ONE, rng)
    assert found.share > 0.5 and found.high == 1


def test_it_is_what_a_bootstrap_of_the_images_finds(rng):
    """Class by class, where some runs are better at one of two classes."""
    labels = np.repeat([0, 1], 1000)
    right = answered(rng, 0.02)
    better = rng.random((40, 1)) < 0.5
    right |= (labels == better) & (rng.random((40, 2000)) < 0.8)
    accuracy = right.mean(axis=1)
    lead = right - right.mean(axis=0)
    draws = rng.integers(0, 1000, (2000, 2, 1000))
    draws += np.array([[0], [1000]])
    moved = np.array([lead[:, i.ravel()].mean(axis=1) for i in draws])
    # The mean lead is always 0, hence 40 / 39
    own = moved.var(axis=0).mean() * 40 / 39
    share = images_share(right, labels, rng).share
    assert own / accuracy.var(ddof=1) == pytest.approx(share, rel=0.03)
    # Without the classes a preference would count as the images'
    assert images_share(right, ONE, rng).share > 1.05 * share


def test_its_interval_is_that_of_the_mean_squares_of_resampled_runs(rng):
    right = answered(rng, 0.02)
    found = images_share(right, ONE, np.random.default_rng(5), 200)
    runs = np.random.default_rng(5).integers(0, 40, (200, 40))
    each = [mean_squares(right[i]) for i in [range(40), *runs]]
    share, *drawn = [seen.rest / seen.rows for seen in each]
    ends = np.quantile(drawn, [0.025, 0.975])
    assert found == pytest.approx((share, *ends))


def test_a_share_in_words():
    assert str(Share(0.141, 0.023, 0.273)) == "14% [2%, 27%]"


def test_distances_are_those_of_the_same_seed_and_epoch():
    honest = pd.DataFrame(
        [(1, 0, 2.0), (0, 0, 1.0), (0, 1, 0.5), (1, 1, 0.7), (2, 0, 9.0)],
        columns=["seed", "epoch", "train_loss"],
    )
    changed = honest.query("seed < 2").assign(variant="a")
    less = changed.assign(variant="b", train_loss=changed.train_loss - 0.25)
    far = distances(pd.concat([less, changed]), honest)
    assert far.columns.tolist() == [0, 1]
    assert far.loc["a"].to_numpy().tolist() == [[0, 0], [0, 0]]
    assert far.loc["b"].to_numpy() == pytest.approx(0.25)
    assert far.loc["b"].index.tolist() == [0, 1]


def test_the_yardstick_has_each_pair_of_seeds_once():
    study = pd.DataFrame(
        {
            "seed": [0, 1, 2, 0, 1, 2],
            "epoch": [0, 0, 0, 1, 1, 1],
            "test_acc": [0.0, 1.0, 3.0, 5.0, 5.0, 4.0],
        }
    )
    far = between_seeds(study, "test_acc")
    assert far.to_numpy().T.tolist() == [[1, 3, 2], [0, 1, 1]]
