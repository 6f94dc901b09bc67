"""Decides which payloads the given bytes contain, and in which formats; produces the text output."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ble_exporter import __version__
from ble_exporter.cli.decode import as_text
from ble_exporter.cli.decode.as_text import SERVICES
from ble_exporter.cli.decode.explain import Explanation, explain
from ble_exporter.cli.decode.guess import embedded, guesses, is_advertising
from ble_exporter.cli.parser import PROGRAM
from ble_exporter.cli.terminal import Painter
from ble_exporter.formats.advertising_data import Structure, structures
from ble_exporter.formats.decoded import ANYTHING, CERTAIN, POSSIBLE, Guess
from ble_exporter.formats.encryption import ADDRESS_SIZE
from ble_exporter.formats.registry import FORMATS
from ble_exporter.utils import number_of

_KEY_SIZE = 16
# The size of the AD type 0xFF and the company identifier, in bytes.
_MANUFACTURER_HEAD = 3


class Decoding:
    """
    The payloads in the given bytes (the user's, or a packet of a capture), and their explanations.

    Args:
        data: The bytes to explain.
        mac: The sender's address; None if it is unknown.
        keys: The keys by address; the entry under the empty string applies to any address.

    Attributes:
        structures: The structures of an advertising payload; empty for service data.
        explanations: The explanations of the payloads that have a known format.
    """

    def __init__(self, data: bytes, mac: str | None, keys: Mapping[str, bytes]) -> None:
        self._data = data
        self._mac = mac
        self._keys = keys
        self.structures: list[Structure] = []
        self.explanations: list[Explanation] = []
        self._unknown = ""
        self._skipped = 0

    @property
    def is_valid(self) -> bool:
        """Whether there is a payload of a known format, all such payloads are valid, and no structure is cut short."""
        is_cut = any(one.missing for one in self.structures)
        return bool(self.explanations) and not is_cut and all(one.is_valid for one in self.explanations)

    def explain(self, service: str | None, how: str) -> None:
        """
        Explain the bytes; `how` describes how the service was found.

        `service` is the UUID of a known format, or the 16-bit UUID of another service; an empty string for a whole
        advertising payload; None to guess.
        """
        if service and service in FORMATS:
            self.explanations.append(self._explanation(service, self._data, how))
        elif service:
            self._unknown = service
        elif service == "" or is_advertising(self._data):
            self.structures = structures(self._data)
            for one in self.structures:
                if one.uuid in FORMATS:
                    start = one.offset + 2 + one.uuid_size
                    explanation = self._explanation(one.uuid, one.service_data, "set by the service data's UUID")
                    self.explanations.append(replace(explanation, start=start))
        else:
            self._guess()

    def _guess(self) -> None:
        found = guesses(self._data)
        inner = embedded(self._data)
        if inner and (not found or found[0].rank > CERTAIN):
            self._skipped, self._data = inner[0], self._data[slice(*inner)]
            self.explain("", "")
            return
        tried = [(guess, self._at_guess(guess)) for guess in found if guess.uuid]
        proven = [(guess, one) for guess, one in tried if one.plaintext is not None]
        if not tried:
            return
        guess, explanation = (proven or tried)[0]
        if proven:
            how = "proven by the key, which decrypts the payload"
            self.explanations.append(replace(explanation, how=how))
        elif guess.rank < ANYTHING:
            # --service applies to all bytes, so a guess that skips the first ones is not offered. If the best guess is
            # CERTAIN or LIKELY, formats of rank ANYTHING, which match any bytes, are not offered either.
            least = POSSIBLE if guess.rank < POSSIBLE else ANYTHING
            also = [other for other in found if other != guess and not other.start and other.rank <= least]
            self.explanations.append(replace(explanation, also=also))

    def _at_guess(self, guess: Guess) -> Explanation:
        how = guess.why if guess.start else f"guessed: {guess.why}"
        return replace(self._explanation(guess.uuid, self._data[guess.start :], how), start=guess.start)

    def _explanation(self, uuid: str, payload: bytes, how: str) -> Explanation:
        address = explain(uuid, payload, self._mac).address
        key = self._keys.get(address) or self._keys.get("")
        cipher = None
        if key is not None:
            from ble_exporter.formats.ciphers import ciphers_of

            cipher = ciphers_of({address: key})[address]
        return replace(explain(uuid, payload, self._mac, cipher), how=how)

    def lines(self, sender: str, notes: Sequence[str], paint: Painter) -> list[str]:
        """
        Return the lines of the output.

        `sender` is the address in the HCI event that holds the bytes, or empty; `notes` say how the text was read.
        """
        lines = [paint(f"{PROGRAM} {__version__}", "bold")]
        lines += [line for note in notes for line in as_text.wrapped(f"note: {note}")]
        if self.structures:
            known = [explanation.format.uuid for explanation in self.explanations]
            where = f", in an HCI event with the sender's address {sender}" if sender else ""
            where += f", after {number_of(self._skipped, 'other byte')}" if self._skipped else ""
            lines += [f"{number_of(len(self._data), 'byte')} of an advertising payload{where}", ""]
            lines += as_text.structure_lines(self._data, self.structures, known)
        for explanation in self.explanations:
            lines += [""] if self.structures else []
            lines += as_text.payload_lines(explanation, paint)
        for one in self.structures:
            if one.missing:
                by = number_of(one.missing, "byte")
                text = f"error: the structure at byte {one.offset} is {by} longer than the rest of the payload"
                lines += ["", paint(text, "bold", "red"), *as_text.dump_lines(self._data, one.offset, 1)]
        if not self.explanations:
            lines += [""] if self.structures else []
            lines += [paint(line, "bold", "red") for line in as_text.wrapped(self._nothing_known())]
            # A key that was pasted instead of a payload must not be shown.
            is_shown = not self.structures and len(self._data) != _KEY_SIZE
            lines += as_text.dump_lines(self._data, 0, 1) if is_shown else []
        return lines

    def _nothing_known(self) -> str:
        services = ", ".join(f"0x{short.upper()}" for short in SERVICES)
        if self.structures:
            return (
                f"error: there is no service data of a known format ({services}); if the bytes are service data only, "
                "give their UUID with --service"
            )
        size = number_of(len(self._data), "byte")
        if self._unknown:
            unknown = f"service data of 0x{self._unknown.upper()}, which has no known format"
            return f"error: {size} of {unknown}; services with a known format: {services}"
        return (
            f"error: {size} of no known format{self._resemblance()}; give the UUID of service data with --service: "
            f"{services}"
        )

    def _resemblance(self) -> str:
        """Return a guess at the nature of bytes that have no known format, to append to the error; may be empty."""
        if len(self._data) == ADDRESS_SIZE:
            return ", perhaps a Bluetooth address (--mac)"
        if len(self._data) == _KEY_SIZE:
            return ", perhaps a key (--key-file)"
        if self._data[:1] == b"\xff" and len(self._data) > _MANUFACTURER_HEAD:
            return ", perhaps manufacturer data, which no known format uses"
        return ", perhaps encrypted BTHome v1, which only its key can confirm" if guesses(self._data) else ""
