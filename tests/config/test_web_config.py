"""Reading the web configuration; tests/web_configs/ has most examples."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.config.web_config import WebConfig, load_web_config
from ble_exporter.errors import ConfigError
from ble_exporter.exporter.web_file import Loaded, load
from ble_exporter.system.files import ReadFiles
from tests.certificates import write_certificates
from tests.web_configurations import FOLDER, cases, message, write_case

HASH = "$2y$10$qRTBuFoULoYNA7AQ/F3ck.trZBPyjV64.oA4ZsSBCIWvXuvQlQTuu"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the certificates that the files name."""
    made = tmp_path_factory.mktemp("web")
    write_certificates(made)
    return made


def written(text: str, folder: Path) -> WebConfig:
    """Return the configuration with this text."""
    path = folder / "written.yml"
    path.write_text(text, encoding="utf-8")
    return load_web_config(str(path), ReadFiles())


@pytest.mark.parametrize("case", [*cases("good"), *cases("newer")])
def test_a_good_file_is_read(folder: Path, case: Path) -> None:
    """An operator expects the file of another exporter to work here, too."""
    assert isinstance(load(str(write_case(case, folder))), Loaded)


@pytest.mark.parametrize("case", [*cases("bad"), *cases("stricter")])
def test_a_bad_file_is_refused(folder: Path, case: Path) -> None:
    """The message must lead to the fault, if possible in exporter-toolkit's words, which people search for."""
    path = write_case(case, folder)
    with pytest.raises(ConfigError) as refused:
        load(str(path))

    assert message(case, path) == str(refused.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """A mistyped name must not start a server that is open to everybody."""
    with pytest.raises(ConfigError, match=r"absent\.yml: can't be read \(No such file or directory\)"):
        load_web_config(str(tmp_path / "absent.yml"), ReadFiles())


def test_all_errors_are_reported(folder: Path) -> None:
    """An operator must be able to correct the whole file at once."""
    with pytest.raises(ConfigError) as refused:
        written(f"http_server_config:\n  http2: maybe\nbasic_auth_users:\n  a: b\n  c: {HASH}\n", folder)

    assert ["http2", "basic_auth_users"] == [part.key for part in refused.value.parts]


def test_users_and_headers_are_read(folder: Path) -> None:
    """Users and hashes are bytes, because they are compared with received bytes; a header's value may be a number."""
    text = f"basic_auth_users:\n  zoë: {HASH}\nhttp_server_config:\n  headers:\n    X-XSS-Protection: 1\n"
    config = written(text, folder)

    assert ({"zoë".encode(): HASH.encode()}, {"X-XSS-Protection": "1"}) == (config.users, config.headers)


def test_no_header_line_can_be_injected(folder: Path) -> None:
    """A line break would end the header, and begin another one."""
    text = 'http_server_config:\n  headers:\n    X-XSS-Protection: "1\\r\\nSet-Cookie: a=b"\n'
    with pytest.raises(ConfigError, match="a character that is not allowed in a header"):
        written(text, folder)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("http_server_config:\n  http2: true\n", []),
        (f"basic_auth_users:\n  a: {HASH}\n", ["written.yml"]),
        ("tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n", ["server.key"]),
    ],
)
def test_files_with_secrets_are_named(folder: Path, text: str, names: list[str]) -> None:
    """The modes of these files are checked, because a key or a hash would help an attacker."""
    assert names == [Path(path).name for path in written(text, folder).secret_files]


def test_an_inline_key_makes_the_file_secret(folder: Path) -> None:
    """With an inline key, the web configuration itself must not be readable by other users."""
    path = write_case(FOLDER / "newer/inline.yml", folder)

    assert (str(path),) == load_web_config(str(path), ReadFiles()).secret_files


def test_no_secret_is_in_the_representation(folder: Path) -> None:
    """Some tools show the values of variables in a traceback."""
    config = load_web_config(str(write_case(FOLDER / "good/everything.yml", folder)), ReadFiles())

    assert "PRIVATE" not in repr(config)
    assert "$2y$" not in repr(config)


@pytest.fixture(scope="module")
def secret_text(folder: Path) -> str:
    """A web configuration with a private key and two hashes, as people write them: with indented lines."""

    def indented(name: str) -> str:
        return "".join(f"    {line}\n" for line in (folder / name).read_text(encoding="utf-8").splitlines())

    return (
        f"tls_server_config:\n  min_version: TLS12\n  cert: |\n{indented('server.crt')}"
        f"  key: |\n{indented('server.key')}"
        f"  cipher_suites:\n  - TLS_AES_128_GCM_SHA256\nhttp_server_config:\n  headers:\n    X-Frame-Options: deny\n"
        f'basic_auth_users:\n  alice: {HASH}\n  bob: "{HASH}"\n'
    )


@given(st.data())
def test_no_message_quotes_a_secret(folder: Path, secret_text: str, data: st.DataObject) -> None:
    """Errors are logged, and sent to clients that request a reload; whatever the mistake, none may show a secret."""
    lines = secret_text.splitlines()
    number = data.draw(st.integers(0, len(lines) - 1), "line")
    line = lines.pop(number)
    key, _, value = line.strip().partition(": ")
    cut = data.draw(st.integers(0, len(line)), "cut")
    mark = data.draw(st.sampled_from(["", "\n", ": ", '"', " #", "\t", "- ", "{", "*"]), "mark")
    slip = st.sampled_from([f"{value}: {key}", line.strip(), f"    {line}", line[:cut] + mark + line[cut:], line[:cut]])
    lines.insert(data.draw(st.sampled_from([number, number - 1, number + 1, 0, len(lines)]), "place"), data.draw(slip))
    texts = [*(folder / "server.key").read_text(encoding="utf-8").splitlines()[1:-1], HASH]
    parts = [text[start : start + 12] for text in texts for start in range(max(1, len(text) - 11))]
    message = ""
    try:
        written("\n".join(lines), folder)
    except ConfigError as error:
        message = str(error)

    assert [] == [part for part in parts if part in message]


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
def test_any_file_is_read_or_refused(data: bytes) -> None:
    """Whatever a half-written file contains, a reload must not end the service."""
    with tempfile.NamedTemporaryFile(suffix=".yml") as file:
        file.write(data)
        file.flush()
        try:
            read = load_web_config(file.name, ReadFiles())
        except ConfigError:
            read = None

    assert read is None or isinstance(read, WebConfig)
