"""Where one run lies among many."""

import pandas as pd
import pytest

from lenet_d2l.results.post import LOG
from lenet_d2l.results.spread import FIGURES, Place, places, verdict


@pytest.fixture
def hundred():
    """Seeds 0 to 99 whose loss is 0.00 to 0.99, and accuracies likewise."""
    study = pd.DataFrame({"seed": range(100), "epoch": 9})
    return study.assign(**dict.fromkeys(FIGURES, study.seed / 100))


def test_a_place_counts_the_smaller_ones_of_the_last_epoch(hundred):
    earlier = hundred.assign(epoch=3, train_loss=0.0)
    assert places(pd.concat([earlier, hundred]), LOG[-1]) == {
        "train_loss": Place(46, 100),  # 0.459
        "train_acc": Place(83, 100),  # 0.829
        "test_acc": Place(77, 100),  # 0.761
    }


@pytest.mark.parametrize(
    ("below", "n", "low", "high"),
    [
        # Clopper and Pearson 1934: ends at 0 and n are known in closed form
        (0, 100, 0, 100 * (1 - 0.025 ** (1 / 100))),
        (100, 100, 100 * 0.025 ** (1 / 100), 100),
        # Their table for 5 of 50, to three digits
        (5, 50, 3.3, 21.8),
    ],
)
def test_the_interval_is_the_exact_binomial_one(below, n, low, high):
    assert Place(below, n).interval() == pytest.approx((low, high), abs=0.05)


@pytest.mark.parametrize(
    ("below", "n", "among"),
    [
        (8, 100, "like ours"),  # [3.5, 15.2]
        (92, 100, "like ours"),  # As far from the other end
        (4, 100, "at the edge of ours"),  # [1.1, 9.9]
        (96, 100, "at the edge of ours"),
        (0, 100, "at the edge of ours"),  # [0, 3.6]: too few to say
        (0, 145, "at the edge of ours"),  # [0, 2.51]
        (0, 146, "unlike ours"),  # [0, 2.495]
        (0, 1000, "unlike ours"),  # [0, 0.4]
        (1000, 1000, "unlike ours"),
    ],
)
def test_a_figure_is_like_the_repeats_where_n_allows_to_say_so(
    below, n, among
):
    assert Place(below, n).among() == among


def test_words_and_numbers_of_a_place(hundred):
    said = "5 of 50 are smaller: percentile 10 [3.3, 21.8]"
    assert str(Place(5, 50)) == said
    assert verdict(hundred, LOG[-1]) == (
        "loss 0.459 is like ours (better than 54 % of 100 seeds); "
        "train acc 0.829 is like ours (better than 83 % of 100 seeds); "
        "test acc 0.761 is like ours (better than 77 % of 100 seeds)."
    )
    assert "test acc 0.100 is at the edge of ours" in verdict(
        hundred.assign(test_acc=0.5), LOG[0]
    )
