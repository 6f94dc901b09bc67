// Shows one device in a dialog: its readings, and the last hour of the one that the user chooses, as a chart.

import { makeCursor } from "./chart.js";
import { comfort, dewPoint } from "./comfort.js";
import { make, resize, setAttribute, setText } from "./dom.js";
import { hasAge, packetsOf, readingsOf, stateOf, whyOf } from "./state.js";
import { brief, capital, inWords, label, quantity, reading as inFull, sentOf, UNITS } from "./words.js";

// Anyone can send hundreds of names under a sensor's address.
const MOST_TILES = 24;
const FIRST = ["temperature", "humidity"];

const dialog = make("dialog", { id: "opened", "aria-labelledby": "opened-name" });
dialog.addEventListener("click", (event) => {
  // The content covers the whole dialog, so that only a click outside has the dialog itself as its target.
  if (event.target === dialog) dialog.close();
});
dialog.addEventListener("close", clear);
document.body.append(dialog);

let parts = null; // the elements of the opened device
let shown = null; // the arguments of the latest `update`
let chosen = "";

function clear() {
  parts?.cursor.end();
  parts = shown = null;
  chosen = "";
  dialog.replaceChildren();
}

// Calls `closed` whenever the dialog is closed.
export function onClose(closed) {
  dialog.addEventListener("close", closed);
}

export function close() {
  if (dialog.open) dialog.close();
}

// Shows a device. `hour` maps measurements to points, of which the last belongs to the time `end`; `now` is the time of
// the device's state. Times are in Unix seconds.
export function update(device, hour, end, now) {
  if (parts?.address !== device.address) open(device);
  shown = { device, hour, end, now };
  setText(parts.name, device.name);
  const readings = readingsOf(device);
  const all = new Set([...FIRST, ...readings.keys(), ...hour.keys()]);
  const isThere = (name) => (readings.has(name) || hour.has(name)) && !device.idle_pins.includes(name);
  const names = [...all].filter(isThere).slice(0, MOST_TILES);
  if (!names.includes(chosen)) chosen = names[0] ?? "";
  updateTiles(names, readings);
  updateFacts(device, readings);
  const unit = readings.get(chosen)?.unit ?? UNITS[chosen] ?? "";
  const current = readings.get(chosen)?.value ?? null;
  const value = device.state === "heard" ? current : null;
  const word = readings.get(chosen)?.text ?? "";
  parts.cursor.show({ name: capital(label(chosen)), points: hour.get(chosen) ?? [], end, now, value, unit, current, word });
}

// Shows the state and the age, `elapsed` seconds after the answer of /status.
export function tick(device, elapsed, isKnown) {
  if (parts?.address !== device.address) return;
  const [state, words] = stateOf(device, isKnown);
  setAttribute(parts.element, "data-state", state);
  setAttribute(parts.pill, "data-word", state);
  setText(parts.pill, words);
  setText(parts.why, whyOf(device, isKnown));
  setText(parts.age, device.age_seconds === null ? "" : `${inWords(device.age_seconds + elapsed)} ago`);
}

function open(device) {
  clear();
  const button = make("button", { type: "button", "aria-label": "Close", class: "close" }, ["✕"]);
  button.addEventListener("click", () => dialog.close());
  parts = { address: device.address, tiles: new Map(), cursor: makeCursor() };
  parts.name = make("bdi");
  parts.pill = make("span", { class: "pill" });
  parts.age = make("span");
  parts.why = make("p", { class: "why" });
  parts.choices = make("fieldset", { class: "tiles" }, [make("legend", { class: "unseen" }, ["Value of the chart"])]);
  parts.facts = make("dl");
  const heading = make("h2", { id: "opened-name" }, [parts.name]);
  const about = make("p", { class: "about" }, [parts.pill, parts.age, make("span", {}, [device.address])]);
  parts.element = make("div", { class: "detail" }, [
    make("header", {}, [heading, button]),
    about,
    parts.why,
    parts.choices,
    parts.cursor.element,
    parts.facts,
  ]);
  dialog.append(parts.element);
  if (!dialog.open) dialog.showModal();
}

function updateTiles(names, readings) {
  for (const [name, tile] of parts.tiles) {
    if (names.includes(name)) continue;
    tile.element.remove();
    parts.tiles.delete(name);
  }
  for (const name of names) {
    const tile = parts.tiles.get(name) ?? addTile(name);
    const one = readings.get(name);
    setText(tile.value, one ? inFull(one, FIRST.includes(name) ? brief : undefined) : "–");
    tile.input.checked = name === chosen;
  }
}

function addTile(name) {
  const input = make("input", { type: "radio", name: "measurement", value: name });
  input.addEventListener("change", () => {
    chosen = name;
    update(shown.device, shown.hour, shown.end, shown.now);
  });
  const value = make("b");
  const tile = { input, value, element: make("label", {}, [input, make("span", {}, [capital(label(name))]), value]) };
  parts.tiles.set(name, tile);
  parts.choices.append(tile.element);
  return tile;
}

function updateFacts(device, readings) {
  const facts = [];
  const [temperature, humidity] = ["temperature", "humidity"].map((name) => readings.get(name)?.value ?? NaN);
  const dew = dewPoint(temperature, humidity);
  if (dew !== null) {
    const word = comfort(temperature, humidity);
    facts.push(["Dew point", `${quantity(dew, "°C", brief)}${word ? `, ${word}` : ""}`]);
  }
  for (const [name, one] of readings) {
    const sent = sentOf(one);
    if (sent !== "") facts.push([`${capital(label(name))}, as sent`, sent]);
  }
  for (const [name, said] of Object.entries(device.others).slice(0, MOST_TILES)) {
    facts.push([capital(label(name)), hasAge(name) ? `${said.value}, ${inWords(said.age_seconds)} ago` : String(said.value)]);
  }
  if (device.rssi_dbm !== null) {
    const adapter = device.adapter === null ? "" : `, by ${device.adapter}`;
    facts.push(["Signal", quantity(device.rssi_dbm, "dBm", brief) + adapter]);
  }
  facts.push(["Packets", packetsOf(device)]);
  if (device.format) facts.push(["Format", device.format]);
  for (const [name, value] of Object.entries(device.labels)) facts.push([capital(label(name)), value]);
  const makeFact = () => make("div", {}, [make("dt"), make("dd", {}, [make("bdi")])]);
  resize(parts.facts, facts.length, makeFact).forEach(({ children: [term, text] }, at) => {
    const [name, value] = facts[at];
    setText(term, name);
    setText(text.firstChild, value);
  });
}
