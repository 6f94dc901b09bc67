// Describes a device in words, from the latest answer of /status.

import { inWords, percent } from "./words.js";

export const SYMBOLS = { heard: "●", late: "◐", silent: "○", refused: "✕", never_heard: "–", unknown: "?" };

// Returns the state for the symbol and the colour, and its words, without the age.
export function stateOf(device, isKnown) {
  if (!isKnown) return ["unknown", "not known"];
  if (device.state === "heard" && !device.is_late) return ["heard", "heard"];
  if (device.state !== "heard" && device.state !== "silent") return [device.state, device.state_text];
  const state = device.is_late ? "late" : device.state;
  if (device.interval_seconds === null) return [state, state];
  // A line breaks only after the comma.
  const usual = `usual interval ${inWords(device.interval_seconds)}`.replaceAll(" ", "\u00a0");
  return [state, `${state}, ${usual}`];
}

// Returns why a device is silent, as a sentence; empty if it is not silent.
export function whyOf(device, isKnown) {
  return isKnown && device.silence ? device.silence.text : "";
}

export function heardOf(devices) {
  const heard = devices.filter((device) => device.state === "heard").length;
  return `${heard} of ${devices.length} ${devices.length === 1 ? "device" : "devices"} heard`;
}

// Returns the number of packets and, if known, the share of the latest measurements that was heard.
export function packetsOf({ packets, measurements }) {
  return measurements ? `${packets}, ${percent(measurements.recent_share)} heard` : String(packets);
}

// Returns the readings that the page shows, by name.
export function readingsOf(device) {
  const shown = Object.entries(device.readings).filter(([name]) => !device.idle_pins.includes(name));
  return new Map(shown);
}

// Device information is shown without an age: unlike an event, it stays valid.
const OF_ITSELF = ["device_type", "firmware_version"];

export function hasAge(name) {
  return !OF_ITSELF.includes(name);
}

// Returns the identity of a device. If its address or its name changes, the page builds its elements again.
export function keyOf(device) {
  return `${device.address} ${device.name}`;
}
