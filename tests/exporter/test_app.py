"""The HTTP server, over real connections."""

import asyncio
import gzip
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import NamedTuple, TypeVar

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from ble_exporter import __version__
from ble_exporter.config.app_config import AppConfig
from ble_exporter.errors import ConfigError
from ble_exporter.exporter.app import CONFIG, StatusTracker, create_app
from ble_exporter.exporter.page.files import FILES, PageFile
from ble_exporter.metrics import update_metrics
from ble_exporter.status.device_status import DeviceStatus
from ble_exporter.status.liveness import Liveness
from ble_exporter.system.port import WebOptions
from tests.home import Home

Result = TypeVar("Result")


def get(
    app: web.Application, path: str, read: Callable[[ClientResponse], Awaitable[Result]], **headers: str
) -> tuple[ClientResponse, Result]:
    """Serve the application on a free port, request one path, and return the response and its content."""

    async def ask() -> tuple[ClientResponse, Result]:
        async with TestClient(TestServer(app), auto_decompress=False) as client:
            sent = {name.replace("_", "-"): text for name, text in headers.items()}
            response = await client.get(path, headers=sent, skip_auto_headers=["Accept", "Accept-Encoding"])
            return response, await read(response)

    return asyncio.run(ask())


@pytest.fixture
def app(app_config: AppConfig) -> web.Application:
    """The application with one reading."""
    home = Home()
    home.hear({"temperature": 21.5})
    return create_app(app_config, collectors={"readings": home.readings})


def test_the_configuration_is_in_the_application(app: web.Application, app_config: AppConfig) -> None:
    """The key is public API, and existing users rely on it."""
    assert app_config is app[CONFIG]


def test_metrics_by_default_are_the_text_format(app: web.Application) -> None:
    """`curl` must show the same values that Prometheus scrapes."""
    response, body = get(app, "/metrics", ClientResponse.text)

    assert (200, "text/plain; version=0.0.4; charset=utf-8") == (response.status, response.headers["Content-Type"])
    assert 'ble_sensor_temperature_celsius{device="attic"} 21.5' in body.splitlines()


@pytest.mark.parametrize("path", ["/metrics", "/status", "/history", "/", "/readyz"])
def test_each_answer_has_the_packets_received_until_then(app_config: AppConfig, path: str) -> None:
    """The radio delivers packets a few seconds late if nobody asks for them."""
    home, caught_up = Home(), list[str]()

    def catch_up() -> None:
        caught_up.append(path)
        home.hear({"temperature": 21.5})

    app = create_app(app_config, collectors={"readings": home.readings}, catch_up=catch_up)
    _, body = get(app, path, ClientResponse.text)

    assert [path] == caught_up
    assert ("ble_sensor_temperature_celsius" in body) == (path == "/metrics")


def test_metrics_are_openmetrics_if_requested(app: web.Application) -> None:
    """Prometheus prefers OpenMetrics, and a client must get the format that it prefers."""
    response, body = get(app, "/metrics", ClientResponse.text, Accept="application/openmetrics-text;version=1.0.0")

    assert "application/openmetrics-text; version=1.0.0; charset=utf-8" == response.headers["Content-Type"]
    assert body.endswith("# EOF\n")


def test_metrics_are_compressed_if_accepted(app: web.Application) -> None:
    """Prometheus accepts gzip by default; the header Vary shows caches that the answers differ."""
    response, body = get(app, "/metrics", ClientResponse.read, Accept_Encoding="gzip")

    assert ("gzip", "Accept, Accept-Encoding") == (response.headers["Content-Encoding"], response.headers["Vary"])
    assert b'ble_sensor_temperature_celsius{device="attic"} 21.5' in gzip.decompress(body)


def test_metrics_are_plain_if_gzip_is_refused(app: web.Application) -> None:
    """A client that can't decompress gzip would receive unreadable data."""
    response, body = get(app, "/metrics", ClientResponse.read, Accept_Encoding="gzip;q=0")

    assert "Content-Encoding" not in response.headers
    assert body.startswith(b"# HELP")


