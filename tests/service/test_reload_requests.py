"""Requests for a reload: when they are refused, how they are combined, and what a bug in a reload causes."""

import asyncio
import socket
from pathlib import Path

import pytest

from ble_exporter.tasks import Tasks
from tests.service.house import LIVING_ROOM, SETTINGS, TWO, House, Run, text_of


def test_a_limit_must_fit_the_scans_of_the_running_program(run: Run) -> None:
    """Scan settings change only at a restart: until then, a limit for new scans would expire values in each pause."""

    async def script(house: House) -> None:
        fits_the_file = text_of({LIVING_ROOM: "lounge"}, SETTINGS.replace("auto", "20"))
        outcome = await house.reload(fits_the_file)

        assert (False, "living_room") == (outcome.is_ok, house.cycle.devices[LIVING_ROOM].name)
        assert "restart the exporter to apply the file" in outcome.lines[0]

    run(script, text_of({LIVING_ROOM: "living_room"}, SETTINGS.replace("duration_seconds: 30", "duration_seconds: 5")))


@pytest.mark.parametrize("error", [OSError("gone"), MemoryError(), UnicodeDecodeError("utf-8", b"", 0, 1, "x")])
def test_a_bug_in_a_reload_does_not_end_the_service(run: Run, error: Exception) -> None:
    """A service that works must not end because somebody has edited a file."""

    async def script(house: House) -> None:
        house.fault = error
        outcome = await house.reload(TWO)
        house.fault = None

        assert (False, False) == (outcome.is_ok, house.cycle.counts.has_reloaded)
        assert [f"unexpected error ({type(error).__name__}): the log has more"] == outcome.lines
        assert (await house.reload(TWO)).is_ok

    run(script, TWO)


def test_many_requests_share_a_reload(run: Run) -> None:
    """Reloads may be requested a hundred times a second, and a file with thousands of devices takes seconds to read."""

    async def script(house: House) -> None:
        async with Tasks() as tasks:
            asked = [tasks.start(house.reloading.reload()) for _ in range(20)]
            outcomes = [await one for one in asked]

        assert [True] * 20 == [outcome.is_ok for outcome in outcomes]
        assert 1 == house.loads

    run(script, TWO)


def test_systemd_learns_of_the_reload(run: Run, tmp_path: Path) -> None:
    """`systemctl reload` must return when the reload has ended, even if it failed: see RELOADING in sd_notify(3)."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as inbox:
        inbox.bind(str(tmp_path / "notify"))
        inbox.setblocking(False)

        async def script(house: House) -> None:
            before = [inbox.recv(1000).decode()]
            await house.reload("devices: [")
            reloading = inbox.recv(1000).decode().splitlines()

            assert ["READY=1"] == before
            assert ["RELOADING=1", True] == [reloading[0], reloading[1].startswith("MONOTONIC_USEC=")]
            assert "READY=1" == inbox.recv(1000).decode()

        run(script, TWO, str(tmp_path / "notify"))


def test_a_request_during_a_reload_causes_another(run: Run) -> None:
    """The file may have changed after the first reload has read it."""

    async def script(house: House) -> None:
        house.requested.set()
        await asyncio.sleep(0)
        house.requested.set()
        for _ in range(10):
            await asyncio.sleep(0)

        assert 2 == house.loads

    run(script, TWO)


def test_a_client_that_hangs_up_costs_no_other_its_answer(run: Run) -> None:
    """Clients that ask at the same time share a reload, and one of them may hang up early."""

    async def script(house: House) -> None:
        first = asyncio.ensure_future(house.reloading.reload())  # noqa: TID251 - it is cancelled alone
        second = asyncio.ensure_future(house.reloading.reload())  # noqa: TID251
        await asyncio.sleep(0)
        first.cancel()

        assert (await second).is_ok

    run(script, TWO)
