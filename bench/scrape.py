"""
A scrape: our exposition against `generate_latest` of plain gauges, and what taking the readings in costs for it.

A scrape that is cheap because every update is dear would have gained nothing, so both are shown, and their sum too.
"""

from collections.abc import Callable

from bench.fleet import Fleet
from bench.timing import Rounds, compare, print_table, repeat

COUNTS = (10, 100, 1_000, 10_000)
"""Numbers of devices."""

AIM_CHANGED = "never slower"
AIM_UNCHANGED = "5 or more"
# A sensor sends every 2.5 s and Prometheus asks every 15 s: six readings of each device, in two kinds, for a scrape.
_MEASUREMENTS_A_SCRAPE = 3


def run() -> None:
    """
    Measure and print.

    Raises:
        DifferenceError: The two outputs differ.
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
    # A round of 10,000 devices takes four seconds, and the whole run shall be done in one minute.
    return 5 if count >= 10_000 else 11


def _times(count: int) -> int:
    """How many scrapes make a turn long against the clock's and the scheduler's grain."""
    return max(1, 300 // count)


def _measure_scrape(fleet: Fleet, count: int) -> Rounds:
    """Time a scrape, in seconds: plain, ours with every device changed, ours with none changed."""

    def change() -> None:
        fleet.measure_anew()
        fleet.update_ours()

    def unchanged() -> float:
        fleet.render_ours()
        return repeat(fleet.render_ours, 20)

    return compare(
        {
            # To plain gauges it is all one whether anything has changed.
            "plain": lambda: repeat(fleet.render_plain, _times(count)),
            "changed": lambda: repeat(fleet.render_ours, _times(count), before=change),
            "unchanged": unchanged,
        },
        _rounds(count),
    )


def _measure_updates(fleet: Fleet, count: int) -> Rounds:
    """Time taking in one reading, in seconds; and all readings of 15 s with the scrape behind them."""

    def with_scrape(update: Callable[[], None], render: Callable[[], bytes]) -> None:
        for _ in range(_MEASUREMENTS_A_SCRAPE):
            update()
        render()

    def per_reading(update: Callable[[], None]) -> float:
        return repeat(update, max(1, 2_000 // count), before=fleet.measure_anew) / fleet.heard

    held = fleet.hold_children()
    return compare(
        {
            "plain": lambda: per_reading(fleet.update_plain),
            "held": lambda: per_reading(held),
            "ours": lambda: per_reading(fleet.update_ours),
            "plain with scrape": lambda: repeat(
                lambda: with_scrape(fleet.update_plain, fleet.render_plain), _times(count), before=fleet.measure_anew
            ),
            "ours with scrape": lambda: repeat(
                lambda: with_scrape(fleet.update_ours, fleet.render_ours), _times(count), before=fleet.measure_anew
            ),
        },
        _rounds(count),
    )


def _print_scrapes(scrapes: dict[int, Rounds]) -> None:
    print("A scrape in the text format, 9 families of each device: plain gauges against our exposition.")
    print("Changed: every device since the last scrape. Unchanged: none. Times as fast, with min–max of the rounds.\n")
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
    print("Taking in one reading (three measurements, RSSI, time): the cost of a scrape must not just have moved here.")
    print("Plain gauges by labels(device=…).set(), or, the fastest there is, with all labels looked up beforehand.\n")
    rows: list[tuple[str, ...]] = [
        ("devices", "labels().set() µs", "held labels µs", "ours µs", "× labels()", "× held")
    ]
    for count, measured in updates.items():
        micros = [f"{measured.median(who) * 1e6:.2f}" for who in ("plain", "held", "ours")]
        ratios = [str(measured.ratio(who, "ours")) for who in ("plain", "held")]
        rows.append((f"{count:,}", *micros, *ratios))
    print_table(rows)
    print("\nBoth together: six readings of each device (15 s of sensors that send every 2.5 s), then the scrape.\n")
    rows = [("devices", "plain ms", "ours ms", f"× (aim: {AIM_CHANGED})")]
    for count, measured in updates.items():
        both = ("plain with scrape", "ours with scrape")
        rows.append((f"{count:,}", *(_milli(measured.median(who)) for who in both), str(measured.ratio(*both))))
    print_table(rows)
    print()


def _print_growth(scrapes: dict[int, Rounds]) -> None:
    first, last = COUNTS[0], COUNTS[-1]
    print(f"Growth of a scrape from {first:,} to {last:,} devices, in µs a device. Aim: about linear, so alike.\n")
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