@pytest.mark.parametrize("accept", ["application/openmetrics-text;version=abc", ";;q=", "*/*;q=nan", "\xff"])
def test_an_odd_accept_header_is_no_error(app: web.Application, accept: str) -> None:
    """A status of 500 would cause a gap in every graph."""
    response, _ = get(app, "/metrics", ClientResponse.read, Accept=accept)

    assert (200, "text/plain") == (response.status, response.content_type)


def test_metrics_without_collectors_are_those_of_the_default_registry(app_config: AppConfig) -> None:
    """Programs rely on this public API: `update_metrics` takes readings, and `create_app(config)` serves them."""
    update_metrics("default registry", {"temperature": 20.5})

    _, body = get(create_app(app_config), "/metrics", ClientResponse.text)

    assert 'ble_sensor_temperature_celsius{device="default registry"} 20.5' in body.splitlines()


def test_a_registry_can_be_a_collector(app_config: AppConfig) -> None:
    """A caller may use its own registry in place of the default one."""
    registry = CollectorRegistry()
    update_metrics("attic", {"temperature": 20.5}, registry)

    _, body = get(create_app(app_config, collectors={"test": registry}), "/metrics", ClientResponse.text)

    assert 'ble_sensor_temperature_celsius{device="attic"} 20.5' in body.splitlines()


def test_healthz_is_ok_while_the_application_runs(app: web.Application) -> None:
    """The path is public API, and existing installations rely on it."""
    response, body = get(app, "/healthz", ClientResponse.text)

    assert (200, "ok") == (response.status, body)


def test_readyz_is_not_ready_before_the_first_scan_has_ended(app: web.Application) -> None:
    """Before the first scan has ended, all sensors seem to be missing, and a deployment must wait."""
    response, body = get(app, "/readyz", ClientResponse.text)

    assert (503, "text/plain", "the first scan has not ended yet") == (response.status, response.content_type, body)


@pytest.mark.parametrize(
    ("age_s", "status", "text"),
    [(80, 200, "ready"), (95, 503, "the last scan ended 95 s ago; a scan is due every 30 s")],
)
def test_readyz_is_ready_while_scans_end_in_time(app_config: AppConfig, age_s: int, status: int, text: str) -> None:
    """A program that serves HTTP but no longer hears sensors is useless, which /healthz does not show."""
    now = [1000.0]
    liveness = Liveness(30, 5, lambda: now[0])
    liveness.scan_ended()
    now[0] += age_s

    response, body = get(create_app(app_config, liveness=liveness), "/readyz", ClientResponse.text)
    health, _ = get(create_app(app_config, liveness=liveness), "/healthz", ClientResponse.text)

    assert (response.status, body, health.status) == (status, text, 200)


def test_status_shows_the_last_scan(app_config: AppConfig) -> None:
    """Client programs rely on these keys and types; the first four are public API."""
    tracker = StatusTracker(30, 5, last_scan_timestamp=1716480000, devices_seen=2)

    response, body = get(create_app(app_config, tracker), "/status", ClientResponse.json)

    assert "application/json" == response.content_type
    assert body == {
        "scan_interval_seconds": 30,
        "scan_duration_seconds": 5,
        "last_scan_timestamp": 1716480000,
        "devices_seen": 2,
        "ready": False,
        "ready_text": "the first scan has not ended yet",
        "version": __version__,
        "rejections": [],
        "devices": body["devices"],
    }


def test_status_shows_the_state_of_each_device(app_config: AppConfig) -> None:
    """A user looks for exactly the device that was never heard, so the list must include it."""
    _, body = get(create_app(app_config), "/status", ClientResponse.json)

    assert [(name, "never_heard") for name in app_config.devices.values()] == [
        (device["name"], device["state"]) for device in body["devices"]
    ]


def test_status_before_the_first_scan_has_no_timestamp(app_config: AppConfig) -> None:
    """Before the first scan, there must be no date in 1970."""
    _, body = get(create_app(app_config), "/status", ClientResponse.json)

    assert (None, 0) == (body["last_scan_timestamp"], body["devices_seen"])


