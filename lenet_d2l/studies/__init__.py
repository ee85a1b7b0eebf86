"""Studies: many runs of some recipes, kept in a CSV.

Only their names are known here, so that a command line that is wrong need
not wait for PyTorch.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .runner import Study

# As the command ``study`` has them; the command ``seeds`` has "seeds"
NAMES = (
    *("faults", "baselines", "steadier", "departures", "seconds"),
    *("lenet5", "plateau"),
)


def load(name: str) -> "Study":
    """Return the study ``name``: one of ``NAMES``, or "seeds"."""
    from .catalogue import STUDIES

    return STUDIES[name]
