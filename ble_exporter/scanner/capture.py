"""
Capture files: recorded advertisements, which the simulated radio plays. A file's content shows which format it has.

btsnoop, which `ble-exporter capture`, btmon and Android write (see `btsnoop`): its advertising reports are played.

Text, with one advertisement per line:

    # seconds  address            RSSI  UUID  service data
    0.0        A4:C1:38:AA:BB:CC  -61   fcd2  4000b00151028d0a038d11

The seconds count from an arbitrary start, and never decrease. The UUID has 4 hex digits, or all 32 with dashes. A "-"
in place of UUID and service data stands for an advertisement without service data. Empty lines and everything after a
"#" are ignored.
"""

import errno
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from io import BytesIO, TextIOWrapper
from itertools import chain
from types import MappingProxyType
from typing import BinaryIO, NamedTuple, TypeVar

from ble_exporter.errors import ConfigError
from ble_exporter.formats.advertising_reports import Fragments, Report, advertising_reports
from ble_exporter.model import AddressType, Advertisement
from ble_exporter.scanner.btsnoop import EVENT, MAGIC, BtsnoopError, Record, records_in
from ble_exporter.scanner.radio import Everything
from ble_exporter.scanner.reception import Reception
from ble_exporter.scanner.report_events import events_of
from ble_exporter.system.files import MAX_FILE_BYTES, open_file, read_file

# A step of the recorded time outside these limits means that the clock was set. The packets of several adapters, which
# are read in batches, may be a little out of order.
_LEAST_STEP_S, _MOST_STEP_S = -1.0, 86_400.0

# The maximum number of controllers that are told apart: a file may name 65,536, and each needs memory.
_MOST_CONTROLLERS = 64

MOST_BYTES_OF_A_STREAM = 1_000_000_000
"""The size limit of a btsnoop file that is only converted, and need not fit into memory."""

State = TypeVar("State")


class _ReplayClock:
    """Turns recorded times into seconds from the start, without the steps of a clock that was set."""

    def __init__(self) -> None:
        self._before_us: int | None = None
        self._at_s = self._latest_s = 0.0

    def at_s(self, at_us: int) -> float:
        """Return the time of the next event in seconds from the start; `at_us` is its recorded time in microseconds."""
        step_s = 0.0 if self._before_us is None else (at_us - self._before_us) / 1e6
        self._before_us = at_us
        if _LEAST_STEP_S <= step_s <= _MOST_STEP_S:
            # Repeated small steps back must not add up: otherwise, all later packets would be early.
            self._at_s = max(self._at_s + step_s, self._latest_s + _LEAST_STEP_S)
            self._latest_s = max(self._latest_s, self._at_s)
        return max(self._at_s, 0.0)


class Transmission(NamedTuple):
    """One advertisement that the simulated radio receives; the fields after `at` are those of an Advertisement."""

    at: float  # seconds from the start of the capture or the simulation
    address: str
    rssi: int | None  # dBm
    service_data: Mapping[str, bytes]  # by service UUID (128 bits)
    name: str = ""
    address_type: AddressType = ""
    manufacturer_data: Mapping[int, bytes] = MappingProxyType({})
    adapter: str = ""

    def advertisement(self, age_s: float = 0.0) -> Advertisement:
        """Return the advertisement that a radio delivers `age_s` seconds after it was received."""
        _at, address, rssi, service_data, name, address_type, manufacturer_data, adapter = self
        return Advertisement(address.upper(), service_data, rssi, adapter, name, address_type, manufacturer_data, age_s)


_LINE = re.compile(
    r"(?P<at>[0-9]{1,15}(\.[0-9]*)?)\s+(?P<address>[0-9A-F]{2}(:[0-9A-F]{2}){5})\s+(?P<rssi>-?[0-9]{1,3})"
    r"\s+((?P<uuid>[0-9a-f]{4}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})\s+(?P<data>([0-9a-f]{2})*)|-)",
    re.IGNORECASE,
)
_LINE_HINT = (
    "write `seconds address RSSI UUID service-data`, such as `0.0 A4:C1:38:AA:BB:CC -61 fcd2 4000b00151028d0a038d11`"
)
_ANOTHER_FILE = "name another capture"


def load_capture(path: str) -> Iterator[Transmission]:
    """
    Return the advertisements of a capture file in order, with the first at 0 s. Raises ConfigError.

    The file is checked now, and its advertisements are read one after the other as they are played: a list of them
    would need up to 50 times the memory of the file.
    """
    data = _read(path)
    return _played(_events(BytesIO(data), len(data), path)) if data.startswith(MAGIC) else _lines(data, path)


def load_events(path: str, max_bytes: int = MAX_FILE_BYTES) -> Iterator[Record]:
    """
    Return the events with advertising reports in a capture file; for a text file, which has none, compose them.

    A btsnoop file may have up to `max_bytes`; only one record is in memory at a time. Raises ConfigError.
    """
    try:
        file = open_file(path, max_bytes)
        if file.read(len(MAGIC)) == MAGIC:
            file.seek(0)
            return _events(file, os.fstat(file.fileno()).st_size, path)
        file.close()
    except OSError as error:
        raise _unreadable(error, path) from error
    data = _read(path)
    return (
        Record(round(sent.at * 1e6), 0, EVENT, event)
        for sent in _lines(data, path)
        for event in events_of(sent.advertisement())
    )


