"""The ladder changes one weight, and what the chapter says of its rungs."""

import pytest
import torch
from ladder import LADDER, RUNGS
from torch.nn.utils import parameters_to_vector

from lenet_d2l.results.variance import between_seeds, distances
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
def study(read_study):
    return read_study("seeds")


@pytest.fixture(scope="module")
def ladder(read_study):
    return read_study("ladder")


@pytest.fixture(scope="module")
def far(ladder, study):
    """Distances of each rung's losses from the honest ones, by epoch."""
    return distances(ladder, study)


def test_each_rung_has_ten_seeds_and_their_honest_runs(far):
    assert far.groupby("variant").size().to_list() == [10] * len(RUNGS)
    assert far.shape[1] == 10 and far.notna().all(axis=None)


def test_a_distance_shrinks_but_grows_as_a_share_of_two_seeds(far, study):
    """After the plateau, where a rung leaves a trace that six digits hold."""
    median = far.groupby("variant").median().loc[1e-3:1e-1]
    assert len(median) == 3
    assert (median[9] < median[1]).all()
    share = median / between_seeds(study[study.seed < 10]).median()
    assert (share[9] > 2 * share[1]).all()


def test_a_distance_is_in_proportion_to_the_change(far):
    late = far[[1, 2, 3]].stack().groupby("variant").median()
    for by in 1e-5, 1e-4, 1e-3, 1e-2:
        assert 5 < late[10 * by] / late[by] < 20


def test_only_the_largest_ends_about_as_far_away_as_another_seed(
    far, ladder, study
):
    """In its loss; its test accuracy ends closer. The least has no trace."""
    assert far[9][[1e-7, 1e-6]].max() <= 2e-6
    seeds = study[study.seed < 10]
    ratio = far[9].groupby("variant").median()
    ratio /= between_seeds(seeds)[9].median()
    assert ratio[1.0] > 0.7 and (ratio.drop(1.0) < 0.2).all()
    accuracy = distances(ladder, study, "test_acc")[9][1.0]
    strangers = between_seeds(seeds, "test_acc")[9]
    assert accuracy.median() < strangers.median() / 2
