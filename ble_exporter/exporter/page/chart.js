// Draws the last hour of one measurement with axes, and a cursor that reads its values: by mouse, touch or keyboard.

import { make, setAttribute, setText } from "./dom.js";
import { extentOf, describe, leastSpan } from "./line.js";
import { loadScript, loadStyle } from "./loading.js";
import { brief, convert, quantity, withUnit } from "./words.js";

const UPLOT = "vendor/uplot-1.6.32";
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const STEP_S = 60;
const HEIGHT = 260;

async function loadLibrary() {
  await Promise.all([loadStyle(`${UPLOT}.css`), loadScript(`${UPLOT}.js`)]);
  return globalThis.uPlot;
}

function clock(seconds) {
  return CLOCK.format(new Date(seconds * 1000));
}

// Returns the times and values of an hour, with the current value as the last one.
function seriesOf({ points, end, now, value, unit }) {
  const times = points.map((_point, at) => end - (points.length - 1 - at) * STEP_S);
  const values = points.map((point) => (point === null ? null : convert(point, unit)[0]));
  if (value !== null) {
    times.push(Math.max(now, end + 1));
    values.push(convert(value, unit)[0]);
  }
  return [times, values];
}

// Returns the element of a chart and two functions: `show` draws an hour, and `end` frees the chart's resources.
export function makeCursor() {
  const box = make("div", { class: "chart", role: "img" });
  const time = make("span");
  const value = make("b");
  const slider = make("input", { type: "range", min: "0", "aria-label": "Cursor" });
  const stats = make("p", { class: "stats" });
  const element = make("div", { class: "cursor" }, [make("p", { class: "readout" }, [value, time]), box, slider, stats]);
  let hour = null;
  let series = [[], []];
  let plot = null;
  let kind = ""; // the properties of the hour that need a new chart when they change
  let at = null; // the position of the cursor; null while it follows the latest value

  const observer = new ResizeObserver(() => plot?.setSize({ width: box.clientWidth, height: HEIGHT }));
  observer.observe(box);
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  const recolor = () => {
    kind = "";
    if (hour) draw();
  };
  scheme.addEventListener("change", recolor);

  function read() {
    const [times, values] = series;
    const last = values.findLastIndex((one) => one !== null);
    const place = at === null ? last : Math.min(at, times.length - 1);
    const isThere = place >= 0 && values[place] !== null;
    const words = isThere ? textOf(values[place]) : "nothing heard";
    setText(value, place < 0 ? "" : words);
    setText(time, place < 0 ? "Nothing was heard in the last hour." : `${hour.name} at ${clock(times[place])}`);
    slider.max = String(Math.max(0, times.length - 1));
    slider.value = String(Math.max(0, place));
    slider.hidden = place < 0;
    setAttribute(slider, "aria-valuetext", place < 0 ? "" : `${clock(times[place])}: ${words}`);
  }

  // Returns a value of the series, which is converted already, with its unit.
  function textOf(converted) {
    // /status has the word for the current value only.
    if (hour.word) return Boolean(converted) === Boolean(hour.current) ? hour.word : `not ${hour.word}`;
    const unit = convert(0, hour.unit)[1];
    return quantity(converted, unit, unit === hour.unit && unit !== "°C" ? undefined : brief);
  }

  slider.addEventListener("input", () => {
    at = Number(slider.value);
    plot?.setCursor({ left: plot.valToPos(series[0][at], "x"), top: 0 });
    read();
  });

  async function draw() {
    const wanted = [hour.name, convert(0, hour.unit)[1], hour.isBinary, hour.value === null].join();
    if (kind === wanted) {
      plot?.setData(series);
      return;
    }
    kind = wanted;
    plot?.destroy();
    plot = null;
    if (series[1].every((one) => one === null)) {
      kind = "";
      return;
    }
    let uPlot;
    try {
      uPlot = await loadLibrary();
    } catch {
      setText(time, "The chart could not be loaded.");
      kind = "";
      return;
    }
    // Meanwhile, the user may have closed the dialog or chosen another measurement.
    if (kind !== wanted || !box.isConnected || plot !== null) return;
    plot = new uPlot(optionsOf(uPlot, hour, box, textOf, moved), series, box);
    followPointer(plot, (left) => plot?.setCursor({ left, top: 0 }));
  }

  function moved(self) {
    // The position is negative after the mouse has left the chart: the cursor then follows the latest value again.
    const isInside = self.cursor.left >= 0;
    at = isInside ? self.cursor.idx : null;
    if (hour) read();
  }

  function show(latest) {
    if (latest.name !== hour?.name) at = null;
    hour = { ...latest, isBinary: latest.word !== "" };
    series = seriesOf(hour);
    read();
    const extent = extentOf(hour.points, hour.value);
    setText(stats, extent === null || hour.isBinary ? "" : statsOf(series, textOf));
    setAttribute(box, "aria-label", extent === null ? "No value" : `${hour.name}. ${describe(extent, hour.unit)}`);
    draw();
  }

  function end() {
    observer.disconnect();
    scheme.removeEventListener("change", recolor);
    plot?.destroy();
    plot = hour = null;
    kind = "ended";
  }

  return { element, show, end };
}

