"""`decode --capture`: explains each different packet of a capture once."""

from collections.abc import Mapping
from typing import NamedTuple

from ble_exporter import __version__
from ble_exporter.cli.decode import as_json
from ble_exporter.cli.decode.decoding import Decoding
from ble_exporter.cli.parser import PROGRAM
from ble_exporter.cli.terminal import Painter
from ble_exporter.formats.advertising_data import has_known_service
from ble_exporter.formats.advertising_reports import Report
from ble_exporter.scanner.capture import load_reports
from ble_exporter.utils import number_of

MOST_EXPLAINED = 200
"""The maximum number of packets that are explained: a capture can have a hundred thousand."""


class _Packet(NamedTuple):
    at_s: float
    report: Report
    decoding: Decoding


class ExplainedCapture:
    """
    The different packets of a capture that have a known format, or all of one sender; at most MOST_EXPLAINED.

    Args:
        path: The capture.
        mac: The address of the only sender whose packets are explained; None for all senders.
        keys: The keys by address; the entry under the empty string applies to any address.

    Raises:
        ConfigError: The capture or a key can't be used.
    """

    def __init__(self, path: str, mac: str | None, keys: Mapping[str, bytes]) -> None:
        self._mac = mac
        self._packets: list[_Packet] = []
        self._total = self._omitted = 0
        seen: set[tuple[str, bytes]] = set()
        for at_s, report in load_reports(path):
            self._total += 1
            key = (report.address, report.data)
            is_wanted = report.address == mac if mac else has_known_service(report.data)
            if not is_wanted or key in seen:
                continue
            # The size of the capture bounds the number of these keys.
            seen.add(key)
            if len(self._packets) >= MOST_EXPLAINED:
                self._omitted += 1
                continue
            decoding = Decoding(report.data, report.address, keys)
            decoding.explain("", "")
            self._packets.append(_Packet(at_s, report, decoding))

    @property
    def is_valid(self) -> bool:
        """Whether a packet of a known format was explained, and all explained packets with such a format are valid."""
        known = [one.decoding for one in self._packets if one.decoding.explanations]
        return bool(known) and all(one.is_valid for one in known)

    def document(self) -> dict[str, object]:
        """Return the output as a JSON document."""
        return {
            "version": __version__,
            "sound": self.is_valid,
            "advertisements": self._total,
            "omitted": self._omitted,
            "packets": [
                {
                    "at": at_s,
                    "address": report.address or None,
                    "rssi": report.rssi,
                    **as_json.document(
                        decoding.structures, decoding.explanations, notes=(), is_valid=decoding.is_valid
                    ),
                }
                for at_s, report, decoding in self._packets
            ],
        }

    def lines(self, paint: Painter) -> list[str]:
        """Return the lines of the output."""
        lines = [paint(f"{PROGRAM} {__version__}", "bold")]
        for at_s, report, decoding in self._packets:
            rssi = "" if report.rssi is None else f", {report.rssi} dBm"
            response = ", scan response" if report.is_scan_response else ""
            head = f"at {at_s:.3f} s from {report.address or 'an anonymous sender'}{rssi}{response}"
            # Omit the first line, which repeats the version.
            lines += [paint(head, "bold"), *decoding.lines("", (), paint)[1:], ""]
        explained = number_of(len(self._packets), "different packet")
        lines.append(f"{number_of(self._total, 'advertisement')} in the capture; explained: {explained}")
        if not self._packets and self._mac:
            lines.append(f"no packet is from {self._mac}")
        elif not self._packets:
            lines.append("no packet has a known format; --mac ADDRESS explains all packets of one sender")
        if self._omitted:
            hint = "" if self._mac else "; choose a sender with --mac"
            lines.append(f"not explained: {number_of(self._omitted, 'different packet')}{hint}")
        return lines
