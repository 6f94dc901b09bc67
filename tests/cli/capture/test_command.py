"""Tests of the options of `ble-exporter capture`."""

import pytest

from ble_exporter.cli.capture.command import parse


def test_the_defaults_suit_a_bug_report() -> None:
    """Most sensors send several packets within 60 s, and --replay accepts a file of 10 MB."""
    options = parse(["home.btsnoop"])

    assert ("home.btsnoop", 60, 10, False, []) == (
        options.file,
        options.seconds,
        options.megabytes,
        options.only_configured,
        options.only,
    )


def test_addresses_may_be_written_in_lower_case() -> None:
    """Other programs show addresses in lower case; if such an address matched no packet, nothing would be recorded."""
    options = parse(["x", "--only", "a4:c1:38:00:00:01", "--only", "A4:C1:38:00:00:02"])

    assert ["A4:C1:38:00:00:01", "A4:C1:38:00:00:02"] == options.only


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: FILE"),
        (["x", "--only", "bed"], "bed is not a Bluetooth address; an example: A4:C1:38:00:00:01"),
        (["x", "--megabytes", "11"], "11 is not a number between 0.001 and 10"),
        (["x", "--seconds", "0"], "0 is not a number between 1 and 604800"),
        (["x", "--replay", "y", "--replay-speed", "2"], "unknown option --replay-speed"),
        (["x", "--replay", ""], "argument --replay: the name is empty"),
        ([""], "argument FILE: the name is empty"),
        (["-"], "a capture can't be written to standard output; name a file"),
        (["x", "--replay", "y", "--seconds", "60"], "--seconds is not for --replay, which reads the whole capture"),
        (["x", "--replay", "y", "--adapter", "hci9"], "--adapter is for the real radio, not for --replay or --mock"),
        (["x", "--mock", "--adapter", "hci9"], "--adapter is for the real radio, not for --replay or --mock"),
        (["x", "--mock-seed", "1"], "--mock-seed needs --mock"),
    ],
)
def test_mistakes_are_named(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """If a mistake were ignored, the capture would not be what the user asked for."""
    with pytest.raises(SystemExit) as ended:
        parse(arguments)

    assert 2 == ended.value.code
    assert message in capsys.readouterr().err
