"""The editor of the configuration: it adds devices, changes nothing else, and the result is always valid."""

import os
import stat
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from ble_exporter.config.app_config import load_config, parse_config
from ble_exporter.config.devices import name_problem
from ble_exporter.config.editor import NewDevice, add_devices, check_can_add, insert_devices, yaml_lines
from ble_exporter.errors import ConfigError
from tests.conftest import HERE

HEAD = "scan_interval_seconds: 30\nscan_duration_seconds: 5\nlisten_port: 8000\n"
LIVING_ROOM = "A4:C1:38:00:00:01"
CELLAR = "A4:C1:38:00:00:0C"
KEY = "00112233445566778899aabbccddeeff"
ADDITION = NewDevice(CELLAR, "cellar")
LOCKED = NewDevice("A4:C1:38:00:00:0D", "attic", KEY)
GOOD = sorted((HERE / "configs" / "additions").glob("*.yaml"))


def devices_of(content: bytes) -> dict[str, str]:
    """Return the devices of a configuration: address → name."""
    return dict(parse_config("config.yaml", content).devices)


def text_with(text: str, *additions: NewDevice) -> str:
    """Return the text of a configuration after adding devices; by default, the cellar."""
    return insert_devices("config.yaml", text.encode(), additions or [ADDITION]).decode()


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_device_is_added_in_this_way(path: Path) -> None:
    """The user's file must keep its style; each case has the old content, a line of dashes, and the new content."""
    before, _, after = path.read_bytes().partition(b"# ---------- becomes\n")

    assert after.decode() == insert_devices("config.yaml", before, [ADDITION, LOCKED]).decode()


def test_a_windows_file_stays_one() -> None:
    """Mixed line breaks confuse text editors."""
    text = (HEAD + f'devices:\n  "{LIVING_ROOM}": "x"\n').replace("\n", "\r\n")

    assert text + f'  "{CELLAR}": "cellar"\r\n' == text_with(text)


def test_a_last_line_without_an_end_gets_one() -> None:
    """Without a line break, the new device would become part of the last line."""
    text = HEAD + f'devices:\n  "{LIVING_ROOM}": "x"'

    assert text + f'\n  "{CELLAR}": "cellar"\n' == text_with(text)


def test_a_byte_order_mark_stays() -> None:
    """Notepad writes a byte order mark, which must neither be lost nor shift the place of the new line."""
    text = "\ufeff" + HEAD + f'devices:\n  "{LIVING_ROOM}": "x"\n'

    assert text + f'  "{CELLAR}": "cellar"\n' == text_with(text)


@pytest.mark.parametrize(
    "name",
    ['say "x"', "back\\slash", "a: b", "# no comment", "Küche 🌡", "厨房", "no", "12:30", "{x}", "'", "- x", "&a"],
)
def test_a_name_may_be_anything_printable(name: str) -> None:
    """Without quotes, YAML reads most of these names as something else."""
    text = text_with(HEAD + f'devices:\n  "{LIVING_ROOM}": "x"\n', NewDevice(CELLAR, name))

    assert {LIVING_ROOM: "x", CELLAR: name} == devices_of(text.encode())


@pytest.mark.parametrize("written", [f'"{LIVING_ROOM}"', f"'{LIVING_ROOM.lower()}'", LIVING_ROOM])
def test_a_device_that_is_listed_is_not_added_again(written: str) -> None:
    """The file may have the address in lower case or without quotes, and a second entry would make the file invalid."""
    with pytest.raises(ConfigError, match=f"config.yaml: devices: {LIVING_ROOM} is already listed; change its line"):
        text_with(HEAD + f"devices:\n  {written}: x\n", NewDevice(LIVING_ROOM, "y"))


def test_a_device_is_not_added_twice() -> None:
    """If one device is given two names, it is unclear which one the user means."""
    with pytest.raises(ConfigError, match=f"{CELLAR} is already listed"):
        text_with(HEAD + "devices: {}\n", ADDITION, NewDevice(CELLAR, "y"))


def test_a_name_that_is_used_is_refused() -> None:
    """Two devices with one name would share their series."""
    with pytest.raises(ConfigError, match='the name "x" is already used; choose another'):
        text_with(HEAD + f"devices:\n  '{LIVING_ROOM}': x\n", NewDevice(CELLAR, "x"))


@pytest.mark.parametrize(
    ("addition", "words"),
    [
        (NewDevice(CELLAR, " "), "the name is empty"),
        (NewDevice(CELLAR, "a\x07"), "control character"),
        (NewDevice(CELLAR, KEY), "a bindkey is written in place of the name"),
        (NewDevice(CELLAR, "x", KEY[:-1]), "it has 31 characters, not 32"),
    ],
)
def test_what_the_service_would_refuse_is_not_written(addition: NewDevice, words: str) -> None:
    """The service would not start with an invalid name or bindkey, and the message must not show a bindkey."""
    with pytest.raises(ConfigError, match=f"config.yaml: devices: {CELLAR}: .*{words}") as error:
        text_with(HEAD + "devices: {}\n", addition)
    assert KEY[:8] not in str(error.value)


