"""
Checks passwords against bcrypt hashes, without blocking the event loop.

By design, a check takes 50 ms or more, so anybody could occupy the processor with wrong passwords. Therefore, only one
check runs at a time, in a thread of low priority, and only a few may wait. Results are remembered, and wrong passwords
do not displace right ones, so scrapes continue during an attack.
"""

import asyncio
import hashlib
import os
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress

from ble_exporter.errors import ConfigError
from ble_exporter.tasks import in_daemon_thread

MOST_KNOWN = 100
"""How many right passwords, and how many wrong ones, are remembered, as in exporter-toolkit."""
MOST_WAITING = 8
MOST_WAITING_OF_PEER = 2

# In bytes. bcrypt ignores the rest of a longer password, and release 5 of the library refuses such a password.
_LONGEST_PASSWORD = 72
_NICENESS = 10
# A well-formed salt and hash; nobody knows a password that matches.
_FAKE = b"qRTBuFoULoYNA7AQ/F3ck." + b"." * 31
_NO_COST = b"10"

Check = Callable[[bytes, bytes], bool]
"""Returns whether a password matches a hash."""


class TooManyChecksError(Exception):
    """Too many other passwords are waiting to be checked."""


class Passwords:
    """Checks passwords, and remembers the latest results. `check` is slow, and is called in a thread."""

    def __init__(self, check: Check | None = None) -> None:
        self._check = check or _fits
        # Keyed digests are kept instead of passwords: without this key, they are useless.
        self._secret = secrets.token_bytes(32)
        self._right: dict[bytes, None] = {}
        self._wrong: dict[bytes, None] = {}
        self._running: dict[bytes, asyncio.Future[bool]] = {}
        self._waiting: Counter[str] = Counter()
        self._turn = asyncio.Lock()

    async def is_right(self, users: Mapping[bytes, bytes], user: bytes, password: bytes, peer: str) -> bool:
        """
        Return whether the user exists and has this password.

        For an unknown user, check a fake hash of the highest cost, so that the time does not reveal which users exist.
        Raises TooManyChecksError if too many passwords are waiting, altogether or from this peer.
        """
        hashed = users.get(user)
        key = self._digest(user, hashed or b"", password)
        if key in self._right:
            return True
        if key in self._wrong:
            return False
        running = self._running.get(key)
        if running is not None:
            return await asyncio.shield(running)
        if self._waiting.total() >= MOST_WAITING or self._waiting[peer] >= MOST_WAITING_OF_PEER:
            raise TooManyChecksError
        running = self._running[key] = asyncio.get_running_loop().create_future()
        self._waiting[peer] += 1
        is_right = False
        try:
            async with self._turn:
                against = hashed or _fake_hash(users)
                fits = await in_daemon_thread(lambda: self._check(password[:_LONGEST_PASSWORD], against))
            is_right = fits and hashed is not None
            _keep(self._right if is_right else self._wrong, key)
            return is_right
        finally:
            self._waiting -= Counter([peer])
            del self._running[key]
            # If this check was cancelled or has failed, the requests that wait for it are refused, too.
            running.set_result(is_right)

    def _digest(self, *parts: bytes) -> bytes:
        digest = hashlib.blake2b(key=self._secret)
        for part in parts:
            digest.update(len(part).to_bytes(4, "big") + part)
        return digest.digest()


def _keep(known: dict[bytes, None], key: bytes) -> None:
    """Remember the digest of a password; if there are too many, forget the oldest one first."""
    while len(known) >= MOST_KNOWN:
        del known[next(iter(known))]
    known[key] = None


def _fake_hash(users: Mapping[bytes, bytes]) -> bytes:
    """Return a hash that no known password matches, with the highest cost of the users' hashes."""
    cost = max((hashed[4:6] for hashed in users.values()), default=_NO_COST)
    return b"$2b$" + cost + b"$" + _FAKE


def _fits(password: bytes, hashed: bytes) -> bool:
    # Lowers the priority of this thread only, so that the scanner and scrapes come first.
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
    # Imported here, because few installations have passwords.
    import bcrypt  # noqa: PLC0415

    return bcrypt.checkpw(password, hashed)


def require_bcrypt(path: str) -> None:
    """Raise a ConfigError about the web configuration at `path` if bcrypt can't be imported."""
    try:
        import bcrypt  # noqa: F401, PLC0415
    except ImportError as error:
        raise ConfigError(
            f"a password is set, but the library that checks passwords can't be loaded ({error})",
            "install the extra `auth` (docs/security.md), or remove basic_auth_users",
            path=path,
            key="basic_auth_users",
        ) from error
