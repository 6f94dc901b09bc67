"""The limit on log lines that anybody on the network can cause."""

from ble_exporter.exporter.log_limit import LONGEST_LINE, PERIOD_S, LogLimit


class Clock:
    """A clock that the test sets."""

    now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def test_the_first_line_of_a_kind_is_logged_at_once() -> None:
    """The user should see a fault when it happens, whatever else is logged."""
    limit = LogLimit(Clock())

    assert ["a", "b"] == [limit.line("one", "a"), limit.line("two", "b")]


def test_further_lines_are_counted_in_the_next_one() -> None:
    """Five thousand lines a second would fill the SD card; their number still tells an attack from a mistake."""
    clock = Clock()
    limit = LogLimit(clock)
    lines = [limit.line("kind", "a") for _ in range(1000)]
    clock.now = PERIOD_S

    assert ["a", *[None] * 999] == lines
    assert "a (and 999 more like this since the last such line)" == limit.line("kind", "a")
    assert limit.line("kind", "a") is None


def test_the_number_of_kinds_is_limited() -> None:
    """Kinds may depend on what clients send; however many there are, they must fill neither the memory nor the log."""
    limit = LogLimit(Clock())

    assert 100 > len([number for number in range(10_000) if limit.line(f"kind {number}", "a")])


def test_a_line_is_cut() -> None:
    """A request may have thousands of characters, and logging them all would fill the log."""
    assert LONGEST_LINE == len(LogLimit(Clock()).line("kind", "a" * 9000) or "")