def test_a_key_after_a_question_mark_is_refused() -> None:
    """After an explicit key (`? key`), the new line would have the wrong indentation."""
    with pytest.raises(ConfigError, match=r"devices: can't be extended safely as it is written; add the devices"):
        text_with(HEAD + f'devices:\n  ? "{LIVING_ROOM}"\n  : "x"\n')


ADDRESSES = st.integers(0, 2**48 - 1).map(lambda number: number.to_bytes(6, "big").hex(":").upper())
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=8).filter(
    lambda name: name.strip() and not name_problem(name)
)


@st.composite
def configurations(draw: st.DrawFn) -> tuple[bytes, dict[str, str]]:
    """Draw a configuration in a random style, and the devices in it."""
    devices = draw(st.dictionaries(ADDRESSES, NAMES, min_size=1, max_size=4).filter(_names_are_unique))
    margin = " " * draw(st.integers(1, 5))
    noise = st.sampled_from(["", "", "   ", "# a: {b", "    # devices:", "#"])
    lines = []
    for address, name in devices.items():
        written = draw(st.sampled_from([f'"{address}"', f"'{address.lower()}'"]))
        value = yaml.safe_dump(name, allow_unicode=True, default_style=draw(st.sampled_from("'\""))).strip()
        mapping = draw(
            st.sampled_from([f" {value}", f" {{name: {value}}}", f"\n{margin}  name: {value}", f"\n {margin}{value}"])
        )
        comment = draw(st.sampled_from(["", "  # 1 °C: too warm"]))
        lines += [f"{margin}{written}:{mapping}{comment}", draw(noise)]
    blocks = [
        "scan_interval_seconds: 30",
        "scan_duration_seconds: 5",
        "listen_port: 8000",
        "\n".join(["devices:", *lines]),
    ]
    blocks = [part for block in draw(st.permutations(blocks)) for part in (draw(noise), block)]
    text = "\n".join(blocks) + draw(st.sampled_from(["", "\n", "\n\n# end", "\n...\n"]))
    return text.replace("\n", draw(st.sampled_from(["\n", "\r\n"]))).encode(), devices


def _names_are_unique(devices: dict[str, str]) -> bool:
    return len(set(devices.values())) == len(devices)


@given(
    configurations(), st.dictionaries(ADDRESSES, NAMES, min_size=1, max_size=3).filter(_names_are_unique), st.booleans()
)
def test_every_old_line_stays_and_every_new_device_is_added(
    configuration: tuple[bytes, dict[str, str]], more: dict[str, str], locked: bool
) -> None:
    """The user's comments and order must stay, in any style of file."""
    content, old = configuration
    new = {address: name for address, name in more.items() if address not in old and name not in old.values()}
    additions = [NewDevice(address, name, KEY if locked else "") for address, name in new.items()]

    after = insert_devices("config.yaml", content, additions)

    lines = iter(after.splitlines())
    assert [] == [line for line in content.splitlines() if line not in lines]
    assert {**old, **new} == devices_of(after)
    assert dict.fromkeys(new if locked else {}, bytes.fromhex(KEY)) == parse_config("config.yaml", after).keys


@example(b"devices:")
@example(b"{}")
@given(st.binary(max_size=40))
def test_any_bytes_give_a_configuration_or_a_config_error(content: bytes) -> None:
    """A file may contain any bytes, and none may cause a traceback."""
    try:
        after = insert_devices("config.yaml", content, [ADDITION])
    except ConfigError:
        return
    assert not content.strip()
    assert {CELLAR: "cellar"} == devices_of(after)


def test_a_missing_file_is_created_complete(tmp_path: Path) -> None:
    """A new user must be able to start the service with the created file."""
    path = tmp_path / "config.yaml"

    assert {} == check_can_add(str(path)).devices
    add_devices(str(path), [ADDITION])

    config = load_config(str(path))
    assert {CELLAR: "cellar"} == config.devices
    assert "auto" == config.stale_after_seconds
    assert 0o666 & ~_umask() == stat.S_IMODE(path.stat().st_mode)
    assert [path] == list(tmp_path.iterdir())


def test_a_file_with_a_key_is_not_for_others(tmp_path: Path) -> None:
    """Anybody who can read the key can forge the sensor's packets."""
    new, old = tmp_path / "new.yaml", tmp_path / "old.yaml"
    old.write_text(HEAD + f"devices:\n  '{LIVING_ROOM}': x\n")
    old.chmod(0o664)

    for path in (new, old):
        add_devices(str(path), [LOCKED])

    assert ["0o600", "0o640"] == [oct(stat.S_IMODE(path.stat().st_mode)) for path in (new, old)]


