"""The post's figures, typed in again here from the page it was read from."""

import math

from lenet_d2l.results.post import LOG, seconds_per_epoch, seconds_so_far
from lenet_d2l.results.repeats import CHINESE, ENGLISH

SO_FAR = [3.437, 4.302, 5.181, 6.026, 6.870]
SO_FAR += [7.752, 8.620, 9.489, 10.374, 11.224]
PER_EPOCH = [3.437, 0.865, 0.879, 0.845, 0.844]
PER_EPOCH += [0.882, 0.868, 0.869, 0.885, 0.850]


def test_the_log_stays_at_chance_at_first_and_falls_at_last():
    assert [row.epoch for row in LOG] == list(range(10))
    assert LOG[0].train_loss > math.log(10)
    assert LOG[0].test_acc == 0.1
    *_, before, last = LOG
    assert (before.test_acc, last.test_acc) == (0.799, 0.761)
    assert last.train_acc > before.train_acc


def test_the_clock_read_backwards_gives_the_seconds():
    assert [round(s, 3) for s in seconds_so_far()] == SO_FAR
    assert [round(s, 3) for s in seconds_per_epoch()] == PER_EPOCH


def test_d2ls_repeats_are_as_published():
    assert {name: (r.n, str(r)) for name, r in ENGLISH.items()} == {
        "train_loss": (24, "0.469 ± 0.008 [0.455, 0.486]"),
        "train_acc": (24, "0.824 ± 0.004 [0.817, 0.831]"),
        "test_acc": (24, "0.798 ± 0.016 [0.762, 0.823]"),
    }
    chinese = CHINESE["test_acc"]
    assert str(chinese) == "0.804 ± 0.015 [0.752, 0.828]"
    assert chinese.n == 130
