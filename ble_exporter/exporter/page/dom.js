// DOM helpers: strings are inserted as text, never as HTML, and unchanged nodes are not touched.

export function make(tag, attributes = {}, children = []) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export function makeSvg(tag, attributes = {}, children = []) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// Removes or adds children until a node has this number of them, and returns them.
export function resize(parent, length, makeChild) {
  while (parent.children.length > length) parent.lastChild.remove();
  while (parent.children.length < length) parent.append(makeChild());
  return [...parent.children];
}

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}
