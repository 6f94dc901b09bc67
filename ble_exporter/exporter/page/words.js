// Formats numbers and durations as rows.py and utils.py do.

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

export function withUnit(text, unit) {
  return unit ? `${text}\u00a0${unit}` : text;
}

// Returns a text with the number that the sensor sent; an empty string if that is the number shown.
export function rawOf({ value, raw, unit }) {
  return value === raw ? "" : `(raw ${withUnit(number(raw), unit)})`;
}

export function label(measurement) {
  return measurement.replaceAll("_", " ");
}

export function capital(text) {
  return text[0].toUpperCase() + text.slice(1);
}
