// Sorts the devices by a column, as sorting.py does. The user chooses the column in the header of the table, or in the
// list above the cards.

import { setAttribute } from "./dom.js";

// The devices that need attention come first.
const STATES = ["refused", "silent", "never_heard", "heard"];
const NAMES = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
// Ages and signal strengths change all the time. Devices whose values differ by no more than this keep their places.
const TOLERANCE = { age: 60, rssi: 10 };
const KEYS = {
  device: (device) => device.name,
  state: (device) => STATES.indexOf(device.state) - (device.is_late ? 0.5 : 0),
  age: (device) => device.age_seconds ?? Infinity,
  rssi: (device) => device.rssi_dbm,
  packets: (device) => device.packets,
};

const links = [...document.querySelectorAll("thead a")];
const list = document.getElementById("sort");
const direction = document.getElementById("direction");
let sort = "";
let order = []; // positions in the configuration, in the chosen order

function chosen() {
  const column = sort.replace(/^-/, "");
  if (!links.some((link) => link.dataset.column === column)) return null;
  const key = KEYS[column] ?? ((device) => device.readings[column]?.value ?? null);
  return { column, key, sign: sort.startsWith("-") ? -1 : 1 };
}

// Returns a positive number if `one` belongs after `other`. Devices without a value come last in both directions.
function compare(one, other, sign) {
  if (one === other) return 0;
  if (one === null || other === null) return one === null ? Infinity : -Infinity;
  return sign * (typeof one === "string" ? NAMES.compare(one, other) : one - other);
}

function isInOrder(devices, { column, key, sign }) {
  const tolerance = TOLERANCE[column] ?? 0;
  return order.every((at, place) => place === 0 || compare(key(devices[order[place - 1]]), key(devices[at]), sign) <= tolerance);
}

// Returns the positions of the devices in the chosen order. `isNew` says whether the order or the devices are new.
export function sorted(devices, isNew) {
  const by = chosen();
  if (order.length !== devices.length || by === null) order = devices.map((_device, at) => at);
  if (by !== null && (isNew || !isInOrder(devices, by))) {
    order.sort((one, other) => compare(by.key(devices[one]), by.key(devices[other]), by.sign) || one - other);
  }
  return order;
}

function show() {
  const by = chosen();
  for (const link of links) {
    const { column } = link.dataset;
    const header = link.closest("th");
    const isChosen = by?.column === column;
    if (isChosen) setAttribute(header, "aria-sort", by.sign < 0 ? "descending" : "ascending");
    else header.removeAttribute("aria-sort");
    setAttribute(link, "href", `?sort=${isChosen ? (by.sign < 0 ? "" : `-${column}`) : column}`);
  }
  list.value = by?.column ?? "";
  direction.hidden = by === null;
  direction.textContent = by?.sign < 0 ? "▼" : "▲";
  setAttribute(direction, "aria-label", by?.sign < 0 ? "Descending order; change to ascending" : "Ascending order; change to descending");
}

// Reads the order from the page's address, and calls `changed` when the user has chosen another order.
export function onSort(changed) {
  const go = (wanted) => {
    history.replaceState(null, "", `?sort=${wanted}${location.hash}`);
    sort = wanted;
    show();
    changed();
  };
  for (const link of links) {
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      go(new URL(link.href).searchParams.get("sort"));
    });
  }
  list.addEventListener("change", () => go(list.value));
  direction.addEventListener("click", () => go(sort.startsWith("-") ? sort.slice(1) : `-${sort}`));
  sort = new URLSearchParams(location.search).get("sort") ?? "";
  show();
}
