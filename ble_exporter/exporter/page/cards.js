// Shows the devices as cards, in groups: the main value in large digits, the comfort, and the last hour as a shape.

import { comfort, dewPoint } from "./comfort.js";
import { make, makeSvg, resize, setAttribute, setText } from "./dom.js";
import { grouped } from "./groups.js";
import { describe, extentOf, makeChart, pathOf, scale } from "./line.js";
import { hasAge, readingsOf, stateOf, whyOf } from "./state.js";
import { brief, inWords, label, percent, quantity, rangeOf, reading as inFull, UNITS, unitOf, withUnit } from "./words.js";

const WIDTH = 240;
const HEIGHT = 60;
// The maximum number of readings below the main value; the device's dialog shows more.
const MOST_OTHERS = 3;
const LOW_BATTERY_PERCENT = 15;
// The smallest share of missed measurements that a card mentions.
const MANY_LOST = 0.05;
const OF_THE_BATTERY = ["battery", "voltage"];

const root = document.getElementById("cards");
let cards = []; // one for each device, in configuration order
let arranged = ""; // the groups and the order that are shown

export function build(devices) {
  cards = devices.map(makeCard);
  arranged = "";
  root.replaceChildren();
  if (devices.length === 0) root.append(empty());
}

export function clear() {
  cards = [];
  root.replaceChildren();
}

function empty() {
  const command = make("code", {}, ["ble-exporter discover --write config.yaml"]);
  return make("p", { class: "empty" }, ["No device is configured. ", command, " finds sensors and adds them."]);
}

function makeCard(device) {
  const card = { unit: "", name: "" };
  card.pill = make("span", { class: "pill" });
  card.value = make("b");
  card.second = make("span");
  const fill = makeSvg("path", { class: "fill" });
  const dot = makeSvg("path", { class: "dot" });
  Object.assign(card, makeChart("shape", WIDTH, HEIGHT, [fill]), { fill, dot });
  card.svg.append(dot);
  card.range = make("span", { "aria-hidden": "true" });
  card.dew = make("span");
  card.others = make("ul");
  card.why = make("p", { class: "why" });
  card.age = make("span");
  card.battery = make("span");
  card.rssi = make("span");
  card.lost = make("span");
  card.element = make("article", {}, [
    make("h3", {}, [make("a", { href: `#${device.address}` }, [make("bdi", {}, [device.name])]), card.pill]),
    make("p", { class: "big" }, [card.value, card.second]),
    card.svg,
    make("p", { class: "range" }, [card.range, card.dew]),
    card.others,
    card.why,
    make("footer", {}, [card.age, card.battery, card.rssi, card.lost]),
  ]);
  return card;
}

// Shows the cards in this order of positions, in groups by a label; without a label, in one group.
export function arrange(order, devices, by) {
  const groups = grouped(devices, order, by);
  // The cards are moved only if something has changed, because moving an element takes the focus away from it.
  const wanted = JSON.stringify(groups);
  if (wanted === arranged || devices.length === 0) return;
  arranged = wanted;
  const sections = groups.map(({ title, members }) => {
    const heading = title === "" ? make("h2", { class: "unseen" }, ["Devices"]) : make("h2", {}, [make("bdi", {}, [title])]);
    const inside = make("div", { class: "group" }, members.map((at) => cards[at].element));
    const span = groups.length === 1 || members.length > 3 ? "all" : String(members.length);
    return make("section", { "data-span": span }, [heading, inside]);
  });
  root.replaceChildren(...sections);
}

// Shows the values: `hourOf` returns the last hour of a device, measurement to points.
export function update(devices, hourOf) {
  devices.forEach((device, index) => updateCard(cards[index], device, hourOf(device)));
}

// Returns the name of the value in large digits: temperature, humidity, or the first that is not about the battery.
function mainOf(readings, hour) {
  const names = [...readings.keys(), ...hour.keys()];
  return ["temperature", "humidity"].find((name) => names.includes(name)) ?? names.find((name) => !OF_THE_BATTERY.includes(name)) ?? "";
}