def load_reports(path: str) -> Iterator[tuple[float, Report]]:
    """
    Yield the advertising reports of a capture file, each with its time in seconds from the start.

    A report in several parts is joined, and has the time of the last part. Raises ConfigError.
    """
    fragments: dict[int, Fragments] = {}
    clock = _ReplayClock()
    for event in load_events(path):
        at_s = clock.at_s(event.at_us)
        for report in advertising_reports(event.packet)[0]:
            whole = _of_controller(fragments, event.controller, Fragments).join(report)
            if whole is not None:
                yield at_s, whole


def _of_controller(states: dict[int, State], controller: int, new: Callable[[], State]) -> State:
    """Return the state that belongs to a controller; `new` makes a missing one."""
    if controller not in states:
        if len(states) >= _MOST_CONTROLLERS:
            del states[next(iter(states))]
        states[controller] = new()
    return states[controller]


def _read(path: str) -> bytes:
    try:
        return read_file(path)
    except OSError as error:
        raise _unreadable(error, path) from error


def _unreadable(error: OSError, path: str) -> ConfigError:
    reduction = "reduce it: `ble-exporter capture NEW --replay FILE --only ADDRESS`"
    way = reduction if error.errno == errno.EFBIG else _ANOTHER_FILE
    return ConfigError(f"the capture can't be read ({error.strerror})", way, path=path)


def _events(file: BinaryIO, size: int, path: str) -> Iterator[Record]:
    """
    Return the events with advertising reports, even damaged ones, in a btsnoop file. Raises ConfigError.

    The file is checked now, and read again as the events are used; then it is closed.
    """

    def checked(has_reports: Callable[[Record], bool]) -> Iterator[Record]:
        file.seek(0)
        try:
            yield from filter(has_reports, records_in(file, size))
        except BtsnoopError as error:
            raise ConfigError(f"the capture can't be read: {error}", _ANOTHER_FILE, path=path) from error

    def used() -> Iterator[Record]:
        with file:
            any(checked(lambda _: False))  # reads the whole file
            yield from checked(lambda one: one.opcode == EVENT and any(advertising_reports(one.packet)))

    events = used()
    first = next(events, None)
    if first is None:
        raise ConfigError("contains no advertisement", _ANOTHER_FILE, path=path)
    return chain([first], events)


def _played(events: Iterable[Record]) -> Iterator[Transmission]:
    """Yield the advertisements in events, as a live radio delivers them."""
    heard: list[Advertisement] = []
    receptions: dict[int, Reception] = {}
    clock = _ReplayClock()
    for event in events:
        at_s = clock.at_s(event.at_us)
        name = f"hci{event.controller}"
        listener = Everything(heard.append)
        _of_controller(receptions, event.controller, partial(Reception, name, listener)).deliver(event.packet, 0.0)
        for one in heard:
            yield Transmission(
                at_s,
                one.address,
                one.rssi,
                one.service_data,
                one.name,
                one.address_type,
                one.manufacturer_data,
                one.adapter,
            )
        heard.clear()


def _lines(data: bytes, path: str) -> Iterator[Transmission]:
    """Check a text file; return its advertisements, one at a time in memory. Raises ConfigError."""
    first = next(iter(_checked_lines(data, path)), None)
    if first is None:
        raise ConfigError("contains no advertisement", _ANOTHER_FILE, path=path)
    for _ in _checked_lines(data, path):
        pass
    return (sent._replace(at=sent.at - first.at) for sent in _checked_lines(data, path))


def _checked_lines(data: bytes, path: str) -> Iterator[Transmission]:
    latest_s = 0.0
    try:
        for number, line in enumerate(TextIOWrapper(BytesIO(data), "utf-8-sig"), 1):
            text = line.partition("#")[0].strip()
            if not text:
                continue
            match = _LINE.fullmatch(text)
            if match is None:
                raise ConfigError("not an advertisement", _LINE_HINT, path=path, line=number)
            sent = _transmission(match)
            if sent.at < latest_s:
                raise ConfigError(
                    "the time is earlier than on the line before",
                    "sort the lines by their first column",
                    path=path,
                    line=number,
                )
            latest_s = sent.at
            yield sent
    except UnicodeDecodeError as error:
        cause = "the capture can't be read (it is neither btsnoop nor UTF-8 text)"
        raise ConfigError(cause, _ANOTHER_FILE, path=path) from error


def _transmission(match: re.Match[str]) -> Transmission:
    uuid = (match["uuid"] or "").lower()
    if len(uuid) == 4:
        uuid = f"0000{uuid}-0000-1000-8000-00805f9b34fb"
    service_data = {uuid: bytes.fromhex(match["data"])} if uuid else {}
    return Transmission(float(match["at"]), match["address"].upper(), int(match["rssi"]), service_data)
