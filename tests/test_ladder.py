"""The ladder changes one weight, and what the chapter says of its rungs."""

import numpy as np
import pytest
import torch
from ladder import LADDER, RUNGS
from torch.nn.utils import parameters_to_vector

from lenet_d2l.studies.recipes import Recipe


@pytest.mark.parametrize(("name", "by"), [*zip(LADDER, RUNGS)])
def test_a_rung_changes_one_weight_by_so_much_and_nothing_else(name, by):
    honest, _ = Recipe().start(3, "cpu")
    order = torch.rand(1)
    nudged, _ = LADDER[name].start(3, "cpu")
    assert torch.equal(torch.rand(1), order)
    one, other = (
        parameters_to_vector(net.parameters()) for net in (nudged, honest)
    )
    (changed,) = (one != other).nonzero()
    assert (one - other)[changed].item() == pytest.approx(by, abs=3e-8)


@pytest.fixture(scope="module")
def gaps(read_study):
    """Distances of each rung's losses from the honest ones, by epoch."""
    both = read_study("ladder").merge(
        read_study("seeds"), on=["seed", "epoch"], suffixes=("", "_honest")
    )
    both["loss"] = (both.train_loss - both.train_loss_honest).abs()
    both["acc"] = (both.test_acc - both.test_acc_honest).abs()
    return both


def test_each_rung_has_ten_seeds_and_their_honest_runs(gaps):
    assert len(gaps) == len(RUNGS) * 10 * 10
    assert (gaps.groupby("variant").seed.nunique() == 10).all()


def test_a_distance_shrinks_after_the_plateau(gaps):
    """As the chapter says of every rung that leaves a trace."""
    median = gaps.pivot_table(
        index="variant", columns="epoch", values="loss", aggfunc="median"
    )
    traced = median[median[1] > 1e-5]
    assert len(traced) >= 3
    assert (traced[9] < traced[1] / 3).all()


def test_a_distance_is_in_proportion_to_the_change(gaps):
    late = gaps[gaps.epoch.isin([1, 2, 3])].groupby("variant").loss.median()
    for by in 1e-5, 1e-4, 1e-3, 1e-2:
        assert 5 < late[10 * by] / late[by] < 20


def test_only_the_largest_ends_about_as_far_away_as_another_seed(
    gaps, read_study
):
    """In its loss; its test accuracy ends closer. The least has no trace."""
    last = gaps[gaps.epoch == 9].groupby("variant")
    assert last.loss.max()[[1e-7, 1e-6]].max() <= 2e-6
    seeds = read_study("seeds").query("epoch == 9 and seed < 10")

    def strangers(figure):
        values = seeds[figure].to_numpy()
        apart = np.abs(values[:, None] - values)
        return np.median(apart[np.triu_indices(10, 1)])

    ratio = last.loss.median() / strangers("train_loss")
    assert ratio[1.0] > 0.7 and (ratio.drop(1.0) < 0.2).all()
    assert last.acc.median()[1.0] < strangers("test_acc") / 2
