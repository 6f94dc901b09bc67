"""The monitor ear on the kernel's own channel: it hears packets that BlueZ holds back, merges or drops."""

from __future__ import annotations

import signal
import sys
import time

from dbus_fast import Variant

from .air import Sender, Thermometer, local_name, thermometer_sender, unknown_devices
from .exporter import Exporter, Scrape
from .hci import AdvertisingType
from .other_client import OtherClient
from .polling import wait_until
from .registry import scenario
from .scenarios_cost import counting_callbacks
from .scenarios_modes import (
    ALL_THE_TIME,
    ENOUGH_TO_LEARN,
    EXPERIMENTAL,
    SECOND_ADDRESS,
    counter,
    wait_for_packets,
)
from .scenarios_other_clients import HARMLESS
from .scenarios_readings import BALCONY, CELLAR, LIVING_ROOM, THERMOMETERS, incomplete
from .stack import Stack, knows
from .virtual_radio import VirtualRadio

PACKETS = 1000
BETWEEN_PACKETS_S = 0.005
CROWDS = 3
BETWEEN_PACKETS_OF_A_CROWD_S = 0.001
QUIET_S = 12.0
"""Long enough for batches to become as long as possible: 0.25, 0.5, 1, 2, 4 and 5 s."""
SENDERS = 10
HELD_BACK = 50
OTHERS_PACKETS = 100
OTHERS_FILTERS = {**HARMLESS, "Pattern": {"Pattern": Variant("s", "A4:C1")}}
BLEAKS_SHARE = 0.95
"""The kernel drops some packets when it restarts a scan."""
UNPRIVILEGED = "rig.guest.unprivileged_exporter"


def start_listening(stack: Stack, thermometers: list[Thermometer], **settings: str) -> Exporter:
    """Start the exporter with the monitor ear; return it when it listens."""
    exporter = stack.start_exporter(thermometers, ear="monitor", **ALL_THE_TIME, **settings)
    exporter.wait_until_it_listens()
    return exporter


def wait_for_all(exporter: Exporter, radio: VirtualRadio, sent: int) -> None:
    """Wait until the exporter has decoded all packets that were sent, and not one more."""

    def wrongs(scrape: Scrape) -> list[str]:
        decoded = counter(scrape, "advertisements_decoded")
        return [] if decoded == sent else [f"{decoded:g} of {sent} were decoded"]

    scrape = exporter.wait_until_right(wrongs)
    lost = [counter(scrape, "events_lost", adapter="hci0", reason=reason) for reason in ("buffer_full", "invalid")]
    assert [0, 0] == lost, f"lost: {lost}"
    sys.stdout.write(f"{sent} of {sent} packets decoded; restarts of the scan: {radio.completed_scans}\n")


def send_in_turn(
    radio: VirtualRadio, thermometers: list[Thermometer], number: int, between_s: float = BETWEEN_PACKETS_S
) -> None:
    """Send packets from each thermometer in turn, until the radio has reported this number; wait after each."""
    sources = [thermometer.packets() for thermometer in thermometers]
    sent = 0
    while sent < number:
        thermometer, packet = thermometers[sent % len(thermometers)], next(sources[sent % len(thermometers)])
        sent += radio.advertise(
            thermometer.address,
            packet,
            rssi_dbm=thermometer.rssi_dbm,
            kind=AdvertisingType.ADV_IND,
            scan_response=local_name("ATC"),
        )
        time.sleep(between_s)


def make_thermometers(serial: int = 1) -> list[Thermometer]:
    """Return SENDERS thermometers, different ones for each serial number."""
    return [
        Thermometer(
            f"sensor_{serial}_{number}", f"A4:C1:38:00:{serial:02X}:{number:02X}", 20 + number / 10, 50, 90, 2.9, -70
        )
        for number in range(SENDERS)
    ]


@scenario
def monitor_hears_every_packet(stack: Stack) -> None:
    """The monitor ear decodes every packet that the controller reports, and bluetoothd handles none of them."""
    radio = stack.start(EXPERIMENTAL)
    thermometers = make_thermometers()
    exporter = start_listening(stack, thermometers)
    send_in_turn(radio, thermometers, PACKETS)
    wait_for_all(exporter, radio, PACKETS)
    assert not any(knows(thermometer.address) for thermometer in thermometers), "bluetoothd handled the packets"


