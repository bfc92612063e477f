/** Small helpers to build and update a page from untrusted values: text only, never markup. */

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

/** An element with a class, an optional text and children. */
export function el(tag, className = "", text = null, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== null) element.textContent = text;
  element.append(...children);
  return element;
}

export function svg(tag, attributes = {}) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/** Writes only what changed: four updates a second must not break a text selection. */
export function text(element, value) {
  const next = String(value);
  if (element.textContent !== next) element.textContent = next;
}

/**
 * Makes the children of `parent` mirror `items`, keeping the element of each key,
 * so that transitions run and the focus stays.
 */
export function sync(parent, items, keyOf, create, update) {
  const old = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let cursor = parent.firstElementChild;
  for (const item of items) {
    const key = String(keyOf(item));
    let child = old.get(key);
    if (child) old.delete(key);
    else {
      child = create(item);
      child.dataset.key = key;
    }
    if (child === cursor) cursor = cursor.nextElementSibling;
    else parent.insertBefore(child, cursor);
    update(child, item);
  }
  old.forEach((child) => child.remove());
}

export const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

export const clamp = (value, low = 0, high = 1) => Math.min(high, Math.max(low, value));

/** A number for reading, or a dash where there is none. */
export function number(value, digits = 0, unit = "") {
  if (!isNumber(value)) return "–";
  const shown = value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return unit ? `${shown}\u00a0${unit}` : shown;
}

export const percent = (value) => (isNumber(value) ? `${Math.round(clamp(value) * 100)}\u00a0%` : "");

export const list = (value) => (Array.isArray(value) ? value.filter((item) => item && typeof item === "object") : []);

export const record = (value) => (value && typeof value === "object" && !Array.isArray(value) ? value : {});

/** The hour, minute and second of a time stamp as written: the device's clock is the one that counts. */
export function clock(stamp, withSeconds = true) {
  const match = /(\d\d:\d\d)(:\d\d)?/.exec(typeof stamp === "string" ? stamp : "");
  return match ? match[1] + (withSeconds ? (match[2] ?? "") : "") : "";
}
