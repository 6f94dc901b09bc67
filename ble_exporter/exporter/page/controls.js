// The user's choices: cards or table, the label by which the cards are grouped, and the unit of temperatures.

import { make } from "./dom.js";
import { labelFor, labelNames } from "./groups.js";
import { choice, choose } from "./settings.js";
import { capital, label as inWords, useFahrenheit } from "./words.js";

// With more devices, a table is easier to survey.
const MOST_CARDS = 60;
const NO_GROUPS = "none";
const BY = "label:";

const controls = document.getElementById("controls");
const views = [...controls.querySelectorAll("input[name=view]")];
const units = [...controls.querySelectorAll("input[name=unit]")];
const groups = document.getElementById("groups");
let names = [];

function chosenLabel() {
  const kept = choice("groups");
  if (kept === NO_GROUPS) return "";
  return kept?.startsWith(BY) ? kept.slice(BY.length) : null;
}

// Shows the choices that these devices offer; returns the view and the label that apply.
export function showChoices(devices) {
  const kept = choice("view");
  const wanted = ["cards", "table"].includes(kept) ? kept : devices.length > MOST_CARDS ? "table" : "cards";
  const label = labelFor(devices, chosenLabel());
  const latest = labelNames(devices);
  if (latest.join() !== names.join() || groups.options.length === 0) {
    names = latest;
    const options = names.map((name) => make("option", { value: BY + name }, [capital(inWords(name))]));
    groups.replaceChildren(...options, make("option", { value: NO_GROUPS }, ["Nothing"]));
  }
  groups.value = label === "" ? NO_GROUPS : BY + label;
  groups.parentElement.hidden = names.length === 0;
  for (const input of views) input.checked = input.value === wanted;
  controls.hidden = false;
  return { wanted, label };
}

function changed(name, value) {
  choose(name, value);
  document.dispatchEvent(new Event("choice"));
}

function showUnit(unit) {
  useFahrenheit(unit === "F");
  for (const input of units) input.checked = input.value === unit;
}

for (const input of views) input.addEventListener("change", () => changed("view", input.value));
for (const input of units) {
  input.addEventListener("change", () => {
    showUnit(input.value);
    changed("unit", input.value);
  });
}
groups.addEventListener("change", () => changed("groups", groups.value));
showUnit(choice("unit") === "F" ? "F" : "C");