def test_without_a_key_the_mode_stays(tmp_path: Path) -> None:
    """A service that runs as another user must still be able to read the file."""
    path = tmp_path / "config.yaml"
    path.write_text(HEAD + "devices:\n")
    path.chmod(0o664)

    add_devices(str(path), [ADDITION])

    assert "0o664" == oct(stat.S_IMODE(path.stat().st_mode))


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """Some users keep the file in a repository, and link to it."""
    (tmp_path / "kept").mkdir()
    kept, link = tmp_path / "kept" / "real.yaml", tmp_path / "config.yaml"
    kept.write_text(HEAD + "devices:\n")
    link.symlink_to(kept)

    add_devices(str(link), [ADDITION])

    assert link.is_symlink()
    assert {CELLAR: "cellar"} == load_config(str(kept)).devices


def test_the_lines_to_add_by_hand_are_yaml() -> None:
    """If the file can't be written, the user pastes these lines below `devices:`."""
    text = HEAD + "devices:\n" + yaml_lines([ADDITION, LOCKED])

    assert {CELLAR: "cellar", LOCKED.address: "attic"} == devices_of(text.encode())
    assert {LOCKED.address: bytes.fromhex(KEY)} == parse_config("config.yaml", text.encode()).keys


def test_the_present_configuration_is_returned(tmp_path: Path) -> None:
    """`discover` marks the sensors that are already in the file."""
    path = tmp_path / "config.yaml"
    path.write_text(HEAD + f"devices:\n  '{LIVING_ROOM}': x\n")

    assert load_config(str(path)) == check_can_add(str(path))


@pytest.mark.parametrize("devices", ["devices: {}", "devices:", "devices: null # none", "", "devices: {\n # none\n }"])
def test_a_file_without_devices_can_be_added_to(tmp_path: Path, devices: str) -> None:
    """`discover` must be able to add the first devices."""
    path = tmp_path / "config.yaml"
    path.write_text(HEAD + devices)

    assert {} == check_can_add(str(path)).devices
    add_devices(str(path), [ADDITION])

    assert {CELLAR: "cellar"} == load_config(str(path)).devices


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("scan_interval_seconds: x\ndevices: {}\n", "scan_duration_seconds: mandatory key is missing"),
        (HEAD + "devices: {}\nlog_level: loud\n", ":5: log_level: "),
        (HEAD + "log_level: loud\n", ":4: log_level: "),
        (HEAD + "devices: living_room\n", ":4: devices: the devices are not indented"),
        (HEAD + f"devices:\n  ? '{LIVING_ROOM}'\n  : x\n", "can.t be extended safely"),
        (HEAD.replace(":", "", 1), "a space is missing|a colon is missing"),
        (HEAD + "...\n", "config.yaml: devices: mandatory key is missing; add"),
        ("{" + HEAD.replace("\n", ", ") + "}", "config.yaml: devices: mandatory key is missing; add"),
    ],
)
def test_a_file_that_can_not_be_added_to_is_refused_immediately(tmp_path: Path, content: str, words: str) -> None:
    """The error, with its line in the file, must come before the user waits for sensors and chooses some."""
    path = tmp_path / "config.yaml"
    path.write_text(content)

    with pytest.raises(ConfigError, match=words):
        check_can_add(str(path))


def test_a_place_that_is_no_file_is_refused_immediately(tmp_path: Path) -> None:
    """The user must learn of the wrong place before waiting for sensors and answering questions."""
    with pytest.raises(ConfigError, match=r"it is a folder, not a file\); check the path"):
        check_can_add(str(tmp_path))
    with pytest.raises(ConfigError, match="its folder does not exist, or this user can't write there"):
        check_can_add(str(tmp_path / "nowhere" / "config.yaml"))


@pytest.mark.parametrize(
    ("place", "problem"),
    [
        ("new/", "it is the name of a folder, not of a file"),
        ("loop", r"can't be read \(Too many levels of symbolic links\)"),
        ("file/config.yaml", r"can't be read \(Not a directory\)"),
    ],
)
def test_a_place_where_no_file_can_be_is_refused_immediately(tmp_path: Path, place: str, problem: str) -> None:
    """Writing would fail only after the user has waited for sensors and answered questions."""
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")

    with pytest.raises(ConfigError, match=problem):
        check_can_add(f"{tmp_path}/{place}")


def test_a_file_that_can_not_be_read_is_refused_immediately(tmp_path: Path) -> None:
    """If an unreadable file, here a named pipe, were overwritten, its devices would be lost."""
    os.mkfifo(tmp_path / "config.yaml")

    with pytest.raises(ConfigError, match=r"can't be read \(it is a named pipe, not a file\)"):
        check_can_add(str(tmp_path / "config.yaml"))


def test_no_device_is_added_beyond_the_limit() -> None:
    """The service would refuse a file with more devices."""
    lines = [f'  "A4:C1:{number.to_bytes(4, "big").hex(":").upper()}": "s{number}"\n' for number in range(10_000)]

    with pytest.raises(ConfigError, match=r"devices: more than 10,000 devices; remove some, or run a second exporter"):
        text_with(f"{HEAD}devices:\n{''.join(lines)}")


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask
