"""`ble-exporter decode`: explains each byte of a payload, to find out why a value is missing."""

import json
import sys
from argparse import ArgumentTypeError, Namespace
from collections.abc import Mapping, Sequence
from contextlib import suppress

from ble_exporter.cli.decode import as_json
from ble_exporter.cli.decode.as_text import ADVERTISING, SERVICES
from ble_exporter.cli.decode.decoding import Decoding
from ble_exporter.cli.decode.guess import is_advertising
from ble_exporter.cli.decode.hex_input import bytes_from_hex, key_in, key_of, refuse_key
from ble_exporter.cli.decode.pasted_text import pasted
from ble_exporter.cli.parser import EXIT_CONFIG, EXIT_FAILURE, EXIT_OK, Parser, file_name
from ble_exporter.cli.terminal import Painter
from ble_exporter.formats.advertising_reports import MOST_BYTES, Report, report_of_packet
from ble_exporter.system.streams import read_standard_input

_MOST_OF_AN_EVENT = 255
_MOST_CHARACTERS = 100_000
_STANDARD_INPUT = "-"

_DESCRIPTION = "Explain each byte of a payload; show the exported values and the position of an error."
_EXAMPLES = {
    "4000b00151028d0a038d11": "service data of any format",
    "'{\"servicedata\": …}'": "JSON of a gateway",
    "02 01 06 0e 16 d2 fc 40 00 b0 …": "a whole advertising payload",
    "--service 181a a4c138aabbcc00ce33430a6ec3": "service data of 0x181A",
    "--key-file room.key --mac A4:C1:38:AA:BB:CC 41…": "an encrypted payload",
    "--config config.yaml --mac A4:C1:38:AA:BB:CC 41…": "with the configured bindkey",
    "-": "read standard input",
    "--capture FILE --mac A4:C1:38:AA:BB:CC": "a sensor in a capture",
}
_STATUSES = {
    EXIT_OK: "every payload is valid",
    EXIT_FAILURE: "a payload is rejected, cut short or unknown, or has an impossible value or an unknown object",
    EXIT_CONFIG: "the key, the configuration or the capture can't be used",
}


def main(arguments: Sequence[str]) -> int:
    """
    Explain a payload, or the packets of a capture; return the exit status.

    Raises ConfigError if the key, the configuration or the capture can't be used.
    """
    parser = build_parser()
    options = parser.parse(arguments)
    if bool(options.hex) == bool(options.capture):
        parser.error("give either a payload or --capture FILE")
    if options.capture:
        if options.service is not None:
            parser.error("--service is not for --capture: the packets name their services")
        return _decode_capture(options)
    service, how = options.service, "set by --service"
    mac, sender = options.mac, ""
    try:
        if options.hex == [_STANDARD_INPUT] == [options.key_file]:
            raise ValueError("standard input can't be both the payload and the key")
        found = pasted(_input(options.hex))
        data, mac = found.data, mac or found.address or None
        if service is None and found.service:
            service, how = SERVICES.get(found.service, found.service), "named in the text around the bytes"
        if not service and (reported := _report(data)):
            data, sender = reported.data, reported.address
            service, mac = "", options.mac or sender
        if len(data) > MOST_BYTES:
            raise ValueError(f"{len(data)} bytes are more than an advertisement can hold ({MOST_BYTES})")
    except ValueError as error:
        parser.error(str(error))
    decoding = Decoding(data, mac, _keys(options))
    decoding.explain(service, how)
    if options.json:
        document = as_json.document(
            decoding.structures, decoding.explanations, notes=found.notes, is_valid=decoding.is_valid
        )
        print(json.dumps(document, indent=2, allow_nan=False))
    else:
        print("\n".join(decoding.lines(sender, found.notes, Painter(sys.stdout))))
    return EXIT_OK if decoding.is_valid else EXIT_FAILURE


def _decode_capture(options: Namespace) -> int:
    # Imported here, because importing the radio's modules would slow down the decoding of a payload.
    from ble_exporter.cli.decode.of_capture import ExplainedCapture

    capture = ExplainedCapture(options.capture, options.mac, _keys(options))
    if options.json:
        print(json.dumps(capture.document(), indent=2, allow_nan=False))
    else:
        print("\n".join(capture.lines(Painter(sys.stdout))))
    return EXIT_OK if capture.is_valid else EXIT_FAILURE


def build_parser() -> Parser:
    """Return the parser of the arguments."""
    parser = Parser("decode", _DESCRIPTION, examples=_EXAMPLES, statuses=_STATUSES)
    parser.add_argument(
        "hex",
        nargs="*",
        metavar="HEX",
        help="one payload in one or several arguments, as btmon, a phone, a log or a gateway shows it, with the text "
        "around it (in quotes); - reads standard input",
    )
    key = parser.add_mutually_exclusive_group()
    key.add_argument("--key-file", metavar="FILE", help="a file with the key's 32 hex digits; - reads standard input")
    key.add_argument(
        "--key", metavar="KEY", help="the key itself; it appears in the shell's history and in the list of processes"
    )
    key.add_argument("--config", metavar="FILE", help="a configuration with the bindkey for the sender's address")
    parser.add_argument("--mac", metavar="ADDRESS", type=_mac, help="the sender's address, such as A4:C1:38:00:00:01")
    parser.add_argument(
        "--capture",
        metavar="FILE",
        type=file_name,
        help="explain the packets in this capture; with --mac, those of one sender",
    )
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
    return read_standard_input(_MOST_CHARACTERS).decode(errors="replace")


def _report(data: bytes) -> Report | None:
    """Return the report in an HCI event, if any. The event's header may be missing: btmon prints it as text."""
    heads = (
        [b""] if is_advertising(data) or len(data) > _MOST_OF_AN_EVENT else [b"", b"\x04", bytes([4, 0x3E, len(data)])]
    )
    return next((report for head in heads if (report := report_of_packet(head + data))), None)


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
        return {"": key_of(read_standard_input(_MOST_CHARACTERS).decode("latin-1"), "--key-file -")}
    return {"": key_in(options.key_file)} if options.key_file is not None else {}
