// Sorts the rows by a column, as sorting.py does, when a link of the table's header is clicked.

import { setAttribute } from "./dom.js";

// The devices that need attention come first.
const STATES = ["refused", "silent", "never_heard", "heard"];
const NAMES = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
// Ages and signal strengths change all the time. Rows whose values differ by no more than this keep their places.
const TOLERANCE = { age: 60, rssi: 10 };
const KEYS = {
  device: (device) => device.name,
  state: (device) => STATES.indexOf(device.state) - (device.is_late ? 0.5 : 0),
  age: (device) => device.age_seconds ?? Infinity,
  rssi: (device) => device.rssi_dbm,
  packets: (device) => device.packets,
};

const links = [...document.querySelectorAll("thead a")];
let sort = new URLSearchParams(location.search).get("sort") ?? "";
let order = []; // positions in the configuration, in the order of the rows

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

// Moves the elements of the rows into the chosen order; `elements` are in the order of the configuration.
export function arrange(body, elements, devices, isNew) {
  const by = chosen();
  if (order.length !== devices.length || by === null) order = devices.map((_device, at) => at);
  if (by !== null && (isNew || !isInOrder(devices, by))) {
    order.sort((one, other) => compare(by.key(devices[one]), by.key(devices[other]), by.sign) || one - other);
  }
  order.forEach((at, place) => {
    if (body.rows[place] !== elements[at]) body.insertBefore(elements[at], body.rows[place] ?? null);
  });
}

function showHeader() {
  const by = chosen();
  for (const link of links) {
    const { column } = link.dataset;
    const header = link.closest("th");
    const isChosen = by?.column === column;
    if (isChosen) setAttribute(header, "aria-sort", by.sign < 0 ? "descending" : "ascending");
    else header.removeAttribute("aria-sort");
    setAttribute(link, "href", `?sort=${isChosen ? (by.sign < 0 ? "" : `-${column}`) : column}`);
  }
}

// Calls `changed` when the user has chosen another order.
export function onSort(changed) {
  for (const link of links) {
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      history.replaceState(null, "", link.getAttribute("href"));
      sort = new URLSearchParams(location.search).get("sort") ?? "";
      showHeader();
      changed();
    });
  }
}
