"""Creates ciphers from bindkeys. Loads the cryptography library only if there is a key."""

from collections.abc import Mapping

from ble_exporter.errors import ConfigError
from ble_exporter.formats.decoded import Cipher


def ciphers_of(keys: Mapping[str, bytes]) -> dict[str, Cipher]:
    """
    Return a cipher for each bindkey.

    Args:
        keys: Bluetooth address to bindkey of 16 bytes.

    Raises:
        ConfigError: There is a key, but the cryptography library is not installed or can't be loaded.
    """
    if not keys:
        return {}
    try:
        # Imported here, because the import takes 10 ms (much more on a Pi) and 8 MB, and few installations have keys.
        from ble_exporter.formats.ccm import Ccm  # noqa: PLC0415

        return {address: Ccm(key) for address, key in keys.items()}
    except ImportError as error:
        raise ConfigError(
            f"a bindkey is set, but the library that decrypts can't be loaded ({error})",
            "install the extra `encryption` (README, Installation), or remove the bindkey",
            key="devices",
        ) from error
