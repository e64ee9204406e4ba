/** The desk's other view: everything of one customer over all channels, as GET /v1/contacts/{id}/timeline tells it. */

import { clock, element, part } from "./dom.js";
import { cameFrom, callWords, gistOf, messageWords } from "./happened.js";

/** @typedef {import("./types").Entry} Entry */
/** @typedef {import("./types").Envelope} Envelope */

const MOST = 100;
/** Events come in bursts: one look for each of them would show the same again and again. */
const GATHER_MS = 200;
const WORDS = new Map([
  ["conversation.started", "came"], ["conversation.closed", "closed"], ["conversation.reopened", "opened again"],
  ["conversation.transferred", "handed on"], ["conversation.rated", "rated"], ["conversation.overdue", "is kept waiting"],
  ["reaction.changed", "reacted"], ["button.pressed", "pressed"], ["contact.updated", "is better known"],
  ["contact.merged", ""], ["contact.unmerged", ""], ["contact.conflict", "contradiction"],
  ["contact.blocked", "wants to hear no more"], ["contact.unblocked", "wants to hear again"],
]);
const SHOWN_QUIETLY = new Set(["contact.updated"]);

const pane = part("desk", HTMLElement);
const list = part("story", HTMLElement);
const views = [part("show-talk", HTMLButtonElement), part("show-story", HTMLButtonElement)];

let contact = "";
let isShown = false;
let waiting = 0;
/** @type {Map<string, {kind: string, from: string}>} where conversations are, and where they were carried on from */
const places = new Map();
/** @type {(kind: string) => string} */
let titled = (kind) => kind;

/** @param {(kind: string) => string} named */
export function begin(named) {
  titled = named;
  views.forEach((button, index) => button.addEventListener("click", () => turn(index === 1)));
}

/**
 * Follow one customer.
 * @param {string} id
 */
export function follow(id) {
  for (const button of views) button.disabled = false;
  if (id === contact) return;
  contact = id;
  list.replaceChildren();
  look();
}

/** @param {Envelope} event */
export function take(event) {
  const { conversation, channel } = event;
  if (conversation && channel) {
    const { handover } = conversation.context;
    places.set(conversation.id, { kind: channel.kind, from: handover ? cameFrom(handover, titled) : "" });
  }
  if (event.contact?.id === contact || event.data.contact) look();
}

/** @param {boolean} toStory */
function turn(toStory) {
  isShown = toStory;
  pane.classList.toggle("tells", toStory);
  list.hidden = !toStory;
  views.forEach((button, index) => button.setAttribute("aria-pressed", String((index === 1) === toStory)));
  if (toStory) void tell();
}

function look() {
  clearTimeout(waiting);
  if (isShown) waiting = setTimeout(() => void tell(), GATHER_MS);
}

async function tell() {
  const asked = contact;
  if (!asked) return;
  const response = await fetch(`/v1/contacts/${asked}/timeline?limit=${MOST}`).catch(() => null);
  if (!response?.ok || asked !== contact) return;
  /** @type {{items: Entry[]}} */
  const { items } = await response.json();
  const shown = items.filter((entry) => !SHOWN_QUIETLY.has(entry.type)).reverse();
  list.replaceChildren(...shown.map(line));
  list.scrollTop = list.scrollHeight;
}

/** @param {Entry} entry */
function line(entry) {
  const { message, call } = entry.data;
  const item = element("li", { "data-type": entry.type, class: message?.direction === "outbound" ? "ours" : false },
    element("span", { class: "place", "data-kind": entry.channel?.kind ?? "" }, entry.channel ? titled(entry.channel.kind) : "Customer"),
    element("time", { datetime: entry.at }, clock(entry.at)),
    element("span", { class: "what" }, wordsOf(entry)));
  if (call?.recording?.url) item.append(element("audio", { controls: true, preload: "none", src: call.recording.url, "aria-label": "Recording" }));
  return item;
}

/** @param {Entry} entry */
function wordsOf(entry) {
  const { message, call } = entry.data;
  if (message) {
    const said = message.state === "deleted" ? "(deleted)" : messageWords(message);
    return message.direction === "outbound" ? `${message.author?.name ?? "We"}: ${said}` : said;
  }
  if (call) return `☎ ${call.customer}: ${callWords(call)}`;
  const words = WORDS.get(entry.type) ?? entry.type;
  if (entry.type === "conversation.started") return places.get(entry.conversation ?? "")?.from || words;
  return [words, gistOf(entry.type, entry.data)].filter(Boolean).join(": ");
}
