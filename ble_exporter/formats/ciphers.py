"""From keys to ciphers: the only place that loads the library that decrypts, and only if there is a key."""

from collections.abc import Mapping

from ble_exporter.errors import ConfigError
from ble_exporter.formats.decoded import Cipher


def ciphers_of(keys: Mapping[str, bytes]) -> dict[str, Cipher]:
    """
    Return the cipher of each key.

    Args:
        keys: Address to 16 bytes.

    Raises:
        ConfigError: There is a key, and the library that decrypts is not installed, or can't be loaded.
    """
    if not keys:
        return {}
    try:
        # Late: it costs 10 ms and 8 MB, on a Pi much more, and most installations have no keys.
        from ble_exporter.formats.ccm import Ccm  # noqa: PLC0415

        return {address: Ccm(key) for address, key in keys.items()}
    except ImportError as error:
        raise ConfigError(
            f"a bindkey is set, and the library that decrypts can't be loaded ({error})",
            "install the extra `encryption` (README, Installation), or remove the bindkey",
            key="devices",
        ) from error
