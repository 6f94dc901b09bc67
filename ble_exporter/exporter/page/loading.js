// Loads the files that only an opened device needs. After a failure, the next call tries again.

import { make } from "./dom.js";

const loads = new Map(); // address to the promise of the file

function load(address, element) {
  if (!loads.has(address)) {
    const isLoaded = new Promise((resolve, reject) => {
      element.addEventListener("load", resolve);
      element.addEventListener("error", () => {
        // The page may be open for months while a proxy blocks the file: elements that failed must not pile up.
        element.remove();
        loads.delete(address);
        reject(new Error(address));
      });
    });
    loads.set(address, isLoaded);
    document.head.append(element);
  }
  return loads.get(address);
}

export function loadStyle(address) {
  return load(address, make("link", { rel: "stylesheet", href: address }));
}

export function loadScript(address) {
  return load(address, make("script", { src: address }));
}
