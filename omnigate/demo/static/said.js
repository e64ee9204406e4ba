/** What was said, as the desk shows it. */

import { clock, element } from "./dom.js";
import { wordsSaid } from "./happened.js";

/** @typedef {import("./types").Message} Message */

const TICKS = new Map([["queued", "🕓"], ["sending", "🕓"], ["sent", "✓ sent"], ["delivered", "✓✓ delivered"], ["read", "✓✓ read"], ["failed", "✗ failed"], ["unknown", "? unknown"]]);

/**
 * @param {Message} message
 * @param {string[]} reactions
 * @param {Node[]} acts what can be done to it
 */
export function said(message, reactions, acts) {
  const out = message.direction === "outbound";
  const shown = element("div", { class: out ? "said out" : "said" });
  for (const file of message.attachments) {
    if (file.kind === "image" && file.url) shown.append(element("img", { src: file.url, alt: file.name ?? "picture" }));
    else shown.append(element("div", {}, `📎 ${file.name ?? file.kind}`));
  }
  if (message.location) shown.append(element("div", {}, `📍 ${message.location.title ?? ""} ${message.location.latitude.toFixed(4)}, ${message.location.longitude.toFixed(4)}`));
  if (message.shared_contact) shown.append(element("div", {}, `☎ ${message.shared_contact.display_name ?? ""} ${message.shared_contact.phone ?? ""}`));
  shown.append(message.state === "deleted" ? "(deleted)" : wordsSaid(message));
  const labels = message.buttons.flat().map((button) => element("span", {}, button.label));
  if (labels.length && message.state !== "deleted") shown.append(element("div", { class: "buttons" }, ...labels));
  const state = out ? ` · ${TICKS.get(message.state) ?? message.state}` : message.state === "edited" ? " · edited" : "";
  const name = out && message.author?.name ? `${message.author.name} · ` : "";
  shown.append(element("small", {}, name + clock(message.created_at) + state));
  const line = element("li", { class: out ? "line out" : "line", "data-message": message.id }, shown);
  if (reactions.length) line.append(element("span", { class: "reactions", "aria-label": "Reactions" }, reactions.join(" ")));
  if (acts.length) line.append(element("div", { class: "acts" }, ...acts));
  return line;
}

/** @param {string} words about something that happened and nobody said */
export function told(words) {
  return element("li", { class: "told" }, words);
}
