// Draws the last hour of a value: a line with gaps where nothing was heard, and its minimum and maximum.

import { make, setAttribute, setText } from "./dom.js";
import { number, withUnit } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 120;
const HEIGHT = 24;
// Unit to the smallest range that fills the height: twenty times a value's change while nothing happens, so that 15 mV
// of a battery, 0.1 °C or 1 % look flat. In any other unit, such as that of a meter, even a small change fills it.
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

// Returns the elements of an hour, which are shown while it has a point. The caller may set `unit` and `isBinary`.
export function makeHour(unit = "") {
  const svg = document.createElementNS(SVG, "svg");
  const title = document.createElementNS(SVG, "title");
  const path = document.createElementNS(SVG, "path");
  svg.setAttribute("class", "line");
  svg.setAttribute("role", "img");
  svg.setAttribute("viewBox", `-2 -2 ${WIDTH + 4} ${HEIGHT + 4}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.append(title, path);
  // A screen reader reads the range in the title.
  const range = make("small", { class: "range", "aria-hidden": "true" });
  return { element: make("div", { class: "hour" }, [svg, range]), title, path, range, unit, isBinary: false };
}

// Draws the points; `value` is the current value, or null. The range must contain this value, although it may be newer
// than the points, which are requested once a minute.
export function drawHour(hour, parent, points, value) {
  const heard = (points ?? []).filter((point) => point !== null);
  if (heard.length === 0) {
    hour.element.remove();
    return;
  }
  const all = value === null ? heard : [...heard, value];
  const low = Math.min(...all);
  const high = Math.max(...all);
  const range = low === high ? number(low) : `${number(low)} to ${number(high)}`;
  setText(hour.title, `Last hour: ${withUnit(range, hour.unit)}, heard in ${heard.length} of ${points.length} minutes`);
  // The range of a value that has not changed would repeat the value; the words of a binary sensor have no range.
  setText(hour.range, hour.isBinary || low === high ? "" : range);
  setAttribute(hour.path, "d", pathOf(points, (low + high) / 2, Math.max(high - low, LEAST_SPAN.get(hour.unit) ?? 0)));
  if (hour.element.parentNode !== parent) parent.append(hour.element);
}

function pathOf(points, middle, span) {
  const steps = points.map((point, index) => {
    if (point === null) return "";
    const x = Math.round((index * WIDTH) / (points.length - 1));
    const y = (HEIGHT * (0.5 - (span ? (point - middle) / span : 0))).toFixed(1);
    const follows = (points[index - 1] ?? null) !== null;
    // A point without neighbours is drawn as a dash.
    const isAlone = !follows && (points[index + 1] ?? null) === null;
    return isAlone ? `M${x - 1} ${y}h2` : `${follows ? "L" : "M"}${x} ${y}`;
  });
  return steps.join("");
}
