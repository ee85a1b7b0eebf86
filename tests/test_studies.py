"""The studies that the book commits: whole, and made as the package says."""

import json
import re
from dataclasses import replace

import pandas as pd
import pytest
from conftest import BOOK, defined_study
from conftest import STUDIES as FOLDER

from lenet_d2l.studies.runner import run_study
from lenet_d2l.studies.study import Study
from lenet_d2l.studies.table import whole_runs

# Benches are tested in test_bench.py
TRAINED = sorted(
    {file.stem for file in FOLDER.glob("*.csv")}
    - {"bench", "scale", "not_kept"}
)
ALL = {name: defined_study(name) for name in TRAINED}

LEAST = {"seeds": 500, "plain": 100, "answers": 50}  # Seeds
LEAST |= {"rates": 2, "contest_rates": 2}

each_study = pytest.mark.parametrize("name", ALL)


@each_study
def test_a_study_is_whole(name):
    text = (FOLDER / f"{name}.csv").read_text()
    runs, kept = whole_runs(text, ALL[name])
    assert kept == text
    assert {run.variant for run in runs} == ALL[name].recipes.keys()
    seeds = [run.seed for run in runs]
    assert len(set(seeds)) >= LEAST.get(name, 5)
    # Every recipe from every seed, once
    assert len(runs) == len(set(seeds)) * len(ALL[name].recipes)


@each_study
def test_a_study_was_made_with_the_recipes_as_they_stand(name):
    made = json.loads((FOLDER / f"{name}.json").read_text())
    now = ALL[name].settings("cpu", "fashion-mnist", plain=True)
    for variant, recipe in now["recipes"].items():
        if "code" not in made["recipes"][variant]:
            recipe.pop("code", None)  # Not yet recorded then
    assert made["recipes"] == now["recipes"]
    assert made["data"] == "fashion-mnist"
    environment = made["environment"]
    assert environment.keys() <= now["environment"].keys()
    assert environment["d2l"] == "0.17.0" and environment["threads"] == 1
    plain = {"plain", "avx2", "baselines", "lenet5", "plateau", "seconds"}
    plain |= {"contest", "contest_rates"}
    assert (environment["arithmetic"] == "plain") == (name in plain)


def test_each_file_that_defines_a_study_has_its_results():
    defined = {file.stem for file in FOLDER.glob("*.py")}
    for kind in "csv", "json":
        stored = {file.stem for file in FOLDER.glob(f"*.{kind}")}
        # Those that a command of the package makes have no file
        assert stored == defined | {"seeds", "plain", "avx2", "bench"}


def test_the_seeds_of_the_bands_are_not_those_of_faults(
    read_study,
):
    study = read_study("seeds")
    assert sorted(study.seed.unique()) == list(range(study.seed.nunique()))
    assert not {*study.seed} & {*read_study("faults").seed}
    # An accuracy is a share of so many images
    for name, images in [("train_acc", 60_000), ("test_acc", 10_000)]:
        right = study[name] * images
        assert ((right - right.round()).abs() < 0.04).all()
        assert study[name].between(0, 1).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, variant, seed",
    [
        ("seeds", "post", 7),
        ("changes", "tanh", 5),
        ("lenet5", "mean square", 0),
    ],
)
def test_a_study_gives_the_rows_that_the_book_has(
    name, variant, seed, tmp_path, read_study
):
    """The first epoch of a run, trained again here and now."""
    recipe = replace(ALL[name].recipes[variant], num_epochs=1)
    file = tmp_path / f"{name}.csv"
    run_study(Study({variant: recipe}), [seed], file, n_jobs=1)
    again = pd.read_csv(file).iloc[0]
    first = read_study(name).query("seed == @seed and epoch == 0")
    if "variant" in first:
        first = first[first.variant == variant]
    assert again.train_loss == pytest.approx(
        first.train_loss.item(), rel=1e-3
    )
    assert again.train_acc == pytest.approx(first.train_acc.item(), abs=5e-3)


@pytest.mark.parametrize(
    ("chapter", "name"),
    [
        *(
            ("13_departures", name)
            for name in ("rates", "changes", "seconds")
        ),
        *(("14_contest", name) for name in ("contest_rates", "contest")),
    ],
)
def test_the_chapter_names_the_seeds_of_a_study(chapter, name, read_study):
    text = (BOOK / f"{chapter}.ipynb").read_text("utf-8")
    command = rf"studies/{name}\.py [\w -]*--seeds (\d+):(\d+)"
    ((first, end),) = re.findall(command, text)
    assert {*read_study(name).seed} == {*range(int(first), int(end))}
