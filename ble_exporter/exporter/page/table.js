// Builds the table's rows as rows.py does, and adds the last hour of each value.

import { make, setAttribute, setText } from "./dom.js";
import { drawHour, makeHour } from "./line.js";
import { capital, inWords, label, number, rawOf, withUnit } from "./words.js";

// Measurement to its unit, which is needed for the last hour of a value that is no longer shown.
const UNITS = { temperature: "°C", humidity: "%", battery: "%" };
const COLUMNS = Object.keys(UNITS);
const SYMBOLS = { heard: "●", late: "◐", silent: "○", refused: "✕", never_heard: "–", unknown: "?" };
// Anyone can send hundreds of names under a sensor's address. The page must stay readable; /status has all of them.
const MOST_OTHERS = 32;
// Device information is shown without an age: unlike an event, it stays valid.
const OF_ITSELF = ["device_type", "firmware_version"];

function makeValue(name) {
  const value = make("span", { class: "value" });
  const raw = make("small");
  const cell = make("td", { role: "cell", class: "number", "data-label": capital(name) }, [value, " ", raw]);
  return { cell, value, raw, hour: makeHour(UNITS[name]) };
}

// Returns the identity of a device: if the address differs, it is another device, even under the same name.
export function keyOf(device) {
  return `${device.address} ${device.name}`;
}

export function makeRow(device) {
  const row = { key: keyOf(device) };
  row.symbol = make("span", { class: "symbol", "aria-hidden": "true" });
  row.words = make("span", { class: "words" });
  row.why = make("small", { class: "why" });
  row.age = makeValue("age");
  row.values = COLUMNS.map(makeValue);
  row.list = make("ul");
  row.others = new Map(); // name to list item
  row.rssi = makeValue("RSSI");
  row.packets = makeValue("packets");
  const name = make("bdi", {}, [device.name]);
  row.element = make("tr", { role: "row" }, [
    make("th", { role: "rowheader", scope: "row" }, [name, " ", make("small", {}, [device.address])]),
    make("td", { role: "cell", class: "state", "data-label": "State" }, [row.symbol, " ", row.words, " ", row.why]),
    row.age.cell,
    ...row.values.map((value) => value.cell),
    make("td", { role: "cell", class: "others", "data-label": "Others" }, [row.list]),
    row.rssi.cell,
    row.packets.cell,
  ]);
  return row;
}

export function showState(row, state, words, why = "") {
  setAttribute(row.element, "data-state", state);
  setText(row.symbol, SYMBOLS[state]);
  setText(row.words, words);
  setText(row.why, why);
}

// Shows the ages of a device and of its texts and events, `elapsed` seconds after the answer of /status.
export function showAges(row, device, elapsed) {
  setText(row.age.value, device.age_seconds === null ? "–" : inWords(device.age_seconds + elapsed));
  for (const [name, said] of Object.entries(device.others)) {
    const item = row.others.get(`said ${name}`);
    if (item && !OF_ITSELF.includes(name)) setText(item.more, `${inWords(said.age_seconds + elapsed)} ago`);
  }
}

// Updates a row: `device` is from /status, `points` from /history (measurement to points).
export function updateRow(row, device, points) {
  const shown = Object.entries(device.readings).filter(([name]) => !device.idle_pins.includes(name));
  const readings = new Map(shown);
  COLUMNS.forEach((name, index) => {
    const { cell, value, raw, hour } = row.values[index];
    const reading = readings.get(name);
    setText(value, reading ? reading.text || withUnit(number(reading.value), reading.unit) : "–");
    setText(raw, reading ? rawOf(reading) : "");
    drawHour(hour, cell, points.get(name), reading?.value ?? null);
  });
  updateOthers(row, device, readings, points);
  setText(row.rssi.value, device.rssi_dbm === null ? "–" : `${device.rssi_dbm}\u00a0dBm`);
  const measured = device.measurements;
  const percent = measured ? `, ${Math.floor(100 * measured.recent_share + 0.5)}\u00a0% heard` : "";
  setText(row.packets.value, `${device.packets}${percent}`);
}

function updateOthers(row, device, readings, points) {
  const wanted = new Map();
  for (const [name, reading] of readings) {
    if (COLUMNS.includes(name)) continue;
    const value = reading.text || withUnit(number(reading.value), reading.unit);
    const text = `${label(name)} ${value} ${rawOf(reading)}`.trimEnd();
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
    drawHour(item.hour, item.element, hour, reading?.value ?? null);
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
