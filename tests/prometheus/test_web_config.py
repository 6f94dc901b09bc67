"""promtool and Prometheus agree with the exporter about the web configuration."""

import shutil
from pathlib import Path

import bcrypt
import pytest

from tests.certificates import write_certificates
from tests.web_configurations import cases, write_case

from .exporter import Scan, start_exporter
from .programs import LOCALHOST, Launch, free_ports, wait_for
from .promtool import check
from .server import Prometheus, start_prometheus

pytestmark = pytest.mark.prometheus

_WEB = """\
tls_server_config:
  cert_file: server.crt
  key_file: server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.crt
  client_allowed_sans: [prometheus.example]
basic_auth_users:
  prometheus: HASH
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the certificates."""
    made = tmp_path_factory.mktemp("protected", numbered=False)
    write_certificates(made)
    return made


@pytest.mark.parametrize("case", [*cases("good"), *cases("stricter")])
def test_promtool_accepts_a_good_file(promtool: Path, folder: Path, case: Path) -> None:
    """The exporter accepts the same files, except those that Python can't apply, or that have no effect."""
    verdict = check(promtool, "check", "web-config", write_case(case, folder))
    assert 0 == verdict.status, verdict.output


@pytest.mark.parametrize("case", cases("bad"))
def test_promtool_refuses_a_bad_file(promtool: Path, folder: Path, case: Path) -> None:
    """If promtool accepted a file that the exporter refuses, a file of another exporter might not work here."""
    assert check(promtool, "check", "web-config", write_case(case, folder)).status


_CERTIFIED = {"ca_file": "ca.crt", "cert_file": "client.crt", "key_file": "client.key"}
_KNOWN = {"username": "prometheus", "password": "secret"}
_JOBS: dict[str, dict[str, object]] = {
    "admitted": {"scheme": "https", "tls_config": _CERTIFIED, "basic_auth": _KNOWN},
    "no_certificate": {"scheme": "https", "tls_config": {"ca_file": "ca.crt"}, "basic_auth": _KNOWN},
    "wrong_password": {"scheme": "https", "tls_config": _CERTIFIED, "basic_auth": {**_KNOWN, "password": "guess"}},
    "no_password": {"scheme": "https", "tls_config": _CERTIFIED},
    "distrustful": {"scheme": "https", "tls_config": {**_CERTIFIED, "ca_file": "client.crt"}},
    "plain": {},
}


@pytest.fixture(scope="module")
def observer(promtool: Path, launch: Launch, folder: Path) -> Prometheus:
    """A Prometheus server that scrapes one protected exporter in different ways, after it was admitted once."""
    own, port = free_ports(2)
    hashed = bcrypt.hashpw(b"secret", bcrypt.gensalt(10)).decode()
    (folder / "web.yml").write_text(_WEB.replace("HASH", hashed), encoding="utf-8")
    scan, options = Scan(3600, 3600), ["--web.config.file", str(folder / "web.yml")]
    devices = {"A4:C1:38:00:00:01": "living_room"}
    start_exporter(launch, folder, port, devices=devices, scan=scan, options=options, is_protected=True)
    target = {"static_configs": [{"targets": [f"{LOCALHOST}:{port}"]}]}
    more = [{"job_name": job, **settings, **target} for job, settings in _JOBS.items()]
    program = shutil.which("prometheus") or "prometheus"
    server = start_prometheus(launch, Path(program), folder, own, {}, more=more)
    server.wait_for('up{job="admitted"} == 1')
    wait_for(lambda: len(server.query("up")) == len(_JOBS), "Prometheus has scraped in each way")
    return server


def test_prometheus_is_admitted_with_its_certificate_and_password(observer: Prometheus) -> None:
    """A scrape with TLS, an allowed client certificate and the right password must be answered."""
    assert observer.query('ble_sensor_seen{job="admitted", device="living_room"}')


@pytest.mark.parametrize(
    ("job", "error"),
    [
        ("no_certificate", ""),
        ("wrong_password", "server returned HTTP status 401 Unauthorized"),
        ("no_password", "server returned HTTP status 401 Unauthorized"),
        ("distrustful", "certificate"),
        ("plain", "server returned HTTP status 400 Bad Request"),
    ],
)
def test_nobody_else_is_admitted(observer: Prometheus, job: str, error: str) -> None:
    """Each missing or wrong credential must suffice for a refusal; the answer's status, if any, tells the cause."""
    assert 0 == observer.value(f'up{{job="{job}"}}')
    assert error in observer.target(job)["lastError"]


@pytest.mark.parametrize("kind", ["tls", "unauthorized"])
def test_refusals_are_counted(observer: Prometheus, kind: str) -> None:
    """An operator must be able to see that clients were refused."""
    observer.wait_for(f'ble_exporter_http_errors_total{{job="admitted", kind="{kind}"}} > 0')
