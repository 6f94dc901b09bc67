"""How long values, signal strengths and presence last, for each setting of `stale_after_seconds`."""

import math

import pytest

from ble_exporter.config.stale_after import StaleAfter
from ble_exporter.device.lifetime import lifetime_of
from ble_exporter.device.rhythm import learned_limit

SLOW_S = 2400.0


@pytest.mark.parametrize(
    ("setting", "value_s", "reception_s", "presence_s"),
    [
        (None, 95, 95, 900),  # if no scan ends in time, the values expire a minute later: 35 s + 60 s
        ("auto", 900, 900, 900),
        ("never", math.inf, 900, math.inf),  # a state lasts, but the signal strength does not
        (7200, 7200, 7200, 7200),
        (90, 90, 90, 900),
    ],
)
def test_each_setting_has_these_limits(
    setting: StaleAfter | None, value_s: float, reception_s: float, presence_s: float
) -> None:
    """A sensor that sends every 40 minutes needs a longer limit than `auto` ever learns."""
    lifetime = lifetime_of(setting, learned_limit(), 35)

    assert (value_s, reception_s, presence_s) == (
        lifetime.value(SLOW_S),
        lifetime.reception(SLOW_S),
        lifetime.presence(SLOW_S),
    )


@pytest.mark.parametrize(
    ("setting", "ends_with_scan", "lasts_if_triggered"),
    [(None, True, False), ("auto", False, True), ("never", False, False), (7200, False, False)],
)
def test_only_the_automatic_limit_follows_the_trigger_bit(
    setting: StaleAfter | None, ends_with_scan: bool, lasts_if_triggered: bool
) -> None:
    """A user who sets a limit knows how old a value may be; one who sets none wants the values of the latest scan."""
    lifetime = lifetime_of(setting, learned_limit())

    assert (ends_with_scan, lasts_if_triggered) == (lifetime.ends_with_scan, lifetime.lasts_if_triggered)


@pytest.mark.parametrize(("setting", "is_endless"), [(None, False), ("auto", False), ("never", True), (7200, False)])
def test_only_never_shows_values_for_ever(setting: StaleAfter | None, is_endless: bool) -> None:
    """With `never`, the glitch filter could show an earlier value in place of a later one for ever."""
    assert is_endless == lifetime_of(setting, learned_limit()).is_endless
