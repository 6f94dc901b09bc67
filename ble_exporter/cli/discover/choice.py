"""Choose the sensors to add, with their names and bindkeys: ask the user, and check the answers."""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import chain, count
from typing import NamedTuple

from ble_exporter.cli.discover.discovered import ConfiguredNames, DiscoveredDevice
from ble_exporter.config.devices import bindkey_problem, name_problem
from ble_exporter.config.editor import NewDevice
from ble_exporter.errors import ConfigError
from ble_exporter.formats.ciphers import ciphers_of
from ble_exporter.parser import decode_each

Ask = Callable[[str], str]
"""Asks the user a question, and returns the line of text that the user enters."""

Tell = Callable[[str], None]
"""Shows the user a message, for example why an answer is invalid."""

NO_KEY = "it sends encrypted packets, and no bindkey was given"

_MAX_SUGGESTION_LENGTH = 32


class DeviceRequest(NamedTuple):
    """An argument of --add: a sensor to add."""

    address: str  # upper case, with colons
    name: str  # empty to use the suggested name


class Refusal(NamedTuple):
    """A sensor that the user chose but that is not added, and the reason, with a hint if there is one."""

    address: str
    reason: str


def choose_devices(candidates: Sequence[DiscoveredDevice], ask: Ask, tell: Tell) -> list[DiscoveredDevice]:
    """Ask for the numbers of the sensors to add, counted from 1, until the answer is valid; return these sensors."""
    while True:
        answer = ask("Add which? Numbers, `all`, or Enter for none: ")
        if answer.strip().lower() == "all":
            return list(candidates)
        try:
            numbers = [int(word) for word in re.split(r"[\s,]+", answer) if word]
        except ValueError:
            tell(f"Write {_numbers(len(candidates))}, or `all`.")
            continue
        outside = [number for number in numbers if not 1 <= number <= len(candidates)]
        if not outside:
            return [candidates[number - 1] for number in dict.fromkeys(numbers)]
        tell(f"There is no sensor {outside[0]}; write {_numbers(len(candidates))}.")


def _numbers(count: int) -> str:
    return "1" if count == 1 else f"numbers from 1 to {count}, separated by spaces"


def ask_name(sensor: DiscoveredDevice, taken: Collection[str], ask: Ask, tell: Tell) -> str:
    """Ask for a sensor's name until the answer is valid and not taken; return the name."""
    suggestion = suggest_name(sensor, taken)
    while True:
        name = ask(f"Name of {sensor.address} [{suggestion}]: ").strip() or suggestion
        problem = name_problem(name) or ("this name is already used; choose another" if name in taken else "")
        if not problem:
            return name
        tell(_sentence(problem))


def suggest_name(sensor: DiscoveredDevice, taken: Collection[str]) -> str:
    """Return a name that is not taken, derived from the sensor's advertised name or from its address."""
    words = re.findall(r"\w+", sensor.name.lower())
    name = "_".join(words)[:_MAX_SUGGESTION_LENGTH]
    if not name or name_problem(name):
        name = f"sensor_{sensor.address.replace(':', '')[-6:].lower()}"
    numbered = (f"{name}_{number}" for number in count(2))
    return next(unique for unique in chain([name], numbered) if unique not in taken)


def ask_bindkey(sensor: DiscoveredDevice, name: str, ask_hidden: Ask, tell: Tell) -> str:
    """Ask for a bindkey until the answer is right, as far as that can be tested, or empty; return the answer."""
    while True:
        key = ask_hidden(f'Bindkey of "{name}", 32 hex digits, not shown (Enter: skip this sensor): ').strip()
        if not key:
            return ""
        problem = bindkey_problem(key)
        if problem:
            tell(_sentence(problem))
        elif can_decrypt(key, sensor, tell):
            return key.lower()
        else:
            tell("This key does not decrypt the sensor's packets; the firmware's page shows the right key.")


def can_decrypt(key: str, sensor: DiscoveredDevice, tell: Tell) -> bool:
    """Return whether a bindkey decrypts the sensor's packet; True if that can't be tested."""
    if sensor.undecrypted is None:
        return True
    try:
        cipher = ciphers_of({sensor.address: bytes.fromhex(key)})[sensor.address]
    except ConfigError as error:
        tell(f"The key can't be tested: {error}.")
        return True
    _decoded, refused = decode_each(sensor.undecrypted, cipher)
    return not any(error.reason == "wrong_key" for error in refused)


def resolve_requests(
    requests: Iterable[DeviceRequest], sensors: Sequence[DiscoveredDevice], configured: ConfiguredNames
) -> tuple[list[tuple[DiscoveredDevice, str]], list[Refusal]]:
    """Return the requested sensors that can be added, with their names, and the refused requests."""
    heard = {sensor.address: sensor for sensor in sensors}
    taken = set(configured.values())
    resolved: dict[str, tuple[DiscoveredDevice, str]] = {}
    refused: list[Refusal] = []
    for address, requested_name in requests:
        sensor = heard.get(address)
        if address in configured:
            problem = f'it is already configured, as "{configured[address]}"'
        elif address in resolved:
            problem = "it was given twice"
        elif sensor is None:
            problem = "no packet of a known format was received from it; listen longer (--seconds)"
        else:
            name = requested_name or suggest_name(sensor, taken)
            problem = name_problem(name) or (f'the name "{name}" is already used' if name in taken else "")
            if not problem:
                taken.add(name)
                resolved[address] = (sensor, name)
                continue
        refused.append(Refusal(address, problem))
    return list(resolved.values()), refused


def ask_bindkeys(
    chosen: Iterable[tuple[DiscoveredDevice, str]], ask_hidden: Ask | None, tell: Tell
) -> tuple[list[NewDevice], list[Refusal]]:
    """
    Ask for missing bindkeys, unless `ask_hidden` is None.

    Returns:
        The devices to add, and the sensors that lack a bindkey.
    """
    devices: list[NewDevice] = []
    refused: list[Refusal] = []
    for sensor, name in chosen:
        key = ask_bindkey(sensor, name, ask_hidden, tell) if sensor.needs_key and ask_hidden else ""
        if sensor.needs_key and not key:
            refused.append(Refusal(sensor.address, NO_KEY))
        else:
            devices.append(NewDevice(sensor.address, name, key))
    return devices, refused


def _sentence(problem: str) -> str:
    return f"{problem[0].upper()}{problem[1:]}."
