"""The options of `discover`, and which combinations are refused."""

import pytest

from ble_exporter.cli.discover.choice import DeviceRequest
from ble_exporter.cli.discover.options import parse


def test_without_options_it_looks_for_half_a_minute() -> None:
    """By default it writes nothing."""
    options = parse([])

    assert (30.0, None, []) == (options.seconds, options.write, options.add)


def test_several_may_be_added() -> None:
    """Addresses in any case, with or without names; a name may contain an equals sign."""
    options = parse(["--write", "x", "--add", "a4:c1:38:00:00:0a=a = b", "--add", "A4:C1:38:00:00:02"])

    assert [DeviceRequest("A4:C1:38:00:00:0A", "a = b"), DeviceRequest("A4:C1:38:00:00:02", "")] == options.add


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--add", "A4:C1:38:00:00:01"], "--add needs --write, which names the file to add to"),
        (["--write", "x", "--add", "bedroom"], "bedroom is not a Bluetooth address; write A4:C1:38:00:00:01=bedroom"),
        (["--write", "x", "--config", "y"], "--config and --write name different files"),
        (["--seconds", "0"], "0 is not between 1 and 3600"),
        (["--seconds", "soon"], "soon is not between 1 and 3600"),
        (["--seconds", "nan"], "nan is not between 1 and 3600"),
        (["--mock-seed", "1"], "--mock-seed needs --mock"),
        (["--mock-strangers", "1"], "--mock-strangers needs --mock"),
        (["--mock", "--mock-strangers", "-1"], "-1 is not between 0 and 10000"),
        (["--mock", "--mock-strangers", "x"], "x is not between 0 and 10000"),
        (["--mock", "--replay", "x"], "not allowed with"),
        (["--writ", "x"], "did you mean --write?"),
    ],
)
def test_what_makes_no_sense_is_wrong_usage(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error comes before anybody waits half a minute, with a hint."""
    with pytest.raises(SystemExit) as ending:
        parse(arguments)

    assert 2 == ending.value.code
    assert words in capsys.readouterr().err


def test_the_file_that_is_written_may_be_named_twice() -> None:
    """Users type --config out of habit."""
    assert "x" == parse(["--write", "x", "--config", "x"]).write
