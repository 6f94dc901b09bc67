"""A tablet on the wall shows the page for months: its memory must not grow. PAGE_HOURS=168 simulates a week."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.page.home_page import HomePage

if TYPE_CHECKING:
    from playwright.sync_api import Browser, CDPSession, Page

pytestmark = pytest.mark.page

Homes = Callable[..., HomePage]

_HOURS = int(os.environ.get("PAGE_HOURS", "1"))
_ANSWERS_AN_HOUR = 720

# Answers like those of the exporter, without the exporter: values, states, events and devices change all the time.
_ANSWERS = """
(async () => {
  const [status, history] = await Promise.all(["status", "history"].map(path => fetch(path).then(got => got.json())));
  const headers = { Date: new Date().toUTCString() };
  window.answers = window.ahead = 0;
  const now = Date.now;
  Date.now = () => now() + window.ahead;
  window.fetch = async ({ pathname }) => {
    const path = pathname.slice(1);
    const at = window.answers += path === "status";
    for (const [number, device] of status.devices.entries()) {
      const value = 20 + Math.sin(at / 50 + number);
      device.readings.temperature = { value, raw: value - (at % 7 === 0), unit: "°C", text: "" };
      device.state = at % 40 < 3 ? "silent" : "heard";
      device.silence = device.state === "silent" ? { reason: "left", text: `It left ${at}.` } : null;
      device.others = { [`text_${at % 90}`]: { value: `event ${at}`, heard_timestamp_seconds: 0, age_seconds: 3 } };
      device.name = at % 300 < 5 ? `renamed ${number}` : `sensor ${number}`;
      for (const points of Object.values(history.devices[number].measurements)) points.push(points.shift() ?? value);
    }
    const devices = status.devices.slice(at % 200 < 5 ? 1 : 0);
    return new Response(JSON.stringify(path === "status" ? { ...status, devices } : history), { headers });
  };
})()
"""


def used(cdp: "CDPSession") -> dict[str, float]:
    """Return the bytes on the heap, and the numbers of nodes and of listeners, after a garbage collection."""
    for _ in range(3):
        cdp.send("HeapProfiler.collectGarbage")
    found = {one["name"]: one["value"] for one in cdp.send("Performance.getMetrics")["metrics"]}
    return {name: found[name] for name in ("JSHeapUsedSize", "Nodes", "JSEventListeners")}


_SPEND = """
async (wanted) => {
  const { port1, port2 } = new MessageChannel();
  const rest = () => new Promise(done => { port1.onmessage = done; port2.postMessage(0); });
  for (let taken = 0; taken < wanted; taken += 1) {
    const before = window.answers;
    window.ahead += 5000;
    while (window.answers === before) {
      document.dispatchEvent(new Event("visibilitychange"));
      await rest();
    }
    for (let more = 0; more < 5; more += 1) await rest();
  }
  port1.close();
}
"""


def spend(page: "Page", answers: int) -> None:
    """Let the page request this many answers, by telling it each time that it has become visible."""
    page.evaluate(_SPEND, answers)


def use(page: "Page") -> None:
    """Do what people do now and then: open a device, read it, close it, and look at the table."""
    page.evaluate("location.hash = '#A4:C1:38:00:00:02'")
    page.locator("dialog canvas").wait_for()
    page.evaluate("document.querySelector('dialog .close').click()")
    for view in ("table", "cards"):
        page.evaluate(f"document.querySelector('input[value={view}]').click()")


@pytest.mark.parametrize("view", ["cards", "table"])
def test_memory_stays_flat(homes: Homes, browser: "Browser", view: str) -> None:
    """A page whose memory grew by 100 kB an hour would exhaust a tablet within months."""
    home = homes(*(f"sensor {number}" for number in range(8)))
    home.spend_an_hour("sensor 1")
    # playwright's clock keeps a record of each timer, which would look like a leak of the page.
    with browser.new_context() as context, context.new_page() as page:
        page.goto(home.url, wait_until="networkidle")
        page.evaluate(_ANSWERS)
        cdp = context.new_cdp_session(page)
        cdp.send("Performance.enable")
        found = []
        for _ in range(2):
            use(page)
            page.evaluate(f"document.querySelector('input[value={view}]').click()")
            spend(page, _HOURS * _ANSWERS_AN_HOUR // 2)
            found.append(used(cdp))
    early, late = found

    assert late["Nodes"] <= early["Nodes"] + 50
    assert late["JSEventListeners"] <= early["JSEventListeners"] + 5
    assert late["JSHeapUsedSize"] <= early["JSHeapUsedSize"] + 300_000