def test_the_index_leads_to_everything(app: web.Application) -> None:
    """Users open this page first, and must find all other paths from it."""
    response, body = get(app, "/", ClientResponse.text)

    assert (200, "text/html; charset=utf-8") == (response.status, response.headers["Content-Type"])
    assert __version__ in body
    assert "Reason: the first scan has not ended yet." in body
    for path in ("metrics", "status", "history", "healthz", "readyz"):
        assert f'href="{path}"' in body


def test_the_index_shows_the_age_of_the_last_scan(app_config: AppConfig) -> None:
    """A new user first asks whether any device is heard, and when the last scan ended."""
    tracker = StatusTracker(30, 5, last_scan_timestamp=int(time.time()) - 180, devices_seen=1)

    _, body = get(create_app(app_config, tracker), "/", ClientResponse.text)

    assert "0 of 2 devices heard" in body
    assert "The last scan ended 3 min ago." in body


def test_readiness_is_the_same_everywhere(app_config: AppConfig) -> None:
    """A user who reads "ready" in one place, and gets 503 in another, can trust neither."""
    now = 0.0
    liveness = Liveness(30, 5, lambda: now)
    liveness.scan_started()
    liveness.scan_ended()
    found = [readiness(app_config, liveness)]
    now = 100.0
    found.append(readiness(app_config, liveness))

    stalled = "the last scan ended 100 s ago; a scan is due every 30 s"
    assert [((200, "ready"), (True, "ready"), ""), ((503, stalled), (False, stalled), f"Reason: {stalled}.")] == found


def readiness(config: AppConfig, liveness: Liveness) -> tuple[tuple[int, str], tuple[bool, str], str]:
    """Return the readiness that /readyz, /status and the page report."""
    answer, text = get(create_app(config, liveness=liveness), "/readyz", ClientResponse.text)
    _, status = get(create_app(config, liveness=liveness), "/status", ClientResponse.json)
    _, page = get(create_app(config, liveness=liveness), "/", ClientResponse.text)
    reason = re.search('<p id="reason">(.*)</p>', page)
    return (answer.status, text), (status["ready"], status["ready_text"]), reason[1] if reason else "no paragraph"


def test_the_address_of_the_page_has_its_order(app_config: AppConfig) -> None:
    """Without JavaScript, the links in the table's header sort the rows; with JavaScript, a reload keeps the order."""
    orders = []
    for query in ("", "?sort=device", "?sort=-device", "?sort=no_such_column"):
        _, body = get(create_app(app_config), f"/{query}", ClientResponse.text)
        orders.append(re.findall('<th role="rowheader"[^>]*><bdi>([^<]*)', body))

    configured = list(app_config.devices.values())
    assert [configured, sorted(configured), sorted(configured, reverse=True), configured] == orders


def test_nothing_on_the_page_may_run_except_its_own_script(app: web.Application) -> None:
    """No name can become a script, and no other page can embed this one."""
    response, _ = get(app, "/", ClientResponse.read)

    assert (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ) == response.headers["Content-Security-Policy"]
    assert "no-referrer" == response.headers["Referrer-Policy"]


@pytest.mark.parametrize("path", ["/", "/status", "/history"])
def test_current_data_is_not_cached(app: web.Application, path: str) -> None:
    """A browser that cached these answers would show old values."""
    response, _ = get(app, path, ClientResponse.read)

    assert "no-store" == response.headers["Cache-Control"]


@pytest.mark.parametrize(("name", "file"), FILES.items(), ids=str)
def test_each_file_of_the_page_is_served(app: web.Application, name: str, file: PageFile) -> None:
    """The page needs each file unchanged, and a browser does not run a script with another media type."""
    response, body = get(app, f"/{name}", ClientResponse.read)

    assert (200, file.content_type, file.body) == (response.status, response.content_type, body)
    assert "no-cache" == response.headers["Cache-Control"]


