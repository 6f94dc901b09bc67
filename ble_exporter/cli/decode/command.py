"""`ble-exporter decode`: explains each byte of a payload, to find out why a value is missing."""

import json
import sys
from argparse import ArgumentTypeError, Namespace
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from ble_exporter import __version__
from ble_exporter.cli.decode import as_json, as_text
from ble_exporter.cli.decode.as_text import ADVERTISING, SERVICES
from ble_exporter.cli.decode.explain import Explanation, explain
from ble_exporter.cli.decode.guess import guesses, is_advertising
from ble_exporter.cli.decode.hex_input import bytes_from_hex, key_in, key_of, pasted, refuse_key
from ble_exporter.cli.parser import EXIT_CONFIG, EXIT_FAILURE, EXIT_OK, PROGRAM, Parser
from ble_exporter.cli.terminal import Painter
from ble_exporter.formats.advertising_data import Structure, hci_report, structures
from ble_exporter.formats.decoded import CERTAIN, Guess
from ble_exporter.formats.registry import FORMATS
from ble_exporter.utils import number_of

# The most data that an extended advertisement can hold: Bluetooth Core, vol. 4, part E, 7.8.54.
_MOST_BYTES = 1650
_MOST_CHARACTERS = 100_000
_STANDARD_INPUT = "-"

_DESCRIPTION = "Explain each byte of a payload; show the exported values and the position of an error."
_EXAMPLES = {
    "4000b00151028d0a038d11": "service data of any format",
    "02 01 06 0e 16 d2 fc 40 00 b0 …": "a whole advertising payload",
    "--service 181a a4c138aabbcc00ce33430a6ec3": "service data of 0x181A",
    "--key-file room.key --mac A4:C1:38:AA:BB:CC 41…": "an encrypted payload",
    "--config config.yaml --mac A4:C1:38:AA:BB:CC 41…": "with the configured bindkey",
    "-": "read standard input",
}
_STATUSES = {
    EXIT_OK: "the payload is valid",
    EXIT_FAILURE: "the payload is rejected or unknown, or has an impossible value or an unknown object",
    EXIT_CONFIG: "the key or the configuration can't be used",
}


def main(arguments: Sequence[str]) -> int:
    """Explain a payload; return the exit status. Raise ConfigError if the key or the configuration can't be used."""
    parser = _parser()
    options = parser.parse(arguments)
    service, how = options.service, "set by --service"
    mac, sender = options.mac, ""
    try:
        if options.hex == [_STANDARD_INPUT] == [options.key_file]:
            raise ValueError("standard input can't be both the payload and the key")
        data, named = pasted(_input(options.hex))
        if service is None and named:
            service, how = SERVICES.get(named, named), "named in the text around the bytes"
        if not service and (reported := hci_report(data)):
            data, sender = reported
            service, mac = "", mac or sender
        if len(data) > _MOST_BYTES:
            raise ValueError(f"{len(data)} bytes are more than an advertisement can hold ({_MOST_BYTES})")
    except ValueError as error:
        parser.error(str(error))
    decoding = _Decoding(data, mac, _keys(options))
    decoding.explain(service, how)
    if options.json:
        document = as_json.document(decoding.structures, decoding.explanations, is_valid=decoding.is_valid)
        print(json.dumps(document, indent=2, allow_nan=False))
    else:
        print("\n".join(decoding.lines(sender, Painter(sys.stdout))))
    return EXIT_OK if decoding.is_valid else EXIT_FAILURE


