"""Checking passwords: the results, and the limits on the work that clients can cause."""

import asyncio
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress

import bcrypt
import pytest

from ble_exporter.errors import ConfigError
from ble_exporter.exporter.passwords import (
    MOST_KNOWN,
    MOST_WAITING,
    MOST_WAITING_OF_PEER,
    Passwords,
    TooManyChecksError,
    require_bcrypt,
)

USERS = {b"alice": bcrypt.hashpw(b"secret", bcrypt.gensalt(4)), b"bob": bcrypt.hashpw(b"b" * 72, bcrypt.gensalt(4))}


class Checks:
    """A check that records its calls, and waits until it may end."""

    def __init__(self, *, waits: bool = False) -> None:
        self.calls: list[tuple[bytes, bytes]] = []
        self.has_begun = threading.Event()
        self.may_end = threading.Event()
        if not waits:
            self.may_end.set()

    def __call__(self, password: bytes, hashed: bytes) -> bool:
        """Return whether the password is "right"."""
        self.calls.append((password, hashed))
        self.has_begun.set()
        self.may_end.wait()
        return password == b"right"


def check(user: bytes, password: bytes, users: Mapping[bytes, bytes] = USERS) -> bool:
    """Check one password with bcrypt."""
    return asyncio.run(Passwords().is_right(users, user, password, "192.0.2.1"))


@pytest.mark.parametrize(
    ("user", "password", "is_right"),
    [
        (b"alice", b"secret", True),
        (b"alice", b"Secret", False),
        (b"alice", b"", False),
        (b"Alice", b"secret", False),
        (b"carol", b"secret", False),
        (b"", b"", False),
        (b"bob", b"b" * 73, True),
        (b"bob", b"b" * 71, False),
        (b"alice", b"secret\0", False),
        (b"alice", b"\xff\0" * 4000, False),
    ],
)
def test_a_password_must_fit(user: bytes, password: bytes, is_right: bool) -> None:
    """As everywhere with bcrypt, bytes after the 72nd are ignored; no input may raise an error."""
    assert is_right == check(user, password)


def test_a_version_of_another_program_fits() -> None:
    """`htpasswd` writes $2y$, which means the same as $2b$, and its hashes must be accepted."""
    assert check(b"alice", b"secret", {b"alice": USERS[b"alice"].replace(b"$2b$", b"$2y$")})


def test_an_unknown_user_takes_as_long_as_a_known_one() -> None:
    """The time must not reveal which users exist, so the check of an unknown user uses a hash of the highest cost."""
    checks = Checks()
    users = {b"alice": b"$2y$12$" + b"a" * 53, b"bob": b"$2y$04$" + b"b" * 53}
    asyncio.run(Passwords(checks).is_right(users, b"carol", b"right", ""))
    ((_, hashed),) = checks.calls

    assert (b"$2b$12$", 60) == (hashed[:7], len(hashed))
    assert not bcrypt.checkpw(b"right", b"$2b$04$" + hashed[7:])


@pytest.mark.parametrize(("password", "is_right"), [(b"right", True), (b"wrong", False)])
def test_a_result_is_kept(password: bytes, is_right: bool) -> None:
    """Prometheus sends the same password every few seconds, and checking it each time would take much CPU time."""
    checks = Checks()

    async def twice() -> list[bool]:
        passwords = Passwords(checks)
        return [await passwords.is_right(USERS, b"alice", password, "") for _ in range(2)]

    assert [is_right, is_right] == asyncio.run(twice())
    assert 1 == len(checks.calls)


def test_a_new_hash_ends_an_old_password() -> None:
    """A password that was changed because it became known must not be accepted any more."""

    async def change() -> list[bool]:
        passwords = Passwords()
        others = {b"alice": USERS[b"bob"]}
        return [await passwords.is_right(users, b"alice", b"secret", "") for users in (USERS, others, {})]

    assert [True, False, False] == asyncio.run(change())