@pytest.mark.parametrize(
    ("known", "status"), [('"{0}"', 304), ('"other", W/"{0}"', 304), ("*", 304), ('"other"', 200), ("{0}", 200)]
)
def test_a_file_that_the_browser_has_is_not_sent_again(app: web.Application, known: str, status: int) -> None:
    """The browser asks each time, so that a new version shows immediately; the usual answer is a short 304."""
    file = FILES["script.js"]

    response, body = get(app, "/script.js", ClientResponse.read, If_None_Match=known.format(file.etag))

    assert (status, f'"{file.etag}"') == (response.status, response.headers["ETag"])
    assert (b"" if status == 304 else file.body) == body


def test_the_history_is_that_of_the_last_hour(app_config: AppConfig) -> None:
    """The page draws its line charts from these values."""
    home = Home(*app_config.devices.values())
    home.hear({"temperature": 21.51}, device="living_room")
    status = DeviceStatus(home.devices.values(), home.clock)
    before = time.time()

    _, body = get(create_app(app_config, status=status), "/history", ClientResponse.json)

    assert before <= body.pop("timestamp_seconds") <= time.time()
    assert {
        "step_seconds": 60,
        "devices": [
            {
                "name": "living_room",
                "address": "A4:C1:38:00:00:01",
                "measurements": {"temperature": [None] * 59 + [21.51]},
            },
            {"name": "bedroom", "address": "A4:C1:38:00:00:02", "measurements": {}},
        ],
    } == body


def test_a_history_of_the_minute_before_is_not_sent_again(app_config: AppConfig) -> None:
    """An answer may be up to a second old, but its last point must be of the current minute."""
    home = Home(*app_config.devices.values())
    home.hear({"temperature": 21.5}, device="living_room")
    app = create_app(app_config, status=DeviceStatus(home.devices.values(), home.clock))

    async def history() -> list[float | None]:
        async with TestClient(TestServer(app)) as client:
            await client.get("/history")
            home.now += 60
            body = await (await client.get("/history")).json()
        points: list[float | None] = body["devices"][0]["measurements"]["temperature"]
        return points[-2:]

    assert [21.5, None] == asyncio.run(history())


PATHS = ("/", "/status", "/history", "/metrics", "/healthz", "/readyz", "/script.js", "/nothing")


@pytest.mark.parametrize("path", PATHS)
def test_no_answer_is_sniffed(app: web.Application, path: str) -> None:
    """A browser that guesses media types could run a script in a text that quotes the request."""
    response, _ = get(app, path, ClientResponse.read)

    assert "nosniff" == response.headers["X-Content-Type-Options"]


@pytest.mark.parametrize("path", PATHS)
def test_a_foreign_host_may_read_metrics_and_probes_only(app: web.Application, path: str) -> None:
    """With DNS rebinding, any web page could read the state of a home; a scrape, however, may use any host name."""
    response, body = get(app, path, ClientResponse.text, Host="rebound.attacker.example")

    if path in ("/metrics", "/healthz", "/readyz"):
        assert response.status in (200, 503)
    else:
        hint = "add it to `allowed_hosts` in the configuration, or use the machine's address"
        assert (421, f'"rebound.attacker.example" is not a name of this machine: {hint}') == (response.status, body)


def test_a_configured_host_is_answered(app_config: AppConfig) -> None:
    """A reverse proxy passes on the host name that the user has typed, and must get an answer."""
    app = create_app(replace(app_config, allowed_hosts=("ble.example.org",)))

    response, _ = get(app, "/status", ClientResponse.read, Host="BLE.example.org:443")

    assert 200 == response.status


@pytest.mark.parametrize("path", ["/", "/status", "/history"])
def test_answers_that_grow_with_the_devices_are_compressed(app: web.Application, path: str) -> None:
    """With two hundred devices, each answer has hundreds of kilobytes, and takes long on a weak Wi-Fi."""
    response, body = get(app, path, ClientResponse.read, Accept_Encoding="gzip")

    assert ("gzip", "Accept-Encoding") == (response.headers["Content-Encoding"], response.headers["Vary"])
    assert b"living_room" in gzip.decompress(body)


def test_another_path_is_not_found(app: web.Application) -> None:
    """A status of 200 would hide that the path is mistyped."""
    response, _ = get(app, "/metric", ClientResponse.read)

    assert 404 == response.status


