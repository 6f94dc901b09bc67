// Keeps the table up to date: fetches /status every 5 s and /history every minute, and updates the ages every second.

import { setAttribute, setText } from "./dom.js";
import { arrange, onSort } from "./sort.js";
import { keyOf, makeRow, showAges, showState, updateRow } from "./table.js";
import { inWords } from "./words.js";

const ASK_MS = 5000;
const ASK_HISTORY_MS = 60000;
const PATIENCE_MS = 10000;
// Maximum age of an answer. An older one is out of date: the tab was hidden, or the computer slept.
const BELIEVED_S = (ASK_MS + 2 * PATIENCE_MS) / 1000;
const MOMENT = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" };

const body = document.getElementById("devices");
const banner = document.getElementById("banner");
const warning = document.getElementById("answer");
const reason = document.getElementById("reason");
const summary = document.getElementById("summary");
const { version } = document.body.dataset;
const loadedAt = Date.now();

let rows = []; // one for each device, in configuration order
let hours = new Map(); // device name to measurement to points
let answer = null; // the latest /status, its time of arrival, and the exporter's clock at that time
let historyAt = -Infinity;
let isGone = false;
let isAsking = false;
let timer = 0;

function elapsed() {
  // performance.now() would not work: it may stop while the computer sleeps.
  return Math.max(0, (Date.now() - answer.at) / 1000);
}

function isKnown() {
  return !isGone && elapsed() <= BELIEVED_S;
}

// Returns why a device is silent, as a sentence; empty if it is not silent.
function whyOf(device) {
  return isKnown() && device.silence ? device.silence.text : "";
}

function stateOf(device) {
  if (!isKnown()) return ["unknown", "not known"];
  if (device.state === "heard" && !device.is_late) return ["heard", "heard"];
  if (device.state !== "heard" && device.state !== "silent") return [device.state, device.state_text];
  const state = device.is_late ? "late" : device.state;
  if (device.interval_seconds === null) return [state, state];
  // A line breaks only after the comma.
  const usual = `usual interval ${inWords(device.interval_seconds)}`.replaceAll(" ", "\u00a0");
  return [state, `${state}, ${usual}`];
}

function summaryOf(status) {
  if (!isKnown()) return "";
  const heard = status.devices.filter((device) => device.state === "heard").length;
  const all = status.devices.length;
  const now = `${heard} of ${all} ${all === 1 ? "device" : "devices"} heard.`;
  if (status.last_scan_timestamp === null) return now;
  const age = Math.max(0, answer.exporterSeconds - status.last_scan_timestamp + elapsed());
  return `${now} The last scan ended ${inWords(age)} ago.`;
}

// The ages keep growing even if the exporter does not answer.
function tick() {
  if (document.hidden) return;
  if (answer !== null) {
    answer.status.devices.forEach((device, index) => {
      showState(rows[index], ...stateOf(device), whyOf(device));
      showAges(rows[index], device, elapsed());
    });
    setText(summary, summaryOf(answer.status));
  } else if (isGone) {
    // Rows from page.html contain the ages only as text, so the script can't update them before the first answer.
    for (const element of body.querySelectorAll("[data-state]")) {
      const [symbol, words, why] = [".symbol", ".words", ".why"].map((found) => element.querySelector(found));
      showState({ element, symbol, words, why }, "unknown", "not known");
      setText(element.querySelector("[data-label=Age] .value"), "–");
    }
    setText(summary, "");
  }
}

async function load(path) {
  const response = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return [await response.json(), Date.parse(response.headers.get("Date")) / 1000];
}

async function loadAll() {
  // Without Math.abs, setting the clock back by an hour would stop the updates of the lines for an hour.
  if (Math.abs(Date.now() - historyAt) >= ASK_HISTORY_MS) {
    const [history] = await load("history");
    hours = new Map(history.devices.map((device) => [device.name, new Map(Object.entries(device.measurements))]));
    historyAt = Date.now();
  }
  // The age of a scan is computed from the exporter's clock only, because this computer's clock may differ.
  const [status, exporterSeconds] = await load("status");
  return { status, at: Date.now(), exporterSeconds };
}

function showOrder(isNew) {
  if (answer === null) return;
  arrange(body, rows.map((row) => row.element), answer.status.devices, isNew);
}

function take(latest) {
  answer = latest;
  const { devices } = latest.status;
  const isSame = rows.length === devices.length && rows.every((row, index) => row.key === keyOf(devices[index]));
  if (!isSame && devices.length > 0) {
    rows = devices.map(makeRow);
    body.replaceChildren();
  }
  showOrder(!isSame);
  devices.forEach((device, index) => updateRow(rows[index], device, hours.get(device.name) ?? new Map()));
}

// Shows whether there is an answer, and whether the exporter is ready. A screen reader reads each change of `warning`,
// but not of the reason, which can contain a number that changes with every answer.
function say(gone) {
  isGone = gone;
  setAttribute(banner, "data-gone", String(gone));
  if (gone) {
    // The text includes the date, because the page may stay open for days.
    const since = new Date(answer === null ? loadedAt : answer.at).toLocaleString("en-GB", MOMENT);
    setText(warning, `No answer since ${since}. The table shows the last known values.`);
    setText(reason, "");
    return;
  }
  const { ready, ready_text: text } = answer.status;
  setText(warning, ready ? "" : "Not ready: values may be missing or out of date.");
  setText(reason, ready ? "" : `Reason: ${text}.`);
}

async function ask() {
  // A hidden tab sends no requests.
  if (isAsking || document.hidden) return;
  clearTimeout(timer);
  isAsking = true;
  const latest = await loadAll().catch(() => null);
  isAsking = false;
  timer = setTimeout(ask, ASK_MS);
  if (latest !== null && latest.status.version !== version) {
    // A different version of the exporter is running, and this page may not understand its answers.
    location.reload();
    return;
  }
  if (latest !== null) take(latest);
  say(latest === null);
  tick();
}

document.addEventListener("visibilitychange", () => {
  tick();
  ask();
});
onSort(() => showOrder(true));
setInterval(tick, 1000);
ask();