def test_wrong_passwords_do_not_displace_right_ones() -> None:
    """Somebody who tries passwords must not make every scrape wait for a check."""
    checks = Checks()

    async def attack() -> int:
        passwords = Passwords(checks)
        await passwords.is_right(USERS, b"alice", b"right", "")
        for number in range(2 * MOST_KNOWN):
            await passwords.is_right(USERS, b"alice", b"%d" % number, "")
        before = len(checks.calls)
        assert await passwords.is_right(USERS, b"alice", b"right", "")
        assert not await passwords.is_right(USERS, b"alice", b"0", "")
        return len(checks.calls) - before

    # The first wrong password was forgotten.
    assert 1 == asyncio.run(attack())


async def waiting(passwords: Passwords, peers: list[str]) -> list["asyncio.Task[bool]"]:
    """Begin to check a different password for each peer."""
    tasks = []
    for number, peer in enumerate(peers):
        check = passwords.is_right(USERS, b"alice", b"%d" % number, peer)
        tasks.append(asyncio.get_running_loop().create_task(check))
        await asyncio.sleep(0)
    return tasks


@pytest.mark.parametrize(
    ("peers", "peer", "is_refused"),
    [
        (["a"] * MOST_WAITING_OF_PEER, "a", True),
        (["a"] * MOST_WAITING_OF_PEER, "b", False),
        ([str(number) for number in range(MOST_WAITING)], "b", True),
    ],
)
def test_few_passwords_wait(peers: list[str], peer: str, is_refused: bool) -> None:
    """A client that sends thousands of passwords must neither fill the memory nor keep other clients out."""
    checks = Checks(waits=True)

    async def attack() -> bool:
        passwords = Passwords(checks)
        tasks = await waiting(passwords, peers)
        another = asyncio.get_running_loop().create_task(passwords.is_right(USERS, b"alice", b"other", peer))
        await asyncio.sleep(0)
        checks.may_end.set()
        try:
            await another
        except TooManyChecksError:
            return True
        finally:
            assert not any([await task for task in tasks])
        return False

    assert is_refused == asyncio.run(attack())


def test_one_check_runs_at_a_time() -> None:
    """Checks must not occupy every processor."""
    checks = Checks(waits=True)

    async def attack() -> int:
        tasks = await waiting(Passwords(checks), ["a", "b", "c"])
        await asyncio.to_thread(checks.has_begun.wait)
        running = len(checks.calls)
        checks.may_end.set()
        for task in tasks:
            await task
        return running

    assert 1 == asyncio.run(attack())
    assert 3 == len(checks.calls)


def test_simultaneous_requests_share_a_check() -> None:
    """A browser sends several requests at once, and none of them may be refused."""
    checks = Checks(waits=True)

    async def page() -> list[bool]:
        passwords = Passwords(checks)
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(passwords.is_right(USERS, b"alice", b"right", "a")) for _ in range(6)]
        await asyncio.sleep(0)
        checks.may_end.set()
        return [await task for task in tasks]

    assert [True] * 6 == asyncio.run(page())
    assert 1 == len(checks.calls)


def test_a_cancelled_check_leaves_nothing_behind() -> None:
    """A client that hangs up must not occupy one of the few places for waiting checks."""
    checks = Checks(waits=True)

    async def hang_up() -> bool:
        passwords = Passwords(checks)
        for number in range(2 * MOST_WAITING):
            task = asyncio.get_running_loop().create_task(passwords.is_right(USERS, b"alice", b"%d" % number, "a"))
            await asyncio.sleep(0)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        checks.may_end.set()
        return await passwords.is_right(USERS, b"alice", b"right", "a")

    assert asyncio.run(hang_up())


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library is optional, and its name does not show which extra installs it."""
    monkeypatch.setitem(sys.modules, "bcrypt", None)
    with pytest.raises(ConfigError, match=r"web\.yml: basic_auth_users: a password is set, .*install the extra `auth`"):
        require_bcrypt("web.yml")
