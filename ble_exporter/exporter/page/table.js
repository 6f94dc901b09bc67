// Builds the table's rows as rows.py does, and adds the last hour of each value.

import { make, setAttribute, setText } from "./dom.js";
import { drawHour, makeHour } from "./line.js";
import { hasAge, packetsOf, readingsOf, stateOf, SYMBOLS, whyOf } from "./state.js";
import { capital, inWords, label, quantity, reading as inFull, sentOf, UNITS } from "./words.js";

const COLUMNS = Object.keys(UNITS);
// Anyone can send hundreds of names under a sensor's address. The page must stay readable; /status has all of them.
const MOST_OTHERS = 32;
const body = document.getElementById("devices");
let rows = []; // one for each device, in configuration order
const rowOf = new WeakMap(); // element to row
// With a thousand devices, the browser would lay out the whole table anew for the ages of each second and the lines of
// each minute. Far from the window, rows keep their ages and lines until they come near; values and states never wait.
const nearby = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      const row = rowOf.get(target);
      row.isNear = isIntersecting;
      if (isIntersecting) catchUp(row);
    }
  },
  { rootMargin: "100%" },
);
window.addEventListener("beforeprint", () => rows.forEach(catchUp));

// Builds the rows of these devices.
export function build(devices) {
  nearby.disconnect();
  rows = devices.map(makeRow);
  for (const { element } of rows) nearby.observe(element);
  // If no device is configured, the row with this message, which the server has rendered, stays.
  if (devices.length > 0) body.replaceChildren();
}

export function clear() {
  nearby.disconnect();
  rows = [];
  if (body.querySelector("[data-state]")) body.replaceChildren();
}

// Moves the rows into this order of positions.
export function arrange(order) {
  order.forEach((at, place) => {
    const { element } = rows[at];
    if (body.rows[place] !== element) body.insertBefore(element, body.rows[place] ?? null);
  });
}

// Shows the values: `hourOf` returns the last hour of a device, measurement to points.
export function update(devices, hourOf) {
  devices.forEach((device, index) => updateRow(rows[index], device, hourOf(device)));
}

// Shows the states and the ages, `elapsed` seconds after the answer of /status.
export function tick(devices, elapsed, isKnown) {
  devices.forEach((device, index) => {
    showState(rows[index], ...stateOf(device, isKnown), whyOf(device, isKnown));
    rows[index].ages = [device, elapsed];
    if (rows[index].isNear) showAges(rows[index], device, elapsed);
  });
}

// Shows the ages and the lines of a row that was far from the window.
function catchUp(row) {
  drawHours(row);
  if (row.ages) showAges(row, ...row.ages);
}

// Shows that nothing is known about the rows that came with the page: they contain the ages only as text, so the script
// can't update them before the first answer.
export function tickUnknown() {
  for (const element of body.querySelectorAll("[data-state]")) {
    const [symbol, words, why] = [".symbol", ".words", ".why"].map((found) => element.querySelector(found));
    showState({ element, symbol, words, why }, "unknown", "not known");
    setText(element.querySelector("[data-label=Age] .value"), "–");
  }
}

function makeValue(name) {
  const value = make("span", { class: "value" });
  const raw = make("small");
  const cell = make("td", { role: "cell", class: "number", "data-label": capital(name) }, [value, " ", raw]);
  return { cell, value, raw, hour: makeHour(UNITS[name]) };
}

function makeRow(device) {
  const row = { hours: [], ages: null, isNear: true };
  row.symbol = make("span", { class: "symbol", "aria-hidden": "true" });
  row.words = make("span", { class: "words" });
  row.why = make("small", { class: "why" });
  row.age = makeValue("age");
  row.values = COLUMNS.map(makeValue);
  row.list = make("ul");
  row.others = new Map(); // name to list item
  row.rssi = makeValue("RSSI");
  row.packets = makeValue("packets");
  const name = make("a", { href: `#${device.address}` }, [make("bdi", {}, [device.name])]);
  row.element = make("tr", { role: "row" }, [
    make("th", { role: "rowheader", scope: "row" }, [name, " ", make("small", {}, [device.address])]),
    make("td", { role: "cell", class: "state", "data-label": "State" }, [row.symbol, " ", row.words, " ", row.why]),
    row.age.cell,
    ...row.values.map((value) => value.cell),
    make("td", { role: "cell", class: "others", "data-label": "Others" }, [row.list]),
    row.rssi.cell,
    row.packets.cell,
  ]);
  rowOf.set(row.element, row);
  return row;
}

function showState(row, state, words, why = "") {
  setAttribute(row.element, "data-state", state);
  setText(row.symbol, SYMBOLS[state]);
  setText(row.words, words);
  setText(row.why, why);
}

// Shows the ages of a device and of its texts and events, `elapsed` seconds after the answer of /status.
function showAges(row, device, elapsed) {
  setText(row.age.value, device.age_seconds === null ? "–" : inWords(device.age_seconds + elapsed));
  for (const [name, said] of Object.entries(device.others)) {
    const item = row.others.get(`said ${name}`);
    if (item && hasAge(name)) setText(item.more, `${inWords(said.age_seconds + elapsed)} ago`);
  }
}

// Updates a row: `device` is from /status, `points` from /history (measurement to points).
function updateRow(row, device, points) {
  const readings = readingsOf(device);
  row.hours = COLUMNS.map((name, index) => {
    const { cell, value, raw, hour } = row.values[index];
    const reading = readings.get(name);
    setText(value, reading ? inFull(reading) : "–");
    setText(raw, reading ? rawOf(reading) : "");
    return [hour, cell, points.get(name), reading?.value ?? null];
  });
  updateOthers(row, device, readings, points);
  setText(row.rssi.value, device.rssi_dbm === null ? "–" : quantity(device.rssi_dbm, "dBm"));
  setText(row.packets.value, packetsOf(device));
  if (row.isNear) drawHours(row);
}

function drawHours(row) {
  for (const hour of row.hours) drawHour(...hour);
}

function rawOf(reading) {
  const sent = sentOf(reading);
  return sent === "" ? "" : `(raw ${sent})`;
}

function updateOthers(row, device, readings, points) {
  const wanted = new Map();
  for (const [name, reading] of readings) {
    if (COLUMNS.includes(name)) continue;
    const text = `${label(name)} ${inFull(reading)} ${rawOf(reading)}`.trimEnd();
    wanted.set(name, { text, hour: points.get(name), reading });
  }
  for (const [name, said] of Object.entries(device.others)) {
    wanted.set(`said ${name}`, { text: `${label(name)} ${said.value}` });
  }
  const leftOut = wanted.size - MOST_OTHERS;
  if (leftOut > 0) {
    for (const name of [...wanted.keys()].slice(MOST_OTHERS)) wanted.delete(name);
    wanted.set("left out", { text: `and ${leftOut} more` });
  }
  for (const [name, item] of row.others) {
    if (wanted.has(name)) continue;
    item.element.remove();
    row.others.delete(name);
  }
  for (const [name, { text, hour, reading }] of wanted) {
    const item = row.others.get(name) ?? addOther(row, name);
    setText(item.text, text);
    if (reading) Object.assign(item.hour, { unit: reading.unit, isBinary: reading.text !== "" });
    row.hours.push([item.hour, item.element, hour, reading?.value ?? null]);
  }
}

function addOther(row, name) {
  const text = make("bdi");
  const more = make("small");
  const item = { text, more, element: make("li", {}, [text, " ", more]), hour: makeHour() };
  row.others.set(name, item);
  row.list.append(item.element);
  return item;
}
