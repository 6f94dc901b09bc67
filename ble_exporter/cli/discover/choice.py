"""Which of the sensors that were heard are added, under which names, and with which keys: what a user is asked."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from ble_exporter.cli.discover.discovered import Sender
from ble_exporter.config.devices import bindkey_problem, name_problem
from ble_exporter.config.editor import NewDevice
from ble_exporter.errors import ConfigError
from ble_exporter.formats.ciphers import ciphers_of
from ble_exporter.parser import decode_each

Ask = Callable[[str], str]
Tell = Callable[[str], None]

NO_KEY = "it encrypts, and no bindkey was given"

_LONGEST_SUGGESTION = 32


class Wish(NamedTuple):
    """
    A sensor that a user named without being asked.

    Attributes:
        address: Upper case, with colons.
        name: Empty where one is to be suggested.
    """

    address: str
    name: str


class Refusal(NamedTuple):
    """
    A sensor that is not added, though a user chose it.

    Attributes:
        address: Its address.
        reason: Why, and where it helps the way out.
    """

    address: str
    reason: str


def chosen(candidates: Sequence[Sender], ask: Ask, tell: Tell) -> list[Sender]:
    """
    Ask which sensors are meant.

    Args:
        candidates: Numbered from 1, in this order.
        ask: Asks for a line of text.
        tell: Says why an answer can't be taken; then it is asked again.
    """
    while True:
        answer = ask("Add which? Numbers, `all`, or Enter for none: ")
        if answer.strip().lower() == "all":
            return list(candidates)
        try:
            numbers = [int(word) for word in re.split(r"[\s,]+", answer) if word]
        except ValueError:
            tell(f"Write numbers from 1 to {len(candidates)}, as `1 3`, or `all`.")
            continue
        outside = [number for number in numbers if not 1 <= number <= len(candidates)]
        if not outside:
            return [candidates[number - 1] for number in dict.fromkeys(numbers)]
        tell(f"There is no {outside[0]}: the numbers go from 1 to {len(candidates)}.")


def named(sensor: Sender, taken: Collection[str], ask: Ask, tell: Tell) -> str:
    """Ask for a sensor's name, which is none of those taken."""
    suggestion = suggested(sensor, taken)
    while True:
        name = ask(f"Name of {sensor.address} [{suggestion}]: ").strip() or suggestion
        problem = name_problem(name) or ("this name is already used; choose another" if name in taken else "")
        if not problem:
            return name
        tell(f"{problem[0].upper()}{problem[1:]}.")


def suggested(sensor: Sender, taken: Collection[str]) -> str:
    """Return a name that is none of those taken: what the sensor calls itself, or the end of its address."""
    words = re.findall(r"\w+", sensor.name.lower())
    name = "_".join(words)[:_LONGEST_SUGGESTION]
    if not name or name_problem(name):
        name = f"sensor_{sensor.address.replace(':', '')[-6:].lower()}"
    number = 1
    unique = name
    while unique in taken:
        number += 1
        unique = f"{name}_{number}"
    return unique


def key_of(sensor: Sender, name: str, ask_hidden: Ask, tell: Tell) -> str:
    """Ask for a sensor's key, until it opens what the sensor sent; empty where the answer is."""
    while True:
        key = ask_hidden(f'Bindkey of "{name}", 32 hex digits, not shown (Enter: leave it out): ').strip()
        if not key:
            return ""
        problem = bindkey_problem(key)
        if problem:
            tell(f"{problem[0].upper()}{problem[1:]}.")
        elif opens(key, sensor, tell):
            return key.lower()
        else:
            tell("That key does not open what the sensor sends; the firmware's page shows the right one.")


def opens(key: str, sensor: Sender, tell: Tell) -> bool:
    """Return whether a key opens what a sensor sent; where that can't be tried, say so, and believe it."""
    if sensor.locked is None:
        return True
    try:
        cipher = ciphers_of({sensor.address: bytes.fromhex(key)})[sensor.address]
    except ConfigError as error:
        tell(f"The key can't be tried: {error}.")
        return True
    _decoded, refused = decode_each(sensor.locked, cipher)
    return not any(error.reason == "wrong_key" for error in refused)


def granted(
    wishes: Iterable[Wish], sensors: Sequence[Sender], configured: Mapping[str, str]
) -> tuple[list[tuple[Sender, str]], list[Refusal]]:
    """
    Return the sensors that were wished for, with their names; and the wishes that can't be granted.

    Args:
        wishes: What a user named.
        sensors: What was heard.
        configured: Address to name of what is configured.
    """
    heard = {sensor.address: sensor for sensor in sensors}
    taken = set(configured.values())
    meant: dict[str, tuple[Sender, str]] = {}
    refused: list[Refusal] = []
    for address, wished in wishes:
        sensor = heard.get(address)
        if address in configured:
            refused.append(Refusal(address, f'it is already configured, as "{configured[address]}"'))
        elif address in meant:
            refused.append(Refusal(address, "it was named twice"))
        elif sensor is None:
            refused.append(
                Refusal(address, "nothing that this program reads was heard of it; listen longer (--seconds)")
            )
        else:
            name = wished or suggested(sensor, taken)
            problem = name_problem(name) or (f'the name "{name}" is already used' if name in taken else "")
            if problem:
                refused.append(Refusal(address, problem))
            else:
                taken.add(name)
                meant[address] = (sensor, name)
    return list(meant.values()), refused


def with_keys(
    meant: Iterable[tuple[Sender, str]], ask_hidden: Ask | None, tell: Tell
) -> tuple[list[NewDevice], list[Refusal]]:
    """
    Ask for the keys of those that encrypt, and return what is to be added, and what is not.

    Args:
        meant: Sensors and their names.
        ask_hidden: Asks for a line that is not shown; None where nobody can be asked.
        tell: Says what is wrong with an answer.
    """
    additions: list[NewDevice] = []
    refused: list[Refusal] = []
    for sensor, name in meant:
        key = key_of(sensor, name, ask_hidden, tell) if sensor.needs_key and ask_hidden else ""
        if sensor.needs_key and not key:
            refused.append(Refusal(sensor.address, NO_KEY))
        else:
            additions.append(NewDevice(sensor.address, name, key))
    return additions, refused