function statsOf([times, values], textOf) {
  const heard = values.flatMap((value, at) => (value === null ? [] : [[value, times[at]]]));
  const [low, high] = [Math.min, Math.max].map((extreme) => extreme(...heard.map(([value]) => value)));
  const of = (wanted) => `${textOf(wanted)} at ${clock(heard.findLast(([value]) => value === wanted)[1])}`;
  return low === high ? `Constant at ${textOf(low)}` : `Minimum ${of(low)} · maximum ${of(high)}`;
}

// The library's own handlers follow only a mouse. `followPointer` replaces them, and also follows a finger or a pen.
const NO_HANDLERS = Object.fromEntries(
  ["mousedown", "mouseup", "click", "dblclick", "mousemove", "mouseleave", "mouseenter"].map((event) => [event, () => null]),
);

function followPointer({ over }, move) {
  const follow = (event) => move(event.clientX - over.getBoundingClientRect().left);
  over.addEventListener("pointerdown", follow);
  over.addEventListener("pointermove", follow);
  // A finger that is lifted leaves the cursor where it was.
  over.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && move(-10));
}

function optionsOf(uPlot, hour, box, textOf, moved) {
  const style = getComputedStyle(document.documentElement);
  const past = hour.value === null ? "--quiet" : "--line"; // past values are dimmed, as in the cards
  const [line, fill, quiet, rule, paper] = [past, "--fill", "--quiet", "--rule", "--card"].map((name) => style.getPropertyValue(name));
  const axis = { stroke: quiet, font: "12px system-ui, sans-serif", grid: { stroke: rule, width: 1 }, ticks: { show: false } };
  const isAlone = (values, at) => values[at] !== null && (values[at - 1] ?? null) === null && (values[at + 1] ?? null) === null;
  return {
    width: box.clientWidth,
    height: HEIGHT,
    padding: [12, 20, 0, 0],
    legend: { show: false },
    cursor: { bind: NO_HANDLERS, y: false, drag: { x: false, y: false }, points: { size: 10, stroke: line, fill: paper, width: 2 } },
    scales: {
      x: { range: (_self, low, high) => [Math.min(low, high - 59 * STEP_S), high] },
      y: { range: (_self, low, high) => limits(low, high, hour) },
    },
    axes: [
      { ...axis, space: 70, size: 28, values: (_self, splits) => splits.map(clock) },
      { ...axis, size: widthOf, splits: hour.isBinary ? () => [0, 1] : undefined, values: (_self, splits) => splits.map((split) => labelOf(split, hour, textOf)) },
    ],
    series: [
      {},
      {
        stroke: line,
        fill,
        width: 2,
        paths: hour.isBinary ? uPlot.paths.stepped({ align: 1 }) : undefined,
        points: {
          show: true,
          size: 5,
          fill: line,
          // A point without neighbours would otherwise be invisible.
          filter: (self) => self.data[1].flatMap((_value, at) => (isAlone(self.data[1], at) ? [at] : [])),
        },
      },
    ],
    hooks: { setCursor: [moved] },
  };
}

function labelOf(split, { isBinary, unit }, textOf) {
  if (isBinary) return split === 0 || split === 1 ? textOf(split) : "";
  return withUnit(String(Number(split.toFixed(3))).replace("-", "\u2212"), convert(0, unit)[1]);
}

// Returns the width of the vertical axis, so that its longest label fits.
function widthOf(_self, labels) {
  return 16 + 7 * Math.max(5, ...(labels ?? []).map((one) => one.length));
}

// Returns the ends of the vertical axis: noise must not fill it.
function limits(low, high, { unit, isBinary }) {
  if (isBinary) return [-0.1, 1.1];
  if (low === null) return [0, 1];
  const factor = unit === "°C" ? convert(1, unit)[0] - convert(0, unit)[0] : 1;
  const room = Math.max((high - low) * 0.08, (leastSpan(unit) * factor - (high - low)) / 2, 1e-9);
  return [low - room, high + room];
}