function updateCard(card, device, hour) {
  const readings = readingsOf(device);
  const name = mainOf(readings, hour);
  const main = readings.get(name);
  const humidity = name === "temperature" ? readings.get("humidity") : undefined;
  card.comfort = main && humidity ? comfort(main.value, humidity.value) : "";
  card.unit = main?.unit ?? (card.name === name ? card.unit : (UNITS[name] ?? ""));
  card.name = name;
  setText(card.value, main ? inFull(main, brief) : "–");
  setText(card.second, humidity ? inFull(humidity, brief) : name === "temperature" || !main ? "" : label(name));
  const dew = main && humidity ? dewPoint(main.value, humidity.value) : null;
  setText(card.dew, dew === null ? "" : `dew point ${quantity(dew, "°C", brief)}`);
  updateShape(card, hour.get(name), main);
  updateOthers(card, device, readings, [name, humidity ? "humidity" : ""]);
  const battery = readings.get("battery");
  const isLow = battery !== undefined && battery.value <= LOW_BATTERY_PERCENT;
  setText(card.battery, battery ? `battery ${isLow ? "low, " : ""}${inFull(battery, brief)}` : "");
  setAttribute(card.battery, "class", isLow ? "warn" : "");
  setText(card.rssi, device.rssi_dbm === null ? "" : quantity(device.rssi_dbm, "dBm", brief));
  const lost = 1 - (device.measurements?.recent_share ?? 1);
  setText(card.lost, lost >= MANY_LOST ? `${percent(lost)} of measurements missed` : "");
}

function updateShape(card, points, main) {
  const extent = extentOf(points, main?.value ?? null);
  card.svg.classList.toggle("none", extent === null);
  if (extent === null) {
    setText(card.range, "");
    return;
  }
  const pieces = scale(points, extent, card.unit, WIDTH, HEIGHT);
  setText(card.title, describe(extent, card.unit));
  const isBinary = main !== undefined && main.text !== "";
  const range = withUnit(rangeOf(extent.low, extent.high, card.unit, brief, " – "), unitOf(card.unit));
  setText(card.range, isBinary ? "60 min" : `60 min: ${range}`);
  setAttribute(card.path, "d", pathOf(pieces));
  const areas = pieces.map((piece) => {
    const line = piece.map(([x, y]) => `${x} ${y}`).join("L");
    return `M${piece[0][0]} ${HEIGHT + 2}L${line}L${piece.at(-1)[0]} ${HEIGHT + 2}Z`;
  });
  setAttribute(card.fill, "d", areas.join(""));
  // A line without length is drawn as a dot, which stays round while the shape is stretched.
  const [x, y] = pieces.at(-1).at(-1);
  setAttribute(card.dot, "d", main && x === WIDTH ? `M${x} ${y}h0` : "");
}

function updateOthers(card, device, readings, shown) {
  const texts = [];
  for (const [name, one] of readings) {
    if (!shown.includes(name) && !OF_THE_BATTERY.includes(name)) texts.push(`${label(name)} ${inFull(one)}`);
  }
  for (const [name, said] of Object.entries(device.others)) {
    if (hasAge(name)) texts.push(`${label(name)} ${said.value}`);
  }
  const left = texts.length - MOST_OTHERS;
  if (left > 0) texts.splice(MOST_OTHERS, left, `and ${left} more`);
  const items = resize(card.others, texts.length, () => make("li", {}, [make("bdi")]));
  items.forEach((item, index) => setText(item.firstChild, texts[index]));
}

// Shows the states and the ages, `elapsed` seconds after the answer of /status.
export function tick(devices, elapsed, isKnown) {
  devices.forEach((device, index) => {
    const card = cards[index];
    const [state] = stateOf(device, isKnown);
    const age = device.age_seconds === null ? "" : inWords(device.age_seconds + elapsed);
    setAttribute(card.element, "data-state", state);
    setText(card.pill, pillOf(card, device, state, age));
    setAttribute(card.pill, "data-word", state === "heard" ? card.comfort || "none" : state);
    setText(card.why, whyOf(device, isKnown));
    setText(card.age, age === "" ? "" : `${age} ago`);
  });
}

function pillOf(card, device, state, age) {
  if (state === "heard") return card.comfort;
  if (state === "silent") return `silent for ${age}`;
  if (state === "late") return "late";
  if (state === "refused") return state;
  return state === "unknown" ? "not known" : device.state_text;
}
