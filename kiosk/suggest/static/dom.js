/** Small helpers to build a page from untrusted values: text only, never markup. */

export const byId = (id) => document.getElementById(id);

/** An element with a class, an optional text and children. */
export function el(tag, className = "", text = null, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== null) element.textContent = text;
  element.append(...children);
  return element;
}

export const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

export const clamp = (value, low = 0, high = 1) => Math.min(high, Math.max(low, value));

export const percent = (value) => (isNumber(value) ? `${Math.round(clamp(value) * 100)}\u00a0%` : "");

export const known = (value) => (typeof value === "string" && value !== "unknown" ? value.replace("-", "–") : null);

export const spoken = (id) => (typeof id === "string" && id ? id.replaceAll("-", " ") : "–");

/** How a face is drawn: too small, pointing elsewhere, or looking. */
export const kindOf = (face) => (!face.large_enough ? "small" : face.looking ? "looking" : "away");
