// The user's choices, which the browser stores. If it can't, as in a private window, they last as long as the page.

// Behind a reverse proxy, other applications store their own choices under the same origin.
const PREFIX = "ble-exporter.";
const choices = new Map();

export function choice(name) {
  if (choices.has(name)) return choices.get(name);
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null;
  }
}

export function choose(name, value) {
  choices.set(name, value);
  try {
    localStorage.setItem(PREFIX + name, value);
  } catch {
    // The choice is kept in `choices` only.
  }
}
