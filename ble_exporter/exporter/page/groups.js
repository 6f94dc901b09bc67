// Groups the devices by a label: the one that the user chose; by default, `room` or, if there is none, the most frequent.

import { capital, label as inWords } from "./words.js";

const PREFERRED = "room";

function labelsOf(device) {
  return Object.entries(device.labels);
}

// Returns the names of the labels, the most frequent first.
export function labelNames(devices) {
  const counts = new Map();
  for (const device of devices) {
    for (const [name] of labelsOf(device)) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts.keys()].sort((one, other) => counts.get(other) - counts.get(one) || (one < other ? -1 : 1));
}

// Returns the label to group by, or "" for no groups. `chosen` is the user's choice; null before the first one.
export function labelFor(devices, chosen) {
  const names = labelNames(devices);
  if (chosen === "" || names.includes(chosen)) return chosen;
  return names.includes(PREFERRED) ? PREFERRED : (names[0] ?? "");
}

// Returns the groups, each with its title and the positions of its devices, in the order of `positions`. The groups are
// in the order of the configuration; the devices without the label come last.
export function grouped(devices, positions, label) {
  const groups = new Map();
  const rest = { title: `Without ${inWords(label)}`, members: [] };
  for (const device of devices) {
    const value = new Map(labelsOf(device)).get(label);
    if (value !== undefined && !groups.has(value)) groups.set(value, { title: titleOf(label, value), members: [] });
  }
  for (const at of positions) {
    (groups.get(new Map(labelsOf(devices[at])).get(label)) ?? rest).members.push(at);
  }
  if (groups.size === 0) rest.title = "";
  return rest.members.length > 0 ? [...groups.values(), rest] : [...groups.values()];
}

// A number alone says nothing: the title of floor="1" is "Floor 1".
function titleOf(label, value) {
  return /^[-\d.]*$/.test(value) ? `${capital(inWords(label))} ${value}` : value;
}
