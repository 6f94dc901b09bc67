// Draws the last hour of a value, as a line with gaps where nothing was heard.

import { setAttribute, setText } from "./dom.js";
import { number, withUnit } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 120;
const HEIGHT = 24;
// Unit to the smallest range that fills the height, so that noise of 0.1 °C does not look like a peak.
const LEAST_SPAN = new Map([["°C", 1], ["%", 1]]);

export function makeLine() {
  const svg = document.createElementNS(SVG, "svg");
  const title = document.createElementNS(SVG, "title");
  const path = document.createElementNS(SVG, "path");
  svg.setAttribute("class", "line");
  svg.setAttribute("role", "img");
  svg.setAttribute("viewBox", `-2 -2 ${WIDTH + 4} ${HEIGHT + 4}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.append(title, path);
  return { svg, title, path };
}

export function drawLine(line, parent, points, unit) {
  const heard = (points ?? []).filter((point) => point !== null);
  if (heard.length === 0) {
    line.svg.remove();
    return;
  }
  const low = Math.min(...heard);
  const high = Math.max(...heard);
  const range = low === high ? number(low) : `${number(low)} to ${number(high)}`;
  setText(line.title, `Last hour: ${withUnit(range, unit)}, heard in ${heard.length} of ${points.length} minutes`);
  setAttribute(line.path, "d", pathOf(points, (low + high) / 2, Math.max(high - low, LEAST_SPAN.get(unit) ?? 0)));
  if (line.svg.parentNode !== parent) parent.append(line.svg);
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