def post_reload(app: web.Application, **headers: str) -> tuple[int, str]:
    """Serve the application, ask for a reload, and return the status and the text of the answer."""

    async def ask() -> tuple[int, str]:
        async with TestClient(TestServer(app)) as client:
            response = await client.post("/-/reload", headers=headers)
            return response.status, await response.text()

    return asyncio.run(ask())


class Outcome(NamedTuple):
    """The outcome of a reload."""

    is_ok: bool
    lines: list[str]


@pytest.mark.parametrize(
    ("outcome", "status"), [(Outcome(True, ["2 devices, 1 added"]), 200), (Outcome(False, ["x:1: a", "x:2: b"]), 500)]
)
def test_a_reload_over_http_answers_with_its_outcome(app_config: AppConfig, outcome: Outcome, status: int) -> None:
    """A script must notice a failure by the status, and a person must see every error without reading the log."""

    async def reload() -> Outcome:
        return outcome

    answer = post_reload(create_app(app_config, collectors={}, reload=reload))

    assert (status, "".join(f"{line}\n" for line in outcome.lines)) == answer


def test_without_permission_nobody_can_reload_over_http(app: web.Application) -> None:
    """The port is open to everybody, so a reload over HTTP must be the operator's decision."""
    status, text = post_reload(app)

    assert (403, True) == (status, "--web.enable-lifecycle" in text)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://203.0.113.5"}, 403),
        ({"Origin": "http://[::1"}, 403),
        ({"Origin": ""}, 403),
    ],
)
def test_a_web_page_from_elsewhere_can_t_reload(app_config: AppConfig, headers: dict[str, str], status: int) -> None:
    """Any page that somebody opens at home could otherwise ask for reloads, with or without DNS rebinding."""

    async def reload() -> Outcome:
        raise AssertionError("reloaded")

    assert status == post_reload(create_app(app_config, collectors={}, reload=reload), **headers)[0]


def test_our_own_page_may_reload(app_config: AppConfig) -> None:
    """A browser sends the origin with every POST request, even with one to the page's own server."""

    async def reload() -> Outcome:
        return Outcome(True, [])

    app = create_app(app_config, collectors={}, reload=reload)
    assert 200 == post_reload(app, Host="localhost:8000", Origin="http://localhost:8000")[0]


def test_a_reload_must_be_a_post(app: web.Application) -> None:
    """Browsers that prefetch links, and crawlers, send GET requests, which must not cause a reload."""
    assert 405 == get(app, "/-/reload", ClientResponse.text)[0].status


@pytest.mark.parametrize(("path", "same"), [("/-/healthy", "/healthz"), ("/-/ready", "/readyz")])
def test_probes_have_the_names_of_prometheus_too(app_config: AppConfig, path: str, same: str) -> None:
    """Operators' probes are often written for Prometheus and its exporters."""
    response, body = get(create_app(app_config), path, ClientResponse.text, Host="anything.example")
    expected, text = get(create_app(app_config), same, ClientResponse.text)

    assert (expected.status, text) == (response.status, body)


def test_the_metrics_have_the_path_of_the_option(app_config: AppConfig) -> None:
    """A reverse proxy may demand another path; the page must link to it, and any Host may ask for it."""

    def app() -> web.Application:
        return create_app(app_config, collectors={}, options=WebOptions(telemetry_path="/ble/metrics"))

    response, _ = get(app(), "/ble/metrics", ClientResponse.text, Host="prometheus.example")
    _, page = get(app(), "/", ClientResponse.text)

    assert (200, 404) == (response.status, get(app(), "/metrics", ClientResponse.text)[0].status)
    assert '<a href="ble/metrics">/ble/metrics</a>' in page


@pytest.mark.parametrize("path", ["/status", "/healthz", "/script.js"])
def test_the_metrics_do_not_take_another_path_away(app_config: AppConfig, path: str) -> None:
    """If the metrics had the path of something else, one of the two would be missing without an error."""
    with pytest.raises(ConfigError, match=f"--web.telemetry-path: {path} is the path of something else"):
        create_app(app_config, options=WebOptions(telemetry_path=path))
