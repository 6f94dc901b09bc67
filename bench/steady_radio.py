"""
Child processes of other benchmarks: the exporter with a radio that takes hardly any time, and its baseline.

    python -m bench.steady_radio exporter DEVICES PER_SECOND CONFIG
    python -m bench.steady_radio told DEVICES 0 CONFIG
    python -m bench.steady_radio imports DEVICES PER_SECOND

`exporter` runs the program until SIGTERM, and then prints the names of the modules that it had imported from other
packages. `told` does the same, but its radio delivers both packets of each device for each line of standard input, and
then prints "heard". `imports` reads names of modules from one line of standard input, imports them, prints "ready",
and, if DEVICES is not 0, counts the same packets without reading them.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ble_exporter.errors import LossReason, ResetOutcome
    from ble_exporter.model import Advertisement
    from ble_exporter.scanner.radio import Listener

UUID = "0000fcd2-0000-1000-8000-00805f9b34fb"
PACKETS = ("4000{0:02x}015102{0:02x}0a03{0:02x}11", "4000{0:02x}0c{0:02x}0b10001101")
"""
The two packets of a pvvx sensor, which alternate. The packet id is left open; temperature, humidity and voltage change
with it.
"""
_TURN_S = 0.05
_AT_ONCE = 50


def address(number: int) -> str:
    """Return the address of a device, from 0 to 65,535."""
    return f"A4:C1:38:00:{number >> 8:02X}:{number & 0xFF:02X}"


class SteadyRadio:
    """
    A radio that delivers both packets of every device at the start, and then `per_second` packets a second in all.

    It wakes equally often at every rate above 0, so that the CPU times at two rates differ only by the packets' cost.
    """

    adapters: "Mapping[str, bool]" = MappingProxyType({})
    lost_events: "Mapping[tuple[str, LossReason], int]" = MappingProxyType({})
    adapter_resets: "Mapping[tuple[str, ResetOutcome], int]" = MappingProxyType({})
    is_resetting = False
    silence = None

    def __init__(self, devices: int, per_second: float) -> None:
        self._addresses = [address(number) for number in range(devices)]
        self._per_turn = round(per_second * _TURN_S)
        self._sent = 0
        self._payloads = [bytes.fromhex(PACKETS[turn % 2].format(turn // 2)) for turn in range(512)]

    def catch_up(self) -> None:
        """See Radio: every packet is delivered at once."""

    async def run(self, listener: "Listener", started: Callable[[], None]) -> None:
        """Deliver packets until cancelled."""
        import asyncio

        from ble_exporter.model import Advertisement

        started()
        for _ in range(0, 2 * len(self._addresses), _AT_ONCE):
            self._deliver(listener, Advertisement, min(_AT_ONCE, 2 * len(self._addresses) - self._sent))
            await asyncio.sleep(0)
        while self._per_turn:
            await asyncio.sleep(_TURN_S)
            self._deliver(listener, Advertisement, self._per_turn)
        await asyncio.Event().wait()

    def _deliver(self, listener: "Listener", kind: "type[Advertisement]", count: int) -> None:
        devices = len(self._addresses)
        for _ in range(count):
            turn, number = divmod(self._sent, devices)
            self._sent += 1
            if listener.wants(self._addresses[number]):
                payload = self._payloads[turn % len(self._payloads)]
                listener.handle(kind(self._addresses[number], {UUID: payload}, -60, "hci0"))


class ToldRadio(SteadyRadio):
    """A radio that delivers both packets of every device for each line of standard input."""

    async def run(self, listener: "Listener", started: Callable[[], None]) -> None:
        """Deliver packets until cancelled."""
        import asyncio

        from ble_exporter.model import Advertisement

        lines = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        started()
        while await lines.readline():
            self._deliver(listener, Advertisement, 2 * len(self._addresses))
            print("heard", flush=True)
        await asyncio.Event().wait()


class _Counting:
    """The smallest listener: it counts the advertisements."""

    def __init__(self) -> None:
        self.count = 0

    def wants(self, _address: str) -> bool:
        return True

    def handle(self, _advertisement: "Advertisement") -> None:
        """Count one advertisement."""
        self.count += 1


def _run_exporter(radio: SteadyRadio, arguments: Sequence[str]) -> int:
    from ble_exporter.main import main

    status = main(["--config", *arguments], lambda _settings, **_options: radio)
    print(*(name for name in sys.modules if name.partition(".")[0] not in {"ble_exporter", "bench", "__main__"}))
    return status


def _run_imports(radio: SteadyRadio, *, is_listening: bool) -> int:
    from importlib import import_module

    for name in sys.stdin.readline().split():
        # Some extensions register modules that can't be imported by name.
        with suppress(ImportError):
            import_module(name)
    print("ready", flush=True)
    if not is_listening:
        sys.stdin.read()
        return 0
    import asyncio

    asyncio.run(radio.run(_Counting(), lambda: None))
    return 0


def main(arguments: Sequence[str]) -> int:
    """Run one of the programs; return the exit status."""
    kind, devices, per_second, *others = arguments
    radio = (ToldRadio if kind == "told" else SteadyRadio)(int(devices), float(per_second))
    return _run_imports(radio, is_listening=devices != "0") if kind == "imports" else _run_exporter(radio, others)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
