// Draws the last hour of a value: a line with gaps where nothing was heard, and its minimum and maximum.

import { make, makeSvg, setAttribute, setText } from "./dom.js";
import { rangeOf, unitOf, withUnit } from "./words.js";

const WIDTH = 120;
const HEIGHT = 24;
// The smallest range that fills the height, by unit: twenty times the usual noise, so that 15 mV of a battery, 0.1 °C
// or 1 % look flat. With any other unit, such as that of an energy meter, even a small change fills the height.
const LEAST_SPAN = new Map([
  ["°C", 2],
  ["%", 20],
  ["V", 0.3],
  ["hPa", 4],
  ["lx", 20],
  ["ppm", 400],
  ["µg/m³", 40],
  ["µS/cm", 100],
  ["kg", 1],
  ["m", 0.2],
  ["A", 0.2],
  ["W", 20],
  ["rpm", 20],
  ["°", 20],
  ["m/s", 1],
  ["m/s²", 1],
  ["°/s", 20],
  ["m³/h", 0.2],
  ["", 1],
]);

// Returns the smallest range that fills the height of a chart.
export function leastSpan(unit) {
  return LEAST_SPAN.get(unit) ?? 0;
}

// Returns the elements of an hour, which are shown while it has a point. The caller may set `unit` and `isBinary`.
export function makeHour(unit = "") {
  const chart = makeChart("line", WIDTH, HEIGHT);
  // A screen reader reads the range in the title.
  const range = make("small", { class: "range", "aria-hidden": "true" });
  return { ...chart, element: make("div", { class: "hour" }, [chart.svg, range]), range, unit, isBinary: false };
}

// Returns an empty line chart with a description for screen readers.
export function makeChart(name, width, height, more = []) {
  const title = makeSvg("title");
  const path = makeSvg("path");
  const attributes = { class: name, role: "img", viewBox: `-2 -2 ${width + 4} ${height + 4}`, preserveAspectRatio: "none" };
  return { svg: makeSvg("svg", attributes, [title, ...more, path]), title, path };
}

// Returns the extent of an hour's points and of the current value, or null without points. The value may be newer than
// the points, which are requested once a minute.
export function extentOf(points, value) {
  const heard = (points ?? []).filter((point) => point !== null);
  if (heard.length === 0) return null;
  const all = value === null ? heard : [...heard, value];
  return { low: Math.min(...all), high: Math.max(...all), heard: heard.length, minutes: points.length };
}

// Returns the description of an hour for a screen reader.
export function describe({ low, high, heard, minutes }, unit) {
  return `Last hour: ${withUnit(rangeOf(low, high, unit), unitOf(unit))}, heard in ${heard} of ${minutes} minutes`;
}

// Draws the points; `value` is the current value, or null.
export function drawHour(hour, parent, points, value) {
  const extent = extentOf(points, value);
  if (extent === null) {
    hour.element.remove();
    return;
  }
  const { low, high } = extent;
  setText(hour.title, describe(extent, hour.unit));
  // The range of a value that has not changed would repeat the value; the words of a binary sensor have no range.
  setText(hour.range, hour.isBinary || low === high ? "" : rangeOf(low, high, hour.unit));
  setAttribute(hour.path, "d", pathOf(scale(points, extent, hour.unit, WIDTH, HEIGHT)));
  if (hour.element.parentNode !== parent) parent.append(hour.element);
}

// Returns the pieces of the line between the gaps; each is a list of places [x, y].
export function scale(points, { low, high }, unit, width, height) {
  const span = Math.max(high - low, leastSpan(unit));
  const pieces = [];
  points.forEach((point, index) => {
    if (point === null) return;
    const x = Math.round((index * width) / (points.length - 1));
    const y = height * (0.5 - (span ? (point - (low + high) / 2) / span : 0));
    if (index === 0 || points[index - 1] === null) pieces.push([]);
    pieces.at(-1).push([x, Number(y.toFixed(1))]);
  });
  return pieces;
}

export function pathOf(pieces) {
  // A point without neighbours is drawn as a dash.
  const drawn = pieces.map((piece) =>
    piece.length === 1 ? `M${piece[0][0] - 1} ${piece[0][1]}h2` : `M${piece.map(([x, y]) => `${x} ${y}`).join("L")}`,
  );
  return drawn.join("");
}
