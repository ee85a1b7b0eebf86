"""The post's figures, typed in again here from the page it was read from."""

import math

import pytest

from lenet_d2l.bands import BANDS, D2L_REPEATS, Band
from lenet_d2l.post import LOG, seconds_per_epoch, seconds_so_far

SO_FAR = [3.437, 4.302, 5.181, 6.026, 6.870]
SO_FAR += [7.752, 8.620, 9.489, 10.374, 11.224]
PER_EPOCH = [3.437, 0.865, 0.879, 0.845, 0.844]
PER_EPOCH += [0.882, 0.868, 0.869, 0.885, 0.850]

# d2l's published runs: lowest and highest of 24
RANGES = {
    "train_loss": (0.455, 0.486),
    "train_acc": (0.817, 0.831),
    "test_acc": (0.762, 0.823),
}


def test_the_log_has_ten_epochs_from_0():
    assert [row.epoch for row in LOG] == list(range(10))


def test_the_clock_read_backwards_gives_the_seconds_so_far():
    assert [round(s, 3) for s in seconds_so_far()] == SO_FAR


def test_the_clock_read_backwards_gives_the_seconds_of_each_epoch():
    assert [round(s, 3) for s in seconds_per_epoch()] == PER_EPOCH


def test_the_speed_is_flat_after_the_first_epoch():
    speeds = [60_000 / s for s in seconds_per_epoch()]
    assert 9 / sum(1 / s for s in speeds[1:]) == pytest.approx(69_300, abs=60)
    assert all(s == pytest.approx(69_300, rel=0.03) for s in speeds[1:])


def test_the_first_epoch_carries_the_start_up():
    first, *others = seconds_per_epoch()
    assert first - sum(others) / 9 == pytest.approx(2.6, abs=0.05)


def test_the_first_epoch_stays_at_chance():
    assert LOG[0].train_loss > math.log(10)
    assert LOG[0].test_acc == 0.1


def test_the_last_test_accuracy_falls_while_the_train_accuracy_rises():
    (*_, before, last) = LOG
    assert (before.test_acc, last.test_acc) == (0.799, 0.761)
    assert last.train_acc > before.train_acc


@pytest.mark.parametrize("figure", RANGES)
def test_a_band_contains_what_d2l_published(figure):
    low, high = RANGES[figure]
    assert low in BANDS[figure]
    assert high in BANDS[figure]


@pytest.mark.parametrize("figure", RANGES)
def test_a_band_contains_the_posts_own_last_epoch(figure):
    assert getattr(LOG[-1], figure) in BANDS[figure]


def test_bands_are_six_standard_deviations_to_either_side():
    ends = {name: (band.low, band.high) for name, band in BANDS.items()}
    expected = {
        "train_loss": (0.421, 0.517),
        "train_acc": (0.800, 0.848),
        "test_acc": (0.702, 0.894),
    }
    assert ends.keys() == expected.keys() == D2L_REPEATS.keys()
    for name, pair in ends.items():
        assert pair == pytest.approx(expected[name])


@pytest.mark.parametrize(
    ("figure", "at_chance"),
    [("train_loss", math.log(10)), ("train_acc", 0.1), ("test_acc", 0.1)],
)
def test_a_band_excludes_a_net_at_chance(figure, at_chance):
    assert at_chance not in BANDS[figure]


def test_the_ends_are_in_a_band_and_their_neighbours_outside_are_not():
    band = Band(0.25, 0.75)
    assert 0.25 in band
    assert 0.75 in band
    assert math.nextafter(0.25, 0) not in band
    assert math.nextafter(0.75, 1) not in band


@pytest.mark.parametrize("figure", BANDS)
@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, None, "0.8"]
)
def test_what_is_no_finite_number_is_in_no_band(figure, value):
    assert value not in BANDS[figure]


def test_a_band_is_printed_as_an_interval():
    assert str(Band(0.702, 0.8941)) == "[0.702, 0.894]"
