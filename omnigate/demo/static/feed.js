/** The middle pane: every webhook as it came, the newest first, and what the customer does just now. */

import { clock, element, part } from "./dom.js";
import { cameFrom, gistOf } from "./happened.js";
import { pretty } from "./json.js";

/** @typedef {import("./types").Delivery} Delivery */
/** @typedef {import("./types").Envelope} Envelope */

const MOST_CARDS = 300;
const DRAFT_SHOWN_MS = 8000;

const feed = part("feed", HTMLElement);
const empty = part("empty", HTMLElement);
const count = part("count", HTMLElement);
const peek = part("peek", HTMLElement);
const where = part("where", HTMLElement);
const draft = part("draft", HTMLElement);
const presence = /** @type {HTMLElement} */ (peek.querySelector(".presence"));

let taken = 0;
/** @type {HTMLDetailsElement | null} the one that was opened for the reader, not by them */
let opened = null;
let fading = 0;

/** @param {Delivery} delivery */
export function show(delivery) {
  const event = delivery.body;
  if (event && event.sequence === null && isFleeting(event)) return glimpse(event);
  empty.hidden = true;
  taken += 1;
  count.textContent = String(taken);
  const card = cardOf(delivery);
  feed.prepend(card);
  while (feed.querySelectorAll(".card").length > MOST_CARDS) feed.querySelector(".card:last-of-type")?.remove();
  if (event?.type === "message.received") {
    if (opened) opened.open = false;
    card.open = true;
    opened = card;
    say("");
    look(event);
  }
}

/** @param {Envelope} event */
function isFleeting(event) {
  return ["typing", "presence", "page.viewed"].includes(event.type);
}

/**
 * Show what is never stored: typing, coming and going, the page in view.
 * @param {Envelope} event
 */
function glimpse(event) {
  look(event);
  if (event.data.typing) say(event.data.typing.draft ?? "…");
  if (event.data.presence) {
    presence.classList.toggle("on", event.data.presence.online);
    if (!event.data.presence.online) say("");
  }
}

/** @param {Envelope} event */
function look(event) {
  peek.hidden = false;
  if (event.type !== "presence") presence.classList.add("on");
  const page = event.data.page?.title ?? event.conversation?.context.title;
  const name = event.contact?.display_name ?? "Visitor";
  if (page) where.textContent = `${name} looks at “${page}”`;
  else where.textContent = `${name} is here`;
}

/** @param {string} text */
function say(text) {
  draft.textContent = text;
  draft.classList.toggle("on", text !== "");
  clearTimeout(fading);
  if (text) fading = setTimeout(() => say(""), DRAFT_SHOWN_MS);
}

/** @param {Delivery} delivery */
function cardOf(delivery) {
  const event = delivery.body;
  const type = event?.type ?? "refused";
  const number = event?.sequence ? `#${event.sequence} · ` : "";
  const badge = delivery.verified
    ? element("span", { class: "badge", title: "The signature was verified with the shared secret" }, "✓ verified")
    : element("span", { class: "badge bad", title: delivery.problem ?? "" }, "✗ refused");
  const seen = element("span", {}, badge);
  if (delivery.repeated) seen.append(" ", element("span", { class: "badge bad" }, "again"));
  const summary = element(
    "summary",
    {},
    element("span", { class: `type ${colourOf(event)}` }, type),
    seen,
    element("span", { class: "meta" }, number + clock(delivery.received_at * 1000)),
    element("span", { class: "gist" }, event ? gist(event) : (delivery.problem ?? "")),
  );
  const heads = element("dl", { class: "heads" });
  for (const [name, value] of Object.entries(delivery.headers)) {
    heads.append(element("dt", {}, name), element("dd", { title: value }, value));
  }
  const inner = element("div", { class: "inner" }, heads);
  if (event) inner.append(pretty(event));
  return /** @type {HTMLDetailsElement} */ (element("details", { class: "card", "data-type": type }, summary, inner));
}

/** @param {Envelope | null} event */
function colourOf(event) {
  if (!event) return "refused";
  if (event.data.message) return event.data.message.direction;
  if (event.data.call) return "call";
  return event.type.startsWith("conversation.") ? "conversation" : "other";
}

/** @param {Envelope} event */
function gist(event) {
  const handover = event.type === "conversation.started" && event.conversation?.context.handover;
  const { wait } = event.data;
  // Among the cards of others it would read as said of the customer who wrote last.
  if (wait) return `${event.contact?.display_name ?? `somebody on ${event.channel?.name}`} ${gistOf(event.type, event.data)}`;
  return handover ? cameFrom(handover, (kind) => kind) : gistOf(event.type, event.data);
}
