"""The TLS settings after reading; tests/web_configs/ shows only which files are accepted."""

from pathlib import Path

import pytest

from ble_exporter.config.web_config import load_web_config
from ble_exporter.config.web_tls import CIPHERS, TlsConfig
from ble_exporter.system.files import ReadFiles


def read(folder: Path, *lines: str) -> TlsConfig | None:
    """Return the settings with a certificate, a key and these lines."""
    (folder / "a.crt").write_text("certificate", encoding="utf-8")
    (folder / "a.key").write_text("key", encoding="utf-8")
    path = folder / "web.yml"
    text = "\n  ".join(["tls_server_config:", "cert_file: a.crt", "key_file: a.key", *lines])
    path.write_text(f"{text}\n", encoding="utf-8")
    return load_web_config(str(path), ReadFiles()).tls


def test_the_defaults_are_those_of_the_toolkit(tmp_path: Path) -> None:
    """A file without further keys must mean the same here as for other exporters."""
    expected = TlsConfig(b"certificate", b"key", str(tmp_path / "a.key"))

    assert expected == read(tmp_path)


def test_relative_paths_begin_at_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working directory of a service is not the folder of its files."""
    monkeypatch.chdir("/")
    tls = read(tmp_path)

    assert tls is not None
    assert b"certificate" == tls.certificate


def test_an_absolute_path_is_kept(tmp_path: Path) -> None:
    """Renewal programs keep certificates in folders of their own."""
    (tmp_path / "ca.crt").write_text("authority", encoding="utf-8")
    (tmp_path / "sub").mkdir()
    tls = read(tmp_path / "sub", f"client_ca_file: {tmp_path}/ca.crt", "client_auth_type: VerifyClientCertIfGiven")

    assert tls is not None
    assert b"authority" == tls.client_ca


def test_ciphers_keep_their_order(tmp_path: Path) -> None:
    """The server prefers the cipher suites in this order."""
    names = [name for name in reversed(list(CIPHERS)) if "CHACHA" in name]
    tls = read(tmp_path, f"cipher_suites: [{', '.join(names)}]")

    assert tls is not None
    assert ("ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-ECDSA-CHACHA20-POLY1305") == tls.ciphers


def test_ciphers_of_tls_13_alone_need_tls_13(tmp_path: Path) -> None:
    """A user who lists only cipher suites of TLS 1.3 does not want TLS 1.2."""
    tls = read(tmp_path, "cipher_suites: [TLS_AES_256_GCM_SHA384]")

    assert tls is not None
    assert ((), "TLS13") == (tls.ciphers, tls.min_version)


def test_a_huge_certificate_is_not_read(tmp_path: Path) -> None:
    """A wrong path, such as that of a log, must not fill the memory."""
    (tmp_path / "huge").write_bytes(b"x" * 2_000_000)
    with pytest.raises(ValueError, match=r"client_ca_file: open .*: it has more than 1 MB"):
        read(tmp_path, "client_ca_file: huge", "client_auth_type: VerifyClientCertIfGiven")
