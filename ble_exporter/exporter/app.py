"""The HTTP application: /metrics, /healthz, /readyz, /status, /history, /-/reload, and the page at /."""

import json
import time
from collections.abc import Awaitable, Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

from aiohttp import web
from prometheus_client import REGISTRY
from prometheus_client.registry import Collector

from ble_exporter import __version__
from ble_exporter.config.app_config import AppConfig
from ble_exporter.device import Device
from ble_exporter.device.clock import Clock
from ble_exporter.device.history import STEP_S
from ble_exporter.errors import ConfigError
from ble_exporter.exporter.access import add_headers, host_check, password_check
from ble_exporter.exporter.answers import Answers, CatchUp, nothing_waits
from ble_exporter.exporter.exposition import Exposition, choose_format
from ble_exporter.exporter.hosts import Hosts
from ble_exporter.exporter.http_errors import HttpErrors
from ble_exporter.exporter.page.files import HEADERS
from ble_exporter.exporter.page.rows import render
from ble_exporter.exporter.page.serving import file_routes
from ble_exporter.exporter.page.sorting import Sort
from ble_exporter.status.device_status import DeviceStatus
from ble_exporter.status.liveness import Liveness
from ble_exporter.system.port import DEFAULT_OPTIONS, WebOptions

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler

    from ble_exporter.exporter.web_file import WebFile

# /history is the largest answer, and has only one point per minute, so it may be a second old.
_HISTORY_REUSE_S = 1.0

# Prometheus, load balancers and orchestrators may use any name for this host, such as a container's name.
_OPEN_TO_ANY_HOST = ("/healthz", "/readyz", "/-/healthy", "/-/ready")
_READY = "ready"

# Converting a whole second to a time of the boot clock and back must not turn it into the second before.
_ROUNDING_S = 0.001


class StatusTracker:
    """
    The values in /status that describe the scans.

    Attributes:
        devices_seen: Number of configured devices heard in the last scan.
        last_scan_s: The time by `clock` at which the last scan ended; None before the first scan has ended.
    """

    def __init__(
        self,
        scan_interval_seconds: float,
        scan_duration_seconds: float,
        last_scan_timestamp: int | None = None,
        devices_seen: int = 0,
        clock: Clock | None = None,
    ) -> None:
        self.scan_interval_seconds = scan_interval_seconds
        self.scan_duration_seconds = scan_duration_seconds
        self.devices_seen = devices_seen
        self.clock = clock or Clock()
        self.last_scan_s: float | None = None
        self.last_scan_timestamp = last_scan_timestamp

    @property
    def last_scan_timestamp(self) -> int | None:
        """End of the last scan, in whole seconds since the Unix epoch; None before the first scan has ended."""
        return None if self.last_scan_s is None else int(self.clock.unix(self.last_scan_s) + _ROUNDING_S)

    @last_scan_timestamp.setter
    def last_scan_timestamp(self, timestamp: int | None) -> None:
        self.last_scan_s = None if timestamp is None else timestamp - self.clock.boot_at

    def state(self) -> dict[str, float | None]:
        """Return the values by their keys in /status."""
        return {
            "scan_interval_seconds": self.scan_interval_seconds,
            "scan_duration_seconds": self.scan_duration_seconds,
            "last_scan_timestamp": self.last_scan_timestamp,
            "devices_seen": self.devices_seen,
        }


CONFIG = web.AppKey("config", AppConfig)
TRACKER = web.AppKey("tracker", StatusTracker)
EXPOSITION = web.AppKey("exposition", Exposition)
STATUS = web.AppKey("status", DeviceStatus)
ANSWERS = web.AppKey("answers", Answers)
LIVENESS = web.AppKey("liveness", Liveness)
TELEMETRY = web.AppKey("telemetry", str)


class ReloadOutcome(Protocol):
    """Whether a reload succeeded, and lines that describe the changes, or the errors of the new configuration."""

    @property
    def is_ok(self) -> bool: ...  # noqa: D102 - see above

    @property
    def lines(self) -> Sequence[str]: ...  # noqa: D102 - see above


Reload = Callable[[], Awaitable[ReloadOutcome]]
"""Reloads the configuration, and returns the outcome."""


def create_app(
    config: AppConfig,
    tracker: StatusTracker | None = None,
    collectors: Mapping[str, Collector] | None = None,
    liveness: Liveness | None = None,
    status: DeviceStatus | None = None,
    *,
    errors: HttpErrors | None = None,
    hosts: Hosts | None = None,
    reload: Reload | None = None,
    catch_up: CatchUp = nothing_waits,
    web_file: "WebFile | None" = None,
    options: WebOptions = DEFAULT_OPTIONS,
) -> web.Application:
    """
    Build the web application, which keeps the configuration under the key `CONFIG`.

    By default, no scan has ended, no device has been heard, and /metrics exports prometheus_client's default registry.
    `collectors` maps names to collectors; the failures of a collector are counted under its name. `errors` counts
    refused requests. By default, `hosts` has the machine's names and `allowed_hosts`. Without `reload`, POST /-/reload
    is refused. `catch_up` is called before each answer that depends on received packets. `web_file` provides users
    and headers; without it, no password is needed.

    Raises a ConfigError if the path of the metrics is already taken.
    """
    errors = errors or HttpErrors()
    hosts = hosts or Hosts(config.allowed_hosts)
    checks = [host_check(hosts, errors, {options.telemetry_path, *_OPEN_TO_ANY_HOST})]
    if web_file is not None:
        checks.append(password_check(web_file, errors))
    app = web.Application(middlewares=checks)
    app.on_response_prepare.append(add_headers(web_file))
    app[CONFIG] = config
    app[TRACKER] = tracker or StatusTracker(config.scan_interval_seconds, config.scan_duration_seconds)
    app[EXPOSITION] = Exposition({"registry": REGISTRY} if collectors is None else collectors)
    app[ANSWERS] = Answers(errors, most_requests=options.most_requests, may_repeat=web_file is None, catch_up=catch_up)
    app[TELEMETRY] = options.telemetry_path
    app[LIVENESS] = liveness or Liveness(config.scan_interval_seconds, config.scan_duration_seconds)
    app[STATUS] = status or DeviceStatus([Device(name, address) for address, name in config.devices.items()], Clock())
    app.add_routes(
        [
            web.get("/", _index),
            web.get("/healthz", _healthz),
            web.get("/readyz", _readyz),
            web.get("/-/healthy", _healthz),
            web.get("/-/ready", _readyz),
            web.post("/-/reload", _reload_with(reload)),
            web.put("/-/reload", _reload_with(reload)),
            web.get("/status", _status),
            web.get("/history", _history),
            *file_routes(app[ANSWERS]),
        ]
    )
    if options.telemetry_path in {resource.canonical for resource in app.router.resources()}:
        raise ConfigError(f"--web.telemetry-path: {options.telemetry_path} is the path of something else")
    app.router.add_get(options.telemetry_path, _metrics)
    return app