def _parser() -> Parser:
    parser = Parser("decode", _DESCRIPTION, examples=_EXAMPLES, statuses=_STATUSES)
    parser.add_argument(
        "hex",
        nargs="+",
        metavar="HEX",
        help="one payload as hex digits, in one or several arguments, as btmon, bluetoothctl or a phone shows it; "
        "0x, spaces, colons and dashes are ignored; - reads standard input",
    )
    key = parser.add_mutually_exclusive_group()
    key.add_argument("--key-file", metavar="FILE", help="a file with the key's 32 hex digits; - reads standard input")
    key.add_argument(
        "--key", metavar="KEY", help="the key itself; it appears in the shell's history and in the list of processes"
    )
    key.add_argument("--config", metavar="FILE", help="a configuration with the bindkey for the sender's address")
    parser.add_argument("--mac", metavar="ADDRESS", type=_mac, help="the sender's address, such as A4:C1:38:00:00:01")
    parser.add_argument(
        "--service",
        metavar="UUID",
        type=_service,
        help=f"the UUID of the service data: {', '.join(SERVICES)}; or {ADVERTISING} for a whole advertising "
        "payload (default: guess)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


def _input(words: Sequence[str]) -> str:
    if list(words) != [_STANDARD_INPUT]:
        return " ".join(words)
    return sys.stdin.buffer.read(_MOST_CHARACTERS).decode(errors="replace")


def _mac(text: str) -> str:
    with suppress(ValueError):
        six = bytes_from_hex(text)
        if len(six) == 6:
            return six.hex(":").upper()
    raise ArgumentTypeError("this is not a Bluetooth address; write six pairs of hex digits, such as A4:C1:38:00:00:01")


def _service(text: str) -> str:
    """Return the UUID of a service with a known format; empty for a whole advertising payload."""
    short = text.lower().removeprefix("0x").removesuffix("-0000-1000-8000-00805f9b34fb")
    short = short.removeprefix("0000") if len(short) == 8 else short
    services = {**SERVICES, ADVERTISING: ""}
    if short not in services:
        raise ArgumentTypeError(f"this service has no known format; choose one of {', '.join(services)}")
    return services[short]


def _keys(options: Namespace) -> Mapping[str, bytes]:
    """Return the keys by address; the entry under the empty string applies to any address."""
    if options.config is not None:
        from ble_exporter.config.app_config import load_config

        refuse_key(options.config, "--config")
        return load_config(options.config).keys
    if options.key is not None:
        return {"": key_of(options.key, "--key")}
    if options.key_file == _STANDARD_INPUT:
        return {"": key_of(sys.stdin.buffer.read(_MOST_CHARACTERS).decode("latin-1"), "--key-file -")}
    return {"": key_in(options.key_file)} if options.key_file is not None else {}


class _Decoding:
    """
    The decoding of the bytes of one command line.

    Args:
        data: The bytes to explain.
        mac: The sender's address; None if it is unknown.
        keys: The keys by address; the entry under the empty string applies to any address.

    Attributes:
        structures: The structures of an advertising payload; empty for service data.
        explanations: The explanations of the payloads that have a known format.
    """

    def __init__(self, data: bytes, mac: str | None, keys: Mapping[str, bytes]) -> None:
        self._data = data
        self._mac = mac
        self._keys = keys
        self.structures: list[Structure] = []
        self.explanations: list[Explanation] = []
        self._unknown = ""

    @property
    def is_valid(self) -> bool:
        """Whether there is a payload of a known format, and all bytes are valid."""
        is_cut = any(one.missing for one in self.structures)
        return bool(self.explanations) and not is_cut and all(one.is_valid for one in self.explanations)

    def explain(self, service: str | None, how: str) -> None:
        """
        Explain the bytes; `how` describes how the service was found.

        `service` is the UUID of a known format, or the 16-bit UUID of another service; an empty string for a whole
        advertising payload; None to guess.
        """
        if service and service in FORMATS:
            self._explain(service, self._data, how)
        elif service:
            self._unknown = service
        elif service == "" or is_advertising(self._data):
            self.structures = structures(self._data)
            for one in self.structures:
                if one.uuid in FORMATS:
                    start = one.offset + 2 + one.uuid_size
                    self._explain(one.uuid, one.service_data, "set by the service data's UUID", start=start)
        else:
            self._guess()

    def _guess(self) -> None:
        found = guesses(self._data)
        uuid = SERVICES.get(self._data[1::-1].hex()) or SERVICES.get(self._data[:2].hex())
        if uuid is not None and not (found and found[0].rank == CERTAIN):
            how = f"the first two bytes are the UUID 0x{uuid[4:8].upper()}, and the rest is the service data"
            self._explain(uuid, self._data[2:], how, start=2)
        elif found:
            # Mention a format that matches any bytes only if no other format matches well.
            also = [guess for guess in found[1:] if guess.rank < found[0].rank + 3]
            self._explain(found[0].uuid, self._data, f"guessed: {found[0].why}", also)

    def _explain(self, uuid: str, payload: bytes, how: str, also: Sequence[Guess] = (), start: int = 0) -> None:
        address = explain(uuid, payload, self._mac).address
        key = self._keys.get(address) or self._keys.get("")
        cipher = None
        if key is not None:
            from ble_exporter.formats.ciphers import ciphers_of

            cipher = ciphers_of({address: key})[address]
        explanation = explain(uuid, payload, self._mac, cipher)
        self.explanations.append(replace(explanation, how=how, also=also, start=start))

    def lines(self, sender: str, paint: Painter) -> list[str]:
        """Return the lines of the output; `sender` is the address in the HCI event that holds the bytes, or empty."""
        lines = [paint(f"{PROGRAM} {__version__}", "bold")]
        if self.structures:
            known = [explanation.format.uuid for explanation in self.explanations]
            where = f", in an HCI event with the sender's address {sender}" if sender else ""
            lines += [f"{number_of(len(self._data), 'byte')} of an advertising payload{where}", ""]
            lines += as_text.structure_lines(self._data, self.structures, known)
        for explanation in self.explanations:
            lines += [""] if self.structures else []
            lines += as_text.payload_lines(explanation, paint)
        for one in self.structures:
            if one.missing:
                by = number_of(one.missing, "byte")
                text = f"error: the structure at byte {one.offset} is {by} longer than the rest of the payload"
                lines += ["", paint(text, "bold", "red"), *as_text.dump_lines(self._data, one.offset, 1)]
        if not self.explanations:
            lines += [""] if self.structures else []
            lines += [paint(line, "bold", "red") for line in as_text.wrapped(self._nothing_known())]
            lines += [] if self.structures else as_text.dump_lines(self._data, 0, 1)
        return lines

    def _nothing_known(self) -> str:
        services = ", ".join(f"0x{short.upper()}" for short in SERVICES)
        if self.structures:
            return (
                f"error: there is no service data of a known format ({services}); if the bytes are service data only, "
                "give their UUID with --service"
            )
        size = number_of(len(self._data), "byte")
        if self._unknown:
            unknown = f"service data of 0x{self._unknown.upper()}, which has no known format"
            return f"error: the {size} are {unknown}; services with a known format: {services}"
        return f"error: the {size} match no known format; give their UUID with --service: {services}"
