"""
Our store and exposition, compared with plain gauges of prometheus_client: the time to scrape and to store readings.

A fast scrape would gain nothing if the updates became slow, so the output shows scrapes, updates, and both together.
"""

from collections.abc import Callable, Mapping

from bench.fleet import Fleet
from bench.report import Report, Table
from bench.timing import Rounds, compare, repeat

COUNTS = (10, 100, 1_000, 10_000)
"""The figures are measured with each of these numbers of devices."""

AIM_CHANGED = "never slower"
AIM_UNCHANGED = "5 or more"
# A sensor sends every 2.5 s and Prometheus scrapes every 15 s: six readings per scrape, or three generations of two.
_GENERATIONS_PER_SCRAPE = 3


_ROWS = tuple(f"{count:,}" for count in COUNTS)
SCRAPES = Table(
    "A scrape",
    "One scrape in the text format, with 11 families of each device: by our exposition, and with plain gauges of "
    "prometheus_client. Changed: every device has new readings since the previous scrape. Unchanged: no device has.",
    (
        *("devices", "plain ms", "changed ms", f"times as fast (aim: {AIM_CHANGED})"),
        *("unchanged ms", f"times as fast (aim: {AIM_UNCHANGED})"),
    ),
    _ROWS,
    "The times grow linearly with the number of devices. If no device has changed, a scrape returns the text of the "
    "previous scrape.",
)
UPDATES = Table(
    "Storing one reading",
    "The time to store a reading with three measurements, its RSSI and its time of reception: fast scrapes must "
    "not make updates slow. Plain gauges are set by labels(device=…).set() or, which is faster, with labels looked up "
    "beforehand.",
    ("devices", "labels().set() µs", "held labels µs", "ours µs", "times as fast as labels()", "as held labels"),
    _ROWS,
    "The number of devices has an effect only because of the processor's caches.",
)
BOTH = Table(
    "Readings and scrape together",
    "Six readings of each device (one every 2.5 s, for 15 s), then one scrape.",
    ("devices", "plain ms", "ours ms", f"times as fast (aim: {AIM_CHANGED})"),
    _ROWS,
    "The times grow linearly with the number of devices.",
)
_GROWING = {"plain": "plain gauges", "changed": "ours, all changed", "unchanged": "ours, none changed"}
GROWTH = Table(
    "A scrape, for each device",
    "The time of a scrape in microseconds, divided by the number of devices. Aim: about the same for each number.",
    ("scrape", *_ROWS, f"{_ROWS[-1]} against {_ROWS[0]}"),
    tuple(_GROWING.values()),
    "A row is constant if the time of a scrape is proportional to the number of devices. With few devices, the work "
    "that does not depend on their number has a larger share.",
)
TABLES = (SCRAPES, UPDATES, BOTH, GROWTH)


def run(report: Report) -> None:
    """
    Measure scrapes and updates, and print the tables.

    Raises:
        DifferenceError: The exposition and the plain gauges differ.
    """
    scrapes: dict[int, Rounds] = {}
    updates: dict[int, Rounds] = {}
    for count in COUNTS:
        fleet = Fleet(count)
        fleet.check()
        scrapes[count] = _measure_scrape(fleet, count)
        updates[count] = _measure_updates(fleet, count)
        fleet.check()
    report.add(SCRAPES, {f"{count:,}": _scrape_cells(measured) for count, measured in scrapes.items()})
    report.add(UPDATES, {f"{count:,}": _update_cells(measured) for count, measured in updates.items()})
    report.add(BOTH, {f"{count:,}": _both_cells(measured) for count, measured in updates.items()})
    report.add(GROWTH, {title: _growth_cells(scrapes, who) for who, title in _GROWING.items()})


def _rounds(count: int) -> int:
    # A round with 10,000 devices takes four seconds, and the whole run should end within a minute.
    return 5 if count >= 10_000 else 11


def _times(count: int) -> int:
    """Return a number of scrapes that together take long compared with the clock's and the scheduler's resolution."""
    return max(1, 300 // count)


def _measure_scrape(fleet: Fleet, count: int) -> Rounds:
    """
    Return the scrape times in seconds.

    They are those of plain gauges, of our exposition after every device has changed, and of our unchanged exposition.
    """

    def change() -> None:
        fleet.generate_readings()
        fleet.update_ours()

    def unchanged() -> float:
        fleet.render_ours()
        return repeat(fleet.render_ours, 20)

    return compare(
        {
            # Plain gauges take the same time whether values have changed or not.
            "plain": lambda: repeat(fleet.render_plain, _times(count)),
            "changed": lambda: repeat(fleet.render_ours, _times(count), before=change),
            "unchanged": unchanged,
        },
        _rounds(count),
    )


def _measure_updates(fleet: Fleet, count: int) -> Rounds:
    """Return the times, in seconds, of storing one reading, and of storing all readings of 15 s and then scraping."""

    def with_scrape(update: Callable[[], None], render: Callable[[], bytes]) -> None:
        for _ in range(_GENERATIONS_PER_SCRAPE):
            update()
        render()

    def per_reading(update: Callable[[], None]) -> float:
        return repeat(update, max(1, 2_000 // count), before=fleet.generate_readings) / fleet.heard

    held = fleet.hold_children()
    return compare(
        {
            "plain": lambda: per_reading(fleet.update_plain),
            "held": lambda: per_reading(held),
            "ours": lambda: per_reading(fleet.update_ours),
            "plain with scrape": lambda: repeat(
                lambda: with_scrape(fleet.update_plain, fleet.render_plain),
                _times(count),
                before=fleet.generate_readings,
            ),
            "ours with scrape": lambda: repeat(
                lambda: with_scrape(fleet.update_ours, fleet.render_ours), _times(count), before=fleet.generate_readings
            ),
        },
        _rounds(count),
    )


def _scrape_cells(measured: Rounds) -> list[str]:
    cells = [_milli(measured.median("plain"))]
    for who in ("changed", "unchanged"):
        cells += [_milli(measured.median(who)), str(measured.ratio("plain", who))]
    return cells


def _update_cells(measured: Rounds) -> list[str]:
    micros = [f"{measured.median(who) * 1e6:.2f}" for who in ("plain", "held", "ours")]
    return micros + [str(measured.ratio(who, "ours")) for who in ("plain", "held")]


def _both_cells(measured: Rounds) -> list[str]:
    both = ("plain with scrape", "ours with scrape")
    return [*(_milli(measured.median(who)) for who in both), str(measured.ratio(*both))]


def _growth_cells(scrapes: Mapping[int, Rounds], who: str) -> list[str]:
    each = [measured.median(who) / count * 1e6 for count, measured in scrapes.items()]
    return [*(f"{micros:.2f}" for micros in each), f"×{each[-1] / each[0]:.2f}"]


def _milli(seconds: float) -> str:
    return f"{seconds * 1e3:,.3f}" if seconds < 0.01 else f"{seconds * 1e3:,.1f}"
