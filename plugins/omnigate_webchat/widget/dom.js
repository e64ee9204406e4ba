/** Building elements. Text goes in as text nodes; nothing here parses markup. */

/**
 * @typedef {Node | string | null | false | undefined} Child
 */

/**
 * Make an element. Functions are listeners, `value` is a property, the rest are attributes; what is
 * null or false is left out.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any>} [props]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  if (tag === "button") props = { type: "button", ...props };
  for (const [name, value] of Object.entries(props)) {
    if (value == null || value === false) continue;
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else if (name === "value") /** @type {any} */ (node).value = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  fill(node, ...children);
  return node;
}

/**
 * Replace what a node holds.
 * @param {Node} node
 * @param {...Child} children
 */
export function fill(node, ...children) {
  const kept = children.filter(Boolean);
  /** @type {Element} */ (node).replaceChildren(.../** @type {(Node | string)[]} */ (kept));
}

/**
 * Set text only when it is another: live regions speak on every write.
 * @param {Node} node
 * @param {string} text
 */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

const RING = "M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17z";
const PATHS = {
  chat: "M12 3.5c-5 0-9 3.4-9 7.7 0 2.4 1.3 4.6 3.3 6 .1 1.2-.4 2.3-1.3 3.3 1.9 0 3.5-.7 4.6-1.8.8.2 1.6.3 2.4.3 5 0 9-3.4 9-7.8S17 3.5 12 3.5z",
  close: "M6 6l12 12M18 6L6 18",
  down: "M6 9.5l6 6 6-6",
  send: "M12 20V5M5.5 11.5L12 5l6.5 6.5",
  clip: "M19.5 11.5l-7.8 7.8a5 5 0 0 1-7-7l8.3-8.4a3.4 3.4 0 0 1 4.8 4.8l-8.4 8.3a1.7 1.7 0 0 1-2.4-2.4l7.6-7.6",
  pin: "M12 21c4.5-4.6 7-8.2 7-11.2A7 7 0 0 0 5 9.8C5 12.8 7.5 16.4 12 21zM12 12.3a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z",
  file: "M13.5 3.5H7A1.5 1.5 0 0 0 5.5 5v14A1.5 1.5 0 0 0 7 20.5h10a1.5 1.5 0 0 0 1.5-1.5V8.5zM13.5 3.5v5h5",
  one: "M5 12.5l4.5 4.5L19 7.5",
  two: "M2 12.5l4.5 4.5L16 7.5M11.5 16.5l.5.5L21.5 7.5",
  wait: "M12 7.5V12l3 2" + RING,
  fault: "M12 7.5v5.5M12 16.3v.2" + RING,
  star: "M12 3.5l2.6 5.5 6 .8-4.4 4.2 1.1 6L12 17.1 6.7 20l1.1-6L3.4 9.8l6-.8z",
};

const SVG = "http://www.w3.org/2000/svg";

/**
 * Make an element of a drawing.
 * @param {string} tag
 * @param {Record<string, string>} attributes
 */
export function svgNode(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

/**
 * Draw a picture of strokes.
 * @param {string} d
 * @param {string} name
 */
export function stroke(d, name) {
  const svg = svgNode("svg", { viewBox: "0 0 24 24", "aria-hidden": "true", class: "icon i-" + name });
  svg.append(svgNode("path", { d }));
  return svg;
}

/** @param {keyof typeof PATHS} name */
export const icon = (name) => stroke(PATHS[name], name);

/**
 * A button that shows only a picture; its label is read out and shown as a tip.
 * @param {keyof typeof PATHS} picture
 * @param {string} label
 * @param {(event: Event) => void} onclick
 * @param {string} [style]
 */
export function iconButton(picture, label, onclick, style = "") {
  return el(
    "button",
    { class: "tool " + style, "aria-label": label, title: label, onclick },
    icon(picture),
  );
}

/**
 * A round picture of a person, or the first letter of the name where there is none.
 * @param {{ name?: string | null, avatar_url?: string | null } | null | undefined} author
 * @param {string} fallback
 * @param {string | null} [url]
 */
export function avatar(author, fallback, url) {
  const letter = [...(author?.name || fallback).trim()][0]?.toUpperCase() ?? "";
  const node = el("span", { class: "avatar", "aria-hidden": "true" }, letter);
  if (url) {
    const picture = el("img", { alt: "", referrerpolicy: "no-referrer" });
    picture.onload = () => node.replaceChildren(picture);
    picture.src = url;
  }
  return node;
}
