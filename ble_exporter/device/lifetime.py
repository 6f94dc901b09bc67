"""How long the values of a device are shown, as set by `stale_after_seconds`. See docs/expiry.md."""

import math
from typing import TYPE_CHECKING, NamedTuple

from ble_exporter.device.rhythm import NO_LIMIT, Limit, fixed_limit, learned_limit

if TYPE_CHECKING:
    # stale_after imports yaml, which `decode` must not load.
    from ble_exporter.config.stale_after import StaleAfter


class Lifetime(NamedTuple):
    """
    The limits of one device.

    Attributes:
        value: How long a value is shown after it was last heard.
        reception: How long the RSSI of an adapter is shown after the adapter last heard the device.
        presence: How long the device counts as heard after its latest packet.
        ends_with_scan: Whether the end of a scan expires the values that were not heard in it.
        lasts_if_triggered: Whether values stay until they change, for a device that sends only when something happens.
    """

    value: Limit = NO_LIMIT
    reception: Limit = NO_LIMIT
    presence: Limit = learned_limit()
    ends_with_scan: bool = True
    lasts_if_triggered: bool = False

    @property
    def is_endless(self) -> bool:
        """Whether values are shown for ever, as with `never`."""
        return self.value is NO_LIMIT and not self.ends_with_scan


_LATE_S = 60.0


def lifetime_of(setting: "StaleAfter | None", learned: Limit, scan_s: float = math.inf) -> Lifetime:
    """
    Return the lifetime for a value of `stale_after_seconds`.

    Args:
        setting: The value; None if the setting is absent.
        learned: The limit that follows the rhythm of the device or value.
        scan_s: The time in seconds from the start of a scan to the end of the next.
    """
    if setting is None:
        # No scan ends while the machine is asleep. Without a limit, old values would be shown after the sleep until the
        # next scan ends.
        latest = fixed_limit(scan_s + _LATE_S)
        return Lifetime(latest, latest, learned)
    if setting == "auto":
        return Lifetime(learned, learned, learned, ends_with_scan=False, lasts_if_triggered=True)
    if setting == "never":
        # The state of a door remains valid, but its signal strength does not.
        return Lifetime(NO_LIMIT, learned, NO_LIMIT, ends_with_scan=False)
    seconds = float(setting)
    fixed = fixed_limit(seconds)
    # A device must not count as silent while its values are shown.
    return Lifetime(fixed, fixed, lambda interval_s: max(seconds, learned(interval_s)), ends_with_scan=False)
