"""The log: its destination, level, rotation and format of one line per event."""

import json
import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ble_exporter.config.app_config import AppConfig
from ble_exporter.logger import get_logger
from ble_exporter.logger.log_format import LogFormat


@pytest.fixture(autouse=True)
def _close() -> Iterator[None]:
    yield
    logger = logging.getLogger("ble_exporter")
    for handler in logger.handlers[:]:
        logger.removeHandler(handler)
        handler.close()


def test_an_event_is_one_line_of_time_level_and_message(app_config: AppConfig) -> None:
    """Tools read the log line by line. At the first start, the user need not have created the folder."""
    get_logger(app_config).info("heard %s", "living_room")

    line = Path(app_config.log_file).read_text(encoding="utf-8")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} INFO heard living_room\n", line)


def test_a_line_break_in_a_message_cannot_forge_a_line(app_config: AppConfig) -> None:
    """Names and texts come from other devices: with a line break, anybody could write a false line into the log."""
    get_logger(app_config).warning("a\nb\r")

    assert Path(app_config.log_file).read_text(encoding="utf-8").endswith(" WARNING a\\nb\\r\n")


def test_there_is_one_handler_however_often_it_is_asked_for(app_config: AppConfig) -> None:
    """Two handlers would write every line twice."""
    get_logger(app_config)
    logger = get_logger(app_config)

    assert [True] == [isinstance(handler, RotatingFileHandler) for handler in logger.handlers]


def test_the_log_is_rotated(app_config: AppConfig) -> None:
    """An SD card is small: the log takes at most four files of 1 MB."""
    logger = get_logger(app_config)
    for _ in range(520):
        logger.info("x" * 10_000)

    files = sorted(Path(app_config.log_file).parent.iterdir())
    assert [file.name for file in files] == [f"ble_exporter.log{suffix}" for suffix in ("", ".1", ".2", ".3")]
    assert max(file.stat().st_size for file in files) <= 1_000_000


def test_nothing_reaches_the_root_logger(app_config: AppConfig) -> None:
    """Records that reach the root logger could also appear on standard error."""
    assert not get_logger(app_config).propagate


def test_the_level_is_the_configured_one(app_config: AppConfig) -> None:
    """The default is INFO; for troubleshooting, users set DEBUG, which also logs repeated warnings."""
    assert get_logger(app_config).level == logging.INFO
    assert get_logger(replace(app_config, log_level="DEBUG")).level == logging.DEBUG


def test_a_relative_path_is_relative_to_the_working_directory(
    app_config: AppConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Users expect a relative path to begin at the working directory, which the systemd unit sets."""
    monkeypatch.chdir(tmp_path)

    get_logger(replace(app_config, log_file="./here/x.log")).info("x")

    assert (tmp_path / "here" / "x.log").exists()


def test_a_dash_is_standard_error(app_config: AppConfig, capsys: pytest.CaptureFixture[str]) -> None:
    """Under systemd, standard error goes to the journal, where many users expect the log."""
    get_logger(replace(app_config, log_file="-")).info("hello")

    assert capsys.readouterr().err.endswith(" INFO hello\n")


FIELDS = {"device": "living room", "address": "A4:C1:38:00:00:01", "adapter": "hci0", "reason": None}


def test_json_has_fields(app_config: AppConfig) -> None:
    """A log server can select the lines of one device without parsing sentences."""
    get_logger(app_config, "json").warning('%s: "x"\n', "living room", extra=FIELDS)

    fields = json.loads(Path(app_config.log_file).read_text(encoding="utf-8"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d", fields.pop("time"))
    assert {
        "level": "WARNING",
        "msg": 'living room: "x"\n',
        "device": "living room",
        "address": "A4:C1:38:00:00:01",
        "adapter": "hci0",
    } == fields


def test_logfmt_has_fields(app_config: AppConfig) -> None:
    """Prometheus and its exporters log in this format; a value with a blank or a quote must not end early."""
    get_logger(app_config, "logfmt").info('%s: "x"', "living room", extra=FIELDS)

    _, rest = Path(app_config.log_file).read_text(encoding="utf-8").split(" ", 1)
    assert (
        r'level=INFO msg="living room: \"x\"" device="living room" address=A4:C1:38:00:00:01 adapter=hci0' + "\n"
    ) == rest


@pytest.mark.parametrize("log_format", get_args(LogFormat))
@given(text=st.text(max_size=50))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_no_text_makes_a_second_line(app_config: AppConfig, log_format: LogFormat, text: str) -> None:
    """Names come from other devices, and must not be able to forge a log line in any format."""
    path = Path(app_config.log_file)
    path.unlink(missing_ok=True)
    get_logger(app_config, log_format).info("%s", text, extra={"device": text})

    assert 1 == path.read_bytes().count(b"\n")


@pytest.mark.parametrize("log_format", ["json", "logfmt"])
def test_a_traceback_is_a_field(app_config: AppConfig, log_format: LogFormat) -> None:
    """Parsers expect one record per line, so a traceback must not be on lines of its own."""
    try:
        raise KeyError("lost")
    except KeyError:
        get_logger(app_config, log_format).exception("unexpected error")

    (line,) = Path(app_config.log_file).read_text(encoding="utf-8").splitlines()
    assert "KeyError: 'lost'" in line