def check_options(config: AppConfig, options: WebOptions) -> None:
    """Raise a ConfigError if the path of the metrics is already taken, or if the web configuration has errors."""
    create_app(config, collectors={}, options=options)
    if options.config_file:
        from ble_exporter.exporter.web_file import load  # noqa: PLC0415 - most services have no web configuration

        load(options.config_file)


async def _metrics(request: web.Request) -> web.StreamResponse:
    # Several header lines with the same name form one list (RFC 9110, section 5.3).
    wanted = choose_format(", ".join(request.headers.getall("Accept", ())))
    headers = {"Content-Type": wanted.content_type, "Vary": "Accept, Accept-Encoding"}
    exposition = request.app[EXPOSITION]
    return await request.app[ANSWERS].send(request, wanted, lambda: exposition.pieces(wanted), headers)


async def _healthz(_request: web.Request) -> web.Response:
    return web.Response(text="ok")


async def _readyz(request: web.Request) -> web.Response:
    request.app[ANSWERS].catch_up()
    problem = request.app[LIVENESS].not_ready()
    return web.Response(status=200 if problem is None else 503, text=problem or _READY)


def _reload_with(reload: Reload | None) -> "Handler":
    async def handle(request: web.Request) -> web.Response:
        # In `Origin`, a browser names the server of the page that sends the request. No page of another server may
        # request a reload.
        origin = request.headers.get("Origin")
        if origin is not None and origin.partition("://")[2] != request.host:
            return web.Response(status=HTTPStatus.FORBIDDEN, text="not for pages of another server\n")
        if reload is None:
            text = "start the exporter with --web.enable-lifecycle to permit this, or send it SIGHUP\n"
            return web.Response(status=HTTPStatus.FORBIDDEN, text=text)
        outcome = await reload()
        status = HTTPStatus.OK if outcome.is_ok else HTTPStatus.INTERNAL_SERVER_ERROR
        return web.Response(status=status, text="".join(f"{line}\n" for line in outcome.lines))

    return handle


async def _status(request: web.Request) -> web.StreamResponse:
    def scans() -> dict[str, object]:
        problem = request.app[LIVENESS].not_ready()
        readiness = {"ready": problem is None, "ready_text": problem or _READY}
        latest = {"version": __version__, "rejections": request.app[STATUS].rejections()}
        return {**request.app[TRACKER].state(), **readiness, **latest}

    return await _json(request, scans, request.app[STATUS].states)


async def _history(request: web.Request) -> web.StreamResponse:
    return await _json(
        request,
        lambda: {"timestamp_seconds": time.time(), "step_seconds": STEP_S},
        request.app[STATUS].last_hour,
        request.app[STATUS].minute,
        _HISTORY_REUSE_S,
    )


async def _json(
    request: web.Request,
    answer: Callable[[], Mapping[str, object]],
    devices: Callable[[], Iterable[object]],
    key: Hashable = None,
    reuse_s: float = 0,
) -> web.StreamResponse:
    """Send a JSON object whose last member, `devices`, has one element for each device; see Answers.send."""

    def pieces() -> Iterator[bytes]:
        yield json.dumps({**answer(), "devices": []}).encode().removesuffix(b"]}")
        separator = b""
        for device in devices():
            yield separator + json.dumps(device).encode()
            separator = b", "
        yield b"]}"

    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Cache-Control": "no-store",
        "Vary": "Accept-Encoding",
    }
    return await request.app[ANSWERS].send(request, key, pieces, headers, reuse_s)


async def _index(request: web.Request) -> web.StreamResponse:
    tracker = request.app[TRACKER]
    sort = Sort.parse(request.query.get("sort", ""))

    def pieces() -> Iterator[bytes]:
        page = render(
            __version__,
            request.app[STATUS].states(),
            scan_age_s=None if tracker.last_scan_s is None else max(0.0, tracker.clock.now() - tracker.last_scan_s),
            not_ready=request.app[LIVENESS].not_ready(),
            sort=sort,
            metrics=request.app[TELEMETRY],
        )
        return (piece.encode() for piece in page)

    headers = {"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store", "Vary": "Accept-Encoding"}
    return await request.app[ANSWERS].send(request, sort, pieces, {**HEADERS, **headers})
