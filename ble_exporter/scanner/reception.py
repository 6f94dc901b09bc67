"""Turns a controller's HCI events into advertisements, for a listener."""

from ble_exporter.formats.advertising_data import content
from ble_exporter.formats.advertising_reports import Fragments, Report, advertising_reports
from ble_exporter.model import Advertisement, Batch
from ble_exporter.scanner.radio import Listener

# The maximum number of senders whose names are kept: anybody can send from any number of addresses.
_MOST_NAMES = 1024


class Reception:
    """
    Delivers the advertisements in one adapter's events.

    The monitor ear and a replayed capture use this class, so the capture gives the same readings as the ear did.

    Args:
        adapter: The adapter's name ("hci0").
        listener: Receives the advertisements of the addresses that it wants.
        names: Address to the sender's name; this object updates the dictionary, which later objects may use.
    """

    def __init__(self, adapter: str, listener: Listener, names: dict[str, str] | None = None) -> None:
        self._adapter = adapter
        self._listener = listener
        self._names = {} if names is None else names
        self._fragments = Fragments()

    def deliver(self, event: bytes, age_s: float, batch: Batch | None = None) -> tuple[bool, str]:
        """
        Deliver the advertisements in an event, which begins with the event code and was received `age_s` seconds ago.

        Returns whether the event has a valid report, and the event's fault, which is empty for a valid event.
        """
        reports, fault = advertising_reports(event)
        for report in reports:
            whole = self._fragments.join(report)
            if whole is not None:
                self._hear(whole, age_s, batch)
        return bool(reports), fault

    def _hear(self, report: Report, age_s: float, batch: Batch | None) -> None:
        """Deliver a report. Of a scan response without data, only keep the name for the sender's next advertisement."""
        address = report.address
        found = content(report.data) if report.is_scan_response else None
        if found and not found.service_data and not found.manufacturer_data:
            if found.name and address in self._names:
                self._names[address] = found.name
            return
        if not self._listener.wants(address):
            return
        service_data, manufacturer_data, name = found or content(report.data)
        self._listener.handle(
            Advertisement(
                address,
                service_data,
                report.rssi,
                self._adapter,
                self._named(address, name),
                report.address_type,
                manufacturer_data,
                age_s,
                batch,
            )
        )

    def _named(self, address: str, name: str) -> str:
        """Return the latest name of a sender, which may have sent it in another packet; empty if it is unknown."""
        names = self._names
        if name or address not in names:
            names[address] = name
            if len(names) > _MOST_NAMES:
                del names[next(iter(names))]
        return names[address]