@scenario
def monitor_hears_a_sudden_crowd(stack: Stack) -> None:
    """After a quiet time, batches last 5 s, in which a thousand packets a second would fill the kernel's buffer."""
    radio = stack.start()
    thermometers = make_thermometers()
    exporter = start_listening(stack, thermometers)
    for crowd in range(1, 1 + CROWDS):
        time.sleep(QUIET_S)
        send_in_turn(radio, thermometers, PACKETS, BETWEEN_PACKETS_OF_A_CROWD_S)
        wait_for_all(exporter, radio, crowd * PACKETS)


@scenario
def monitor_beside_others(stack: Stack) -> None:
    """Beside a program with any of these filters, every packet is decoded; afterwards, bluetoothd is idle again."""
    radio = stack.start(EXPERIMENTAL)
    rounds = [make_thermometers(serial) for serial in range(len(OTHERS_FILTERS) + 1)]
    exporter = start_listening(stack, [thermometer for each in rounds for thermometer in each])
    sent = 0
    for thermometers, (name, conditions) in zip(rounds, OTHERS_FILTERS.items()):  # noqa: B905 - one round is for the end
        with OtherClient() as other:
            assert not other.start_discovery(**conditions), f"bluetoothd refuses {name}"
            send_in_turn(radio, thermometers, OTHERS_PACKETS)
            sent += OTHERS_PACKETS
            wait_for_all(exporter, radio, sent)
        known = sum(knows(thermometer.address) for thermometer in thermometers)
        sys.stdout.write(f"beside {name}: bluetoothd has reported {known} of {SENDERS} sensors\n")
    send_in_turn(radio, rounds[-1], OTHERS_PACKETS)
    wait_for_all(exporter, radio, sent + OTHERS_PACKETS)
    assert not any(knows(thermometer.address) for thermometer in rounds[-1]), "bluetoothd still handles packets"


@scenario
def bleak_beside_the_monitor(stack: Stack) -> None:
    """The ear's filter must not affect other programs: beside it, a program with bleak hears nearly all packets."""
    radio = stack.start(EXPERIMENTAL)
    thermometers = make_thermometers()
    exporter = start_listening(stack, thermometers)
    sent = 0
    with counting_callbacks() as bleak:
        while not knows(thermometers[0].address):
            send_in_turn(radio, thermometers, SENDERS)
            sent += SENDERS
        send_in_turn(radio, thermometers, PACKETS)
        wait_for_all(exporter, radio, sent + PACKETS)
        bleak.terminate()
        output, _ = bleak.communicate()
    sys.stdout.write(f"bleak called back for {int(output)} of {PACKETS} packets\n")
    assert int(output) > BLEAKS_SHARE * PACKETS, f"bleak called back for only {output} of {PACKETS} packets"


@scenario
def monitor_hears_what_the_kernel_holds_back(stack: Stack) -> None:
    """If a connectable sensor's scan responses are lost, BlueZ reports nothing; the monitor ear hears every packet."""
    radio = stack.start()
    exporter = start_listening(stack, [LIVING_ROOM])
    packets, sent = LIVING_ROOM.packets(), 0
    while sent < HELD_BACK:
        packet = next(packets)
        sent += radio.advertise(LIVING_ROOM.address, packet, rssi_dbm=-60, kind=AdvertisingType.ADV_IND)
        time.sleep(0.05)
    wait_for_all(exporter, radio, HELD_BACK)


@scenario
def monitor_with_bluetooth_5(stack: Stack) -> None:
    """A Bluetooth 5 controller reports advertisements in another kind of event, which the monitor ear reads, too."""
    stack.start_dbus()
    stack.start_bluetoothd(EXPERIMENTAL)
    radio = stack.plug_in(VirtualRadio(extended_scan=True))
    stack.start_air(radio, *map(thermometer_sender, THERMOMETERS), *unknown_devices())
    exporter = stack.start_exporter(THERMOMETERS, ear="monitor", **ALL_THE_TIME)
    exporter.wait_until_right(incomplete)
    exporter.terminate()
    wait_until(lambda: not radio.scanning, "the radio is idle", within_s=3)


