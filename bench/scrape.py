"""
Compare a scrape of our exposition with `generate_latest` of plain gauges, and the updates of both with readings.

A fast scrape would gain nothing if the updates became slow, so the output shows scrapes, updates, and both together.
"""

from collections.abc import Callable

from bench.fleet import Fleet
from bench.timing import Rounds, compare, print_table, repeat

COUNTS = (10, 100, 1_000, 10_000)
"""The numbers of devices to measure."""

AIM_CHANGED = "never slower"
AIM_UNCHANGED = "5 or more"
# A sensor sends every 2.5 s and Prometheus scrapes every 15 s: six readings per scrape, or three generations of two.
_GENERATIONS_PER_SCRAPE = 3


def run() -> None:
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
    _print_scrapes(scrapes)
    _print_updates(updates)
    _print_growth(scrapes)


def _rounds(count: int) -> int:
    # A round with 10,000 devices takes four seconds, and the whole run should end within a minute.
    return 5 if count >= 10_000 else 11


def _times(count: int) -> int:
    """Return a number of scrapes that together take long compared with the clock's and the scheduler's resolution."""
    return max(1, 300 // count)


def _measure_scrape(fleet: Fleet, count: int) -> Rounds:
    """Return the seconds for a scrape of plain gauges, of ours with all devices changed, and of ours with none."""

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


def _print_scrapes(scrapes: dict[int, Rounds]) -> None:
    print("A scrape in the text format, with 11 families of each device: our exposition against plain gauges.")
    print("Changed: every device has new readings since the last scrape. Unchanged: none has. ×: times as fast.\n")
    rows: list[tuple[str, ...]] = [
        ("devices", "plain ms", "changed ms", f"× (aim: {AIM_CHANGED})", "unchanged ms", f"× (aim: {AIM_UNCHANGED})")
    ]
    for count, measured in scrapes.items():
        row = [f"{count:,}", _milli(measured.median("plain"))]
        for who in ("changed", "unchanged"):
            row += [_milli(measured.median(who)), str(measured.ratio("plain", who))]
        rows.append(tuple(row))
    print_table(rows)
    print()


def _print_updates(updates: dict[int, Rounds]) -> None:
    print("Storing one reading (three measurements, RSSI, time): faster scrapes must not make updates slower.")
    print("Plain gauges are set by labels(device=…).set() or, which is faster, with labels looked up beforehand.\n")
    rows: list[tuple[str, ...]] = [
        ("devices", "labels().set() µs", "held labels µs", "ours µs", "× labels()", "× held")
    ]
    for count, measured in updates.items():
        micros = [f"{measured.median(who) * 1e6:.2f}" for who in ("plain", "held", "ours")]
        ratios = [str(measured.ratio(who, "ours")) for who in ("plain", "held")]
        rows.append((f"{count:,}", *micros, *ratios))
    print_table(rows)
    print("\nBoth together: six readings of each device (one every 2.5 s, for 15 s), then one scrape.\n")
    rows = [("devices", "plain ms", "ours ms", f"× (aim: {AIM_CHANGED})")]
    for count, measured in updates.items():
        both = ("plain with scrape", "ours with scrape")
        rows.append((f"{count:,}", *(_milli(measured.median(who)) for who in both), str(measured.ratio(*both))))
    print_table(rows)
    print()


def _print_growth(scrapes: dict[int, Rounds]) -> None:
    first, last = COUNTS[0], COUNTS[-1]
    print(f"A scrape of {first:,} to {last:,} devices, in µs per device. Aim: about the same at each number.\n")
    rows: list[tuple[str, ...]] = [("", *(f"{count:,}" for count in COUNTS), f"{last:,} against {first:,}")]
    for who, title in (
        ("plain", "plain gauges"),
        ("changed", "ours, all changed"),
        ("unchanged", "ours, none changed"),
    ):
        each = [measured.median(who) / count * 1e6 for count, measured in scrapes.items()]
        rows.append((title, *(f"{micros:.2f}" for micros in each), f"×{each[-1] / each[0]:.2f}"))
    print_table(rows)
    print()


def _milli(seconds: float) -> str:
    return f"{seconds * 1e3:,.3f}" if seconds < 0.01 else f"{seconds * 1e3:,.1f}"
