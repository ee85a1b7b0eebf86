"""The answers are those of the run that has the seed, and are found again."""

from dataclasses import replace

import answers
import pandas as pd
import pytest
from baselines import BASELINES
from torch.utils.data import DataLoader

from lenet_d2l.speed.fused import FusedLeNet, arithmetic
from lenet_d2l.studies.recipes import Recipe, train_recipe
from lenet_d2l.studies.runner import run_study
from lenet_d2l.studies.study import Key
from lenet_d2l.studies.table import whole_runs

# In a few minibatches LeNet gives all images one answer; this one does not
LEARNS = replace(BASELINES["one hidden layer, lr 0.1"], num_epochs=3)


@pytest.fixture
def shuffled(some_images):
    return DataLoader(some_images.dataset, batch_size=64, shuffle=True)


def test_the_row_is_the_last_of_the_run_with_an_answer_per_image(
    shuffled, some_images
):
    nets = []

    def epoch(net, *others):
        nets.append(net)
        return LEARNS.epoch(net, *others)

    recipe = replace(LEARNS, epoch=epoch)
    given = 4, shuffled, some_images, "cpu"
    (row,) = answers.last_answers(recipe, *given)
    X, y = some_images.dataset.tensors
    expected = nets[-1](X).argmax(dim=1)
    assert row.answers == "".join(str(n) for n in expected.tolist())
    assert len(set(row.answers)) > 5
    right = (expected == y).sum().item() / 600
    assert row.test_acc == pytest.approx(right)
    assert row[:4] == train_recipe(LEARNS, *given)[-1]


def test_the_posts_net_stays_fused(shuffled, some_images):
    if arithmetic("cpu").name == "plain":
        pytest.skip(arithmetic("cpu").reason)
    recipe, seen = answers.STUDY.recipes["post"], []

    def epoch(net, *others):
        seen.append(type(net))
        return recipe.epoch(net, *others)

    given = 4, shuffled, some_images, "cpu", "fused"
    two = replace(recipe, num_epochs=2)
    (row,) = answers.last_answers(replace(two, epoch=epoch), *given)
    assert seen == [FusedLeNet] * 2
    assert row[:4] == train_recipe(two, *given)[-1]


def test_a_csv_keeps_them_digit_by_digit(small_data, tmp_path):
    """Also a first answer of 0. Of the small files 100 images are tested."""
    file = tmp_path / "answers.csv"
    study = replace(answers.STUDY, recipes={"post": Recipe(num_epochs=1)})
    run_study(study, range(2), file, data_dir=small_data, n_jobs=1)
    table = pd.read_csv(file, dtype={"answers": str})
    assert table.answers.str.fullmatch("[0-9]{100}").all()
    assert table.seed.tolist() == [0, 1]
    text = file.read_text()
    assert whole_runs(text, study) == ({Key("post", 0), Key("post", 1)}, text)


@pytest.mark.parametrize("digit", "019")
def test_fifty_runs_of_10_000_images_take_less_than_600_kb(digit):
    rows = [answers.AnswersRow(9, 0.5, 0.8, 0.8, digit * 10_000)]
    header = ",".join(answers.STUDY.columns) + "\n"
    run = answers.STUDY.lines(Key("post", 49), rows)
    assert len(header + run * 50) < 600_000
    found, kept = whole_runs(header + run, answers.STUDY)
    assert found == {Key("post", 49)} and kept == header + run
