"""Studies of many runs: what they train, and how they are run and kept."""

from ..speed.fused import fused_lenet
from .baselines import BASELINES
from .departures import DEPARTURES
from .faults import FAULTS
from .lenet5 import LENET5
from .plateau import EVERY, STEPS, StepRow, gradient_norms
from .recipes import EpochRow, Recipe, train_recipe
from .runner import Study, StudyFileError, run_study
from .seconds import SecondsRow, seconds_an_epoch
from .steadier import STEADIER

POST = {"post": Recipe()}

SEEDS = Study(POST)

STUDIES = {
    "faults": Study(FAULTS),
    "baselines": Study(BASELINES),
    "steadier": Study(STEADIER),
    "departures": Study(DEPARTURES),
    "seconds": Study(
        DEPARTURES, seconds_an_epoch, SecondsRow, lambda _: 1, ".3f"
    ),
    "lenet5": Study(LENET5),
    "fused": Study({"post": Recipe(fused_lenet)}),
    "plateau": Study(
        POST, gradient_norms, StepRow, lambda _: STEPS // EVERY, ".4g"
    ),
}

__all__ = [
    "SEEDS",
    "STUDIES",
    "EpochRow",
    "Recipe",
    "Study",
    "StudyFileError",
    "run_study",
    "train_recipe",
]