@scenario
def monitor_of_each_adapter(stack: Stack) -> None:
    """With two adapters, each packet counts for the adapter that has received it."""
    first, second = stack.start(), stack.plug_in(VirtualRadio(SECOND_ADDRESS))
    stack.start_air(first, thermometer_sender(LIVING_ROOM))
    stack.start_air(second, thermometer_sender(CELLAR))
    exporter = stack.start_exporter([LIVING_ROOM, CELLAR], ear="monitor", adapter=["hci0", "hci1"], **ALL_THE_TIME)
    expected = {
        (LIVING_ROOM.name, "hci0"): LIVING_ROOM.rssi_dbm,
        (LIVING_ROOM.name, "hci1"): None,
        (CELLAR.name, "hci0"): None,
        (CELLAR.name, "hci1"): CELLAR.rssi_dbm,
    }

    def wrongs(scrape: Scrape) -> list[str]:
        return [
            f"the RSSI of {device} at {adapter} is {heard}, not {rssi}"
            for (device, adapter), rssi in expected.items()
            if (heard := scrape.value("ble_sensor_rssi_dbm", device=device, adapter=adapter)) != rssi
        ]

    exporter.wait_until_right(wrongs)
    wait_for_packets(exporter, ENOUGH_TO_LEARN)
    assert not wrongs(exporter.scrape()), wrongs(exporter.scrape())


@scenario
def monitor_passively(stack: Stack) -> None:
    """A passive scan sends no requests; the monitor ear, unlike BlueZ, hears all unknown devices."""
    radio = stack.start(EXPERIMENTAL)
    stack.start_air(radio, *map(thermometer_sender, THERMOMETERS), *unknown_devices())
    exporter = stack.start_exporter(THERMOMETERS, ear="monitor", scan_mode="passive", **ALL_THE_TIME)
    scrape = exporter.wait_until_right(incomplete)
    assert not any(change.active for change in radio.scan_log), "the radio scanned actively"
    assert counter(scrape, "advertisements_unknown_device") > 0, "no unknown device was heard"
    exporter.terminate()
    wait_until(lambda: not radio.scanning, "the radio is idle", within_s=3)


@scenario
def monitor_counts_what_it_loses(stack: Stack) -> None:
    """While the exporter is suspended, the kernel drops packets when its buffer is full; the exporter counts them."""
    radio = stack.start()
    exporter = start_listening(stack, [LIVING_ROOM])
    packet = Sender(LIVING_ROOM.address, LIVING_ROOM.packets(), -60)
    exporter.process.send_signal(signal.SIGSTOP)
    sent = 0
    while sent < 4 * PACKETS:
        sent += packet.send(radio)
    exporter.process.send_signal(signal.SIGCONT)

    def wrongs(scrape: Scrape) -> list[str]:
        decoded = counter(scrape, "advertisements_decoded")
        lost = counter(scrape, "events_lost", adapter="hci0", reason="buffer_full")
        return [] if decoded + lost == sent and lost else [f"{decoded:g} decoded and {lost:g} lost of {sent}"]

    scrape = exporter.wait_until_right(wrongs)
    lost = counter(scrape, "events_lost", adapter="hci0", reason="buffer_full")
    sys.stdout.write(f"{lost:g} of {sent} packets did not fit the kernel's buffer, and were counted\n")
    assert "the kernel dropped packets" in exporter.log(), exporter.log()


@scenario
def without_the_capability(stack: Stack) -> None:
    """Without CAP_NET_RAW, `auto` hears through bluetoothd and logs the reason; `monitor` ends with an error."""
    radio = stack.start()
    stack.start_air(radio, *map(thermometer_sender, THERMOMETERS), *unknown_devices())
    exporter = stack.start_exporter(THERMOMETERS, UNPRIVILEGED, ear="auto", **ALL_THE_TIME)
    exporter.wait_until_right(lambda scrape: incomplete(scrape, (BALCONY,)))
    assert "hearing through bluetoothd" in exporter.log(), exporter.log()
    exporter.terminate()
    refused = stack.start_exporter(THERMOMETERS, UNPRIVILEGED, ear="monitor", **ALL_THE_TIME)
    refused.wait_for_failure("may not read the kernel's monitor channel", "CAP_NET_RAW")
