"""Tests of the parser that all command lines share."""

import pytest

from ble_exporter.cli import COMMANDS
from ble_exporter.cli.parser import Parser

DIGITS = "231d39c1d7cc1ab1aee224cd096db932"


def program() -> Parser:
    """Return the parser of a program with commands."""
    parser = Parser("", "It hears.", examples={"--config x": "run"}, statuses={0: "ok"}, commands=COMMANDS)
    parser.add_argument("--config", metavar="FILE")
    return parser


def command() -> Parser:
    """Return the parser of a command that takes words and options."""
    parser = Parser("decode", "It reads.", examples={"40": "read"}, statuses={0: "ok"})
    parser.add_argument("words", nargs="*")
    parser.add_argument("--key")
    parser.add_argument("--json", action="store_true")
    return parser


def error_of(parser: Parser, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return the first line of a usage error."""
    with pytest.raises(SystemExit) as caught:
        parser.parse(arguments)
    assert 2 == caught.value.code
    out, err = capsys.readouterr()
    assert "" == out
    return str(err).split("\n")[0]


def test_options_may_appear_anywhere() -> None:
    """Users recall a command line from the shell's history and append an option."""
    options = command().parse(["40", "--json", "02", "--key", "x", "03"])

    assert (["40", "02", "03"], True, "x") == (options.words, options.json, options.key)


def test_help_has_examples_and_exit_statuses(capsys: pytest.CaptureFixture[str]) -> None:
    """Users copy an example, so each must be a complete command."""
    with pytest.raises(SystemExit):
        command().parse(["--help"])

    assert capsys.readouterr().out.endswith(
        "\nexamples:\n  ble-exporter decode 40  read\n\nexit status:\n"
        "  0   ok\n  2   wrong usage\n  74  standard input or output failed\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--confg", "x"], "unknown option --confg; did you mean --config?"),
        (["--zzz"], "unknown option --zzz"),
        (["decoed"], "unknown command decoed; did you mean decode?"),
        (["run"], "unknown command run; the commands are capture, decode, discover, doctor, recover, service"),
        (["--config", "x", "doctor"], "the command comes first, then its options: `ble-exporter doctor …`"),
        (["--jsn", "doctor"], "the command comes first, then its options: `ble-exporter doctor …`"),
        (["40:00:2b"], "to decode a payload, use `ble-exporter decode …`"),
        (["house.yaml"], "to name a configuration, use `ble-exporter --config house.yaml`"),
        (["--config"], "argument --config: expected one argument"),
        (
            ["a\x1b[2J"],
            "unknown command a\\x1b[2J; the commands are capture, decode, discover, doctor, recover, service",
        ),
    ],
)
def test_an_invalid_command_line_is_answered_with_a_way_out(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """If the parser can guess the intended argument, its suggestion spares the user a search in the help."""
    assert f"ble-exporter: error: {message}" == error_of(program(), arguments, capsys)


def test_a_command_suggests_its_own_options(capsys: pytest.CaptureFixture[str]) -> None:
    """A suggestion from the service's options would lead to another error."""
    message = "ble-exporter decode: error: unknown option --jsn; did you mean --json?"

    assert message == error_of(command(), ["40", "--jsn"], capsys)


def test_a_parser_without_words_rejects_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    """The message does not repeat the argument, which may be a bindkey."""
    parser = Parser("doctor", "It looks.", examples={}, statuses={})

    assert "ble-exporter doctor: error: unexpected argument: this command takes options only" == error_of(
        parser, [DIGITS], capsys
    )


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        (DIGITS, "unexpected argument: apart from ACTION, this command takes options only"),
        ("a/b.yaml", "unexpected argument a/b.yaml; did you mean --config a/b.yaml?"),
    ],
)
def test_a_further_argument_is_answered_with_a_suggestion(
    argument: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Users often name the configuration without --config; a possible bindkey is not repeated."""
    parser = Parser("service", "It installs.", examples={}, statuses={})
    parser.add_argument("action", metavar="ACTION")
    parser.add_argument("--config")

    assert f"ble-exporter service: error: {message}" == error_of(parser, ["install", argument], capsys)


def test_only_a_command_with_the_option_suggests_it(capsys: pytest.CaptureFixture[str]) -> None:
    """The suggestion must not lead to another error."""
    parser = Parser("recover", "It resets.", examples={}, statuses={})

    assert error_of(parser, ["a.yaml"], capsys).endswith("unexpected argument: this command takes options only")


@pytest.mark.parametrize("arguments", [["--kye", DIGITS], [f"--kye={DIGITS}"], ["--key", DIGITS, f"--kye={DIGITS}"]])
def test_no_error_shows_the_value_of_an_option(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The value may be a bindkey, and users paste errors into bug reports."""
    assert DIGITS not in error_of(program(), arguments, capsys)
    assert DIGITS not in error_of(command(), ["--zzz", *arguments], capsys)
