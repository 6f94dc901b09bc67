// Keeps the page up to date: fetches /status every 5 s and /history every minute, and updates the ages every second.

import * as cards from "./cards.js";
import { showChoices } from "./controls.js";
import { setAttribute, setText } from "./dom.js";
import { loadStyle } from "./loading.js";
import { onSort, sorted } from "./sort.js";
import { heardOf, keyOf } from "./state.js";
import * as table from "./table.js";
import { inWords } from "./words.js";

const ASK_MS = 5000;
const ASK_HISTORY_MS = 60000;
const PATIENCE_MS = 10000;
// Maximum age of an answer. An older one is out of date: the tab was hidden, or the computer slept.
const BELIEVED_S = (ASK_MS + 2 * PATIENCE_MS) / 1000;
const MOMENT = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" };
const NO_HOUR = new Map();

const banner = document.getElementById("banner");
const warning = document.getElementById("answer");
const reason = document.getElementById("reason");
const heard = document.getElementById("heard");
const scan = document.getElementById("scan");
const { version } = document.body.dataset;
const loadedAt = Date.now();

let view = null; // `cards` or `table`
let keys = []; // the identities of the devices that the view shows
let hours = new Map(); // address to measurement to points
let answer = null; // the latest /status, its time of arrival, and the exporter's clock at that time
let historyAt = -Infinity;
let historyEnd = 0; // the exporter's clock at the last point of `hours`
let detail = null; // the module that shows one device; loaded when the first is opened
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

function hourOf(device) {
  return hours.get(device.address) ?? NO_HOUR;
}

function scanOf(status) {
  if (!isKnown() || status.last_scan_timestamp === null) return "";
  const age = Math.max(0, answer.exporterSeconds - status.last_scan_timestamp + elapsed());
  return `The last scan ended ${inWords(age)} ago.`;
}

// The ages keep growing even if the exporter does not answer.
function tick() {
  if (document.hidden) return;
  if (answer !== null) {
    const { devices } = answer.status;
    view.tick(devices, elapsed(), isKnown());
    const opened = openedDevice();
    if (opened) detail?.tick(opened, elapsed(), isKnown());
    setText(heard, isKnown() ? heardOf(devices) : "");
    setAttribute(heard, "data-all", String(devices.every((device) => device.state === "heard")));
    setText(scan, scanOf(answer.status));
  } else if (isGone) {
    table.tickUnknown();
    setText(heard, "");
    setText(scan, "");
  }
}

async function load(path) {
  // If the page's address contains a password (https://user:password@host/), a relative one would too: fetch refuses it.
  const address = new URL(path, location.origin + location.pathname);
  const response = await fetch(address, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return [await response.json(), Date.parse(response.headers.get("Date")) / 1000];
}

async function loadAll() {
  // Without Math.abs, setting the clock back by an hour would stop the updates of the lines for an hour.
  if (Math.abs(Date.now() - historyAt) >= ASK_HISTORY_MS) {
    const [history] = await load("history");
    // A reload of the configuration can give the name of one device to another, but not its address.
    hours = new Map(history.devices.map((device) => [device.address, new Map(Object.entries(device.measurements))]));
    historyEnd = history.timestamp_seconds;
    historyAt = Date.now();
  }
  // The age of a scan is computed from the exporter's clock only, because this computer's clock may differ.
  const [status, exporterSeconds] = await load("status");
  return { status, at: Date.now(), exporterSeconds };
}

// Shows the latest answer; `isNew` says whether the user has just changed the order or another choice.
function show(isNew) {
  if (answer === null) return;
  const { devices } = answer.status;
  const { wanted, label } = showChoices(devices);
  const latest = wanted === "table" ? table : cards;
  const latestKeys = devices.map(keyOf);
  const isOther = view !== latest || keys.length !== devices.length || keys.some((key, at) => key !== latestKeys[at]);
  if (isOther) {
    if (view !== latest) (latest === table ? cards : table).clear();
    view = latest;
    keys = latestKeys;
    view.build(devices);
    setAttribute(document.body, "data-view", wanted);
  }
  view.update(devices, hourOf);
  view.arrange(sorted(devices, isNew || isOther), devices, label);
}

// Returns the device that the page's address names, as in "#A4:C1:38:00:00:01". A phone's back button thus closes it.
function openedDevice() {
  const address = location.hash.slice(1);
  return address === "" ? undefined : answer?.status.devices.find((device) => device.address === address);
}

async function showOpened() {
  if (openedDevice()) {
    try {
      detail ??= await loadDetail();
    } catch {
      return; // the next answer of the exporter tries again
    }
  }
  // While the module was loaded, the user may have closed the device.
  const device = openedDevice();
  if (device) {
    const asOf = Number.isNaN(answer.exporterSeconds) ? historyEnd : answer.exporterSeconds;
    detail.update(device, hourOf(device), historyEnd, asOf);
    detail.tick(device, elapsed(), isKnown());
  } else detail?.close();
}

async function loadDetail() {
  const [module] = await Promise.all([import("./detail.js"), loadStyle("detail.css")]);
  module.onClose(forgetOpened);
  return module;
}

function forgetOpened() {
  if (location.hash !== "") history.replaceState(null, "", location.pathname + location.search);
}

function take(latest) {
  answer = latest;
  show(false);
  showOpened();
}

// Shows whether there is an answer, and whether the exporter is ready. A screen reader reads each change of `warning`,
// but not of the reason, which can contain a number that changes with every answer.
function say(gone) {
  isGone = gone;
  setAttribute(banner, "data-gone", String(gone));
  if (gone) {
    // The text includes the date, because the page may stay open for days.
    const since = new Date(answer === null ? loadedAt : answer.at).toLocaleString("en-GB", MOMENT);
    setText(warning, `No answer since ${since}. The page shows the last known values.`);
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

function change() {
  show(true);
  showOpened();
  tick();
}

document.addEventListener("visibilitychange", () => {
  tick();
  ask();
});
window.addEventListener("hashchange", showOpened);
onSort(change);
document.addEventListener("choice", change);
setInterval(tick, 1000);
ask();
