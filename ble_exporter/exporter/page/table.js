// Builds the table's rows as rows.py does, and adds the last hour of each value.

import { make, setAttribute, setText } from "./dom.js";
import { drawLine, makeLine } from "./line.js";
import { capital, inWords, label, number, withUnit } from "./words.js";

const COLUMNS = ["temperature", "humidity", "battery"];
const SYMBOLS = { heard: "●", silent: "○", refused: "✕", never_heard: "–", unknown: "?" };
// Anyone can send hundreds of names under a sensor's address. The page must stay readable; /status has all of them.
const MOST_OTHERS = 32;
// Device information is shown without an age: unlike an event, it stays valid.
const OF_ITSELF = ["device_type", "firmware_version"];

function makeValue(name) {
  const value = make("span", { class: "value" });
  const cell = make("td", { role: "cell", class: "number", "data-label": capital(name) }, [value]);
  return { cell, value, line: makeLine() };
}

// Returns the identity of a device: if the address differs, it is another device, even under the same name.
export function keyOf(device) {
  return `${device.address} ${device.name}`;
}

export function makeRow(device) {
  const row = { key: keyOf(device) };
  row.symbol = make("span", { class: "symbol", "aria-hidden": "true" });
  row.words = make("span", { class: "words" });
  row.age = makeValue("age");
  row.values = COLUMNS.map(makeValue);
  row.list = make("ul");
  row.others = new Map(); // name to list item
  row.rssi = makeValue("RSSI");
  row.packets = makeValue("packets");
  const name = make("bdi", {}, [device.name]);
  row.element = make("tr", { role: "row" }, [
    make("th", { role: "rowheader", scope: "row" }, [name, " ", make("small", {}, [device.address])]),
    make("td", { role: "cell", class: "state", "data-label": "State" }, [row.symbol, " ", row.words]),
    row.age.cell,
    ...row.values.map((value) => value.cell),
    make("td", { role: "cell", class: "others", "data-label": "Others" }, [row.list]),
    row.rssi.cell,
    row.packets.cell,
  ]);
  return row;
}

export function showState(row, state, words) {
  setAttribute(row.element, "data-state", state);
  setText(row.symbol, SYMBOLS[state]);
  setText(row.words, words);
}

// Shows the ages of a device and of its texts and events, `elapsed` seconds after the answer of /status.
export function showAges(row, device, elapsed) {
  setText(row.age.value, device.age_seconds === null ? "–" : inWords(device.age_seconds + elapsed));
  for (const [name, said] of Object.entries(device.others)) {
    const item = row.others.get(`said ${name}`);
    if (item && !OF_ITSELF.includes(name)) setText(item.more, `${inWords(said.age_seconds + elapsed)} ago`);
  }
}

// Updates a row: `device` is from /status, `hour` from /history (measurement to points).
export function updateRow(row, device, hour) {
  const readings = new Map(Object.entries(device.readings));
  COLUMNS.forEach((name, index) => {
    const { cell, value, line } = row.values[index];
    const reading = readings.get(name);
    setText(value, reading ? withUnit(number(reading.value), reading.unit) : "–");
    drawLine(line, cell, hour.get(name), reading?.unit ?? line.unit);
    if (reading) line.unit = reading.unit;
  });
  updateOthers(row, device, readings, hour);
  setText(row.rssi.value, device.rssi_dbm === null ? "–" : `${device.rssi_dbm}\u00a0dBm`);
  setText(row.packets.value, String(device.packets));
}

function updateOthers(row, device, readings, hour) {
  const wanted = new Map();
  for (const [name, reading] of readings) {
    if (COLUMNS.includes(name)) continue;
    const value = reading.text || withUnit(number(reading.value), reading.unit);
    const text = `${label(name)} ${value}`;
    wanted.set(name, { text, points: hour.get(name), unit: reading.unit });
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
  for (const [name, { text, points, unit }] of wanted) {
    const item = row.others.get(name) ?? addOther(row, name);
    setText(item.text, text);
    drawLine(item.line, item.element, points, unit);
  }
}

function addOther(row, name) {
  const text = make("bdi");
  const more = make("small");
  const item = { text, more, element: make("li", {}, [text, " ", more]), line: makeLine() };
  row.others.set(name, item);
  row.list.append(item.element);
  return item;
}
