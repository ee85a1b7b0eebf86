"""Departures from the post's net and recipe, one at a time.

Source: the chapter "One change at a time". The table is that of ``rates.py``.
Each row has the learning rate that was best for it on images held back, so
rows differ by their change and not by how well a round number suits them.
"""

from pathlib import Path

import pandas as pd
from rates import GUESSES, best_rates, recipes

from lenet_d2l.studies.study import Study

CHOSEN = Path(__file__).with_name("rates.csv")
CHANGES = recipes(
    best_rates(pd.read_csv(CHOSEN)) if CHOSEN.exists() else GUESSES
)
STUDY = Study(CHANGES)
