// Formats numbers and durations as rows.py and utils.py do, and temperatures in the unit that the user has chosen.

// The units of the measurements with columns of their own, for values of /history that are no longer in /status.
export const UNITS = { temperature: "°C", humidity: "%", battery: "%" };

let isFahrenheit = false;

// Shows all temperatures in °F, or in °C.
export function useFahrenheit(wanted) {
  isFahrenheit = wanted;
}

// Returns a value and its unit as the user wants them.
export function convert(value, unit) {
  if (unit !== "°C" || !isFahrenheit) return [value, unit];
  // The decimals beyond the second come from the conversion, not from the sensor.
  return [Math.round((value * 1.8 + 32) * 100) / 100, "°F"];
}

export function inWords(seconds) {
  for (const [unit, length, most] of [["s", 1, 90], ["min", 60, 90], ["h", 3600, 48]]) {
    const count = Math.round(seconds / length);
    if (count <= most) return `${count} ${unit}`;
  }
  return `${Math.round(seconds / 86400)} days`;
}

export function number(value) {
  return String(Number(Math.abs(value) >= 1 ? value.toFixed(3) : value.toPrecision(3)));
}

// Returns a number with few digits, to be read at a glance: 21.6 for °C, 55 for %.
export function brief(value, unit) {
  const text = unit === "°C" || unit === "°F" ? value.toFixed(1) : unit === "%" ? value.toFixed(0) : number(value);
  return text.replace("-", "\u2212");
}

export function withUnit(text, unit) {
  return unit ? `${text}\u00a0${unit}` : text;
}

// Returns a value of /status or /history as a number with its unit.
export function quantity(value, unit, format = number) {
  const [shown, shownUnit] = convert(value, unit);
  return withUnit(format(shown, shownUnit), shownUnit);
}

// Returns a range as text, without its unit; a single number if both ends look the same.
export function rangeOf(low, high, unit, format = number, separator = " to ") {
  const ends = [low, high].map((value) => convert(value, unit)).map(([value, shown]) => format(value, shown));
  return ends[0] === ends[1] ? ends[0] : ends.join(separator);
}

export function unitOf(unit) {
  return convert(0, unit)[1];
}

export function percent(share) {
  return withUnit(Math.round(100 * share), "%");
}

// Returns the number that the sensor sent; an empty string if that is the number shown.
export function sentOf({ value, raw, unit }) {
  return value === raw ? "" : quantity(raw, unit);
}

// Returns a reading of /status in words or as a number.
export function reading({ value, unit, text }, format = number) {
  return text || quantity(value, unit, format);
}

export function label(measurement) {
  return measurement.replaceAll("_", " ");
}

export function capital(text) {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
