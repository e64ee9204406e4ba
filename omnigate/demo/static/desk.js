/** The right pane: an agent's desk made of nothing but webhooks and calls of the API. */

import { call, upload } from "./calls.js";
import { element, part } from "./dom.js";
import { cameFrom } from "./happened.js";
import { said, told } from "./said.js";
import * as story from "./story.js";

/** @typedef {import("./types").Envelope} Envelope */
/** @typedef {import("./types").Message} Message */
/** @typedef {{label: string, kind?: string, value?: string}} Button */
/** @typedef {{about: string, edits?: string, buttons?: Button[][], attachments?: {id: string}[]}} Extra */
/** @typedef {{message: Message} | {told: string}} Line */
/**
 * @typedef {object} Conversation
 * @property {string} id
 * @property {string} name
 * @property {string} kind of its channel
 * @property {string} contact whose it is
 * @property {Map<string, Line>} lines
 * @property {Map<string, {customer: string[], company: string[]}>} reactions by message
 */

/** @type {{words: string, label?: string, needs?: string, buttons?: Button[][]}[]} what a platform needs to have for it, too */
const QUICK = [{ words: "Hello! How can I help?" }, { words: "Yes, it is in stock." }, { words: "Shall we put one aside for you?" }];
/** @type {typeof QUICK} */
const QUICK_ON_PHONES = [
  { label: "▦ Sizes", words: "Which size do you ride?", buttons: [[{ label: "S" }, { label: "M" }, { label: "L" }], [{ label: "Measure me", value: "measure" }]] },
  { label: "☎ Number", words: "May we call you back?", needs: "contact", buttons: [[{ label: "Share my number", kind: "contact" }], [{ label: "No, thanks" }]] },
  { label: "◎ Place", words: "Where shall we bring it?", needs: "location", buttons: [[{ label: "Show where I am", kind: "location" }], [{ label: "No, thanks" }]] },
];
const RANK = ["queued", "sending", "sent", "delivered", "read"];
const TYPING_EVERY_MS = 3000;
const THUMB = "👍";

const who = part("who", HTMLElement);
const talk = part("talk", HTMLElement);
const form = part("reply", HTMLFormElement);
const quick = part("quick", HTMLElement);
const text = part("text", HTMLTextAreaElement);
const extraLine = part("extra", HTMLElement);
const file = part("file", HTMLInputElement);
const attach = part("attach", HTMLButtonElement);
const agent = part("agent", HTMLInputElement);
const send = part("send", HTMLButtonElement);
const note = part("note", HTMLElement);
const command = part("command", HTMLElement);
const copy = part("copy", HTMLButtonElement);

/** @type {Map<string, Conversation>} */
const conversations = new Map();
/** @type {Conversation | null} */
let current = null;
/** @type {Extra | null} what goes along with the text, or which message it changes */
let extra = null;
let typedAt = 0;
/** @type {import("./types").Facts} */
let facts = { daemon: "", token_file: "", phones: [], has_calls: false };

/** @param {import("./types").Facts} known */
export function begin(known) {
  facts = known;
  for (const { words, label, needs, buttons } of facts.phones.length ? [...QUICK, ...QUICK_ON_PHONES] : QUICK) {
    const button = element("button", { type: "button", disabled: true, "data-needs": needs ?? false }, label ?? words);
    button.addEventListener("click", () => {
      text.value = words;
      takeAlong(buttons ? { about: `with buttons: ${labelsOf(buttons)}`, buttons } : null);
      text.focus();
    });
    quick.append(button);
  }
  listen();
  changed();
}

function listen() {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void answer();
  });
  text.addEventListener("input", () => {
    changed();
    void typing();
  });
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  extraLine.querySelector("button")?.addEventListener("click", () => {
    if (extra?.edits) text.value = "";
    takeAlong(null);
    text.focus();
  });
  attach.addEventListener("click", () => file.click());
  file.addEventListener("change", () => void attached());
  agent.addEventListener("input", changed);
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(command.textContent ?? "");
    copy.textContent = "Copied";
    setTimeout(() => (copy.textContent = "Copy"), 1500);
  });
}

/** @param {Envelope} event */
export function take(event) {
  meet(event);
  if (!event.conversation) return;
  const { message, button, reaction, change } = event.data;
  if (!message && !button && !reaction && !change) return;
  const known = conversationOf(event.conversation.id, event.channel?.kind ?? "");
  known.name = event.contact?.display_name ?? known.name;
  known.contact = event.contact?.id ?? known.contact;
  const { handover } = event.conversation.context;
  if (handover && !known.lines.has(handover.kind)) known.lines.set(handover.kind, { told: cameFrom(handover, titleOf) });
  if (message && !heard(known, event, message)) return;
  if (button) known.lines.set(event.id, { told: `pressed “${button.label ?? button.payload}”` });
  if (change) known.lines.set(event.id, { told: `${change.action} was refused: ${change.error ?? "no reason given"}` });
  if (reaction?.message) {
    const all = known.reactions.get(reaction.message) ?? { customer: [], company: [] };
    all[reaction.by === "company" ? "company" : "customer"] = reaction.emoji;
    known.reactions.set(reaction.message, all);
  }
  // Never under a half-written answer: it would go to somebody else.
  const byCustomer = message?.direction === "inbound" || button;
  if (byCustomer && known !== current && text.value.trim() === "" && !extra) pick(known);
  else draw();
  if (event.type === "message.received") void call("POST", `/v1/conversations/${known.id}/read`, { message: message?.id });
}

/**
 * Two contacts that turn out to be one are one here, too.
 * @param {Envelope} event
 */
function meet(event) {
  const { merged } = event.data.contact ?? {};
  if (event.type !== "contact.merged" || !merged || !event.contact) return;
  for (const known of conversations.values()) {
    if (known.contact !== merged && known.contact !== event.contact.id) continue;
    known.contact = event.contact.id;
    known.name = event.contact.display_name ?? known.name;
  }
  draw();
}

/**
 * Keep a message as it is now.
 * @param {Conversation} known
 * @param {Envelope} event
 * @param {Message} message
 * @returns {boolean} false for what is older than what is known
 */
function heard(known, event, message) {
  const line = known.lines.get(message.id);
  const before = line && "message" in line ? line.message : null;
  const isChange = event.type === "message.edited" || event.type === "message.deleted";
  if (before && !isChange && RANK.includes(message.state) && RANK.indexOf(before.state) > RANK.indexOf(message.state)) return false;
  const state = event.type === "message.deleted" ? "deleted" : message.state;
  known.lines.set(message.id, { message: { ...message, state } });
  return true;
}

/**
 * @param {string} id
 * @param {string} kind
 */
function conversationOf(id, kind) {
  let known = conversations.get(id);
  if (!known) {
    known = { id, kind, contact: "", name: `Visitor ${conversations.size + 1}`, lines: new Map(), reactions: new Map() };
    conversations.set(id, known);
  }
  return known;
}

/** @param {Conversation} conversation */
function pick(conversation) {
  current = conversation;
  for (const item of [text, send, attach]) item.disabled = false;
  for (const button of quick.querySelectorAll("button")) {
    const { needs } = button.dataset;
    button.disabled = needs !== undefined && !phoneOf(conversation)?.can.includes(needs);
  }
  text.placeholder = "Write an answer … Enter sends";
  takeAlong(null);
  draw();
  const chosen = who.querySelector("[aria-pressed=true]");
  if (chosen instanceof HTMLElement) who.scrollLeft = chosen.offsetLeft - who.offsetLeft;
}

function draw() {
  if (!current) return;
  story.follow(current.contact);
  who.hidden = conversations.size < 2 && facts.phones.length === 0;
  who.replaceChildren(...[...conversations.values()].map((one) => {
    const button = element("button", { type: "button", "aria-pressed": String(one === current) }, one.name);
    if (facts.phones.length) button.append(element("span", { class: "via" }, titleOf(one.kind)));
    button.addEventListener("click", () => pick(one));
    return button;
  }));
  const known = current;
  talk.replaceChildren(...[...known.lines.values()].map((line) => {
    if ("told" in line) return told(line.told);
    const { customer = [], company = [] } = known.reactions.get(line.message.id) ?? {};
    return said(line.message, [...customer, ...company], actsOf(known, line.message));
  }));
  toTheEnd();
  for (const picture of talk.querySelectorAll("img")) picture.addEventListener("load", toTheEnd, { once: true });
}

function toTheEnd() {
  talk.scrollTop = talk.scrollHeight;
}

/** @param {Conversation} conversation */
function phoneOf(conversation) {
  return facts.phones.find((phone) => phone.kind === conversation.kind);
}

/** @param {string} kind */
function titleOf(kind) {
  return facts.phones.find((phone) => phone.kind === kind)?.title ?? "Site";
}

/**
 * What an agent can do to a message: what every emulated platform has, and the chat of a site has not.
 * @param {Conversation} conversation
 * @param {Message} message
 */
function actsOf(conversation, message) {
  if (!phoneOf(conversation) || ["deleted", "failed", "unknown"].includes(message.state)) return [];
  const path = `/v1/messages/${message.id}`;
  if (message.direction === "inbound") {
    const is = conversation.reactions.get(message.id)?.company.includes(THUMB);
    return [act(is ? `Take ${THUMB} back` : THUMB, () => call("PUT", `${path}/reaction`, { emoji: is ? [] : [THUMB] }))];
  }
  const edit = act("Edit", async () => {
    text.value = message.text ?? "";
    const buttons = message.buttons.length ? { buttons: message.buttons } : {};
    takeAlong({ about: `instead of “${message.text ?? "…"}”`, edits: message.id, ...buttons });
    text.focus();
    return {};
  });
  return [...(message.text ? [edit] : []), act("Delete", () => call("DELETE", path))];
}

/**
 * @param {string} label
 * @param {() => Promise<import("./calls.js").Answered>} does
 */
function act(label, does) {
  const button = element("button", { type: "button" }, label);
  button.addEventListener("click", async () => {
    note.textContent = (await does()).refused ?? "";
  });
  return button;
}

/** @param {Extra | null} what */
function takeAlong(what) {
  extra = what;
  extraLine.hidden = extra === null;
  const words = extraLine.querySelector("span");
  if (words) words.textContent = extra?.about ?? "";
  changed();
}

async function attached() {
  const [picked] = file.files ?? [];
  file.value = "";
  if (!picked) return;
  const { refused, body } = await upload(picked);
  note.textContent = refused ?? "";
  if (body) takeAlong({ about: `with ${picked.name}`, attachments: [{ id: body.id }] });
  text.focus();
}

function author() {
  return agent.value.trim() ? { name: agent.value.trim() } : undefined;
}

/** The call that the button would make. */
function wanted() {
  const words = text.value.trim();
  const { edits, buttons, attachments } = extra ?? {};
  const said = words || !attachments ? { text: words || "Hello!" } : {};
  if (edits) return { method: /** @type {const} */ ("PATCH"), path: `/v1/messages/${edits}`, body: { ...said, buttons } };
  const body = { to: { conversation: current?.id ?? "cnv_…" }, ...said, attachments, buttons, author: author() };
  return { method: /** @type {const} */ ("POST"), path: "/v1/messages", body };
}

/** Keep the command in step with what the button would do. */
function changed() {
  const { method, path, body } = wanted();
  // Spaces between the parts, so that a narrow pane breaks the line there and not in a word.
  const json = JSON.stringify(body, null, 1)
    .replaceAll(/\n */g, " ")
    .replaceAll("'", "'\\''");
  command.textContent =
    `curl ${method === "POST" ? "" : `-X ${method} `}${facts.daemon}${path} \\\n` +
    `  -H "Authorization: Bearer $(cat ${facts.token_file})" \\\n` +
    `  -H 'Content-Type: application/json' \\\n` +
    `  -d '${json}'`;
}

async function answer() {
  if (!current || (!text.value.trim() && !extra?.attachments)) return;
  const { method, path, body } = wanted();
  send.disabled = true;
  note.textContent = "";
  const { refused } = await call(method, path, body, { "Idempotency-Key": crypto.randomUUID() });
  send.disabled = false;
  if (refused) note.textContent = refused;
  else {
    text.value = "";
    takeAlong(null);
  }
  text.focus();
}

/** Show the customer that somebody types, at most every three seconds. */
async function typing() {
  if (!current || Date.now() - typedAt < TYPING_EVERY_MS || !text.value.trim()) return;
  typedAt = Date.now();
  await call("POST", `/v1/conversations/${current.id}/typing`, { author: author(), active: true });
}

/** @param {Button[][]} rows */
function labelsOf(rows) {
  return rows.flat().map((button) => button.label).join(" · ");
}
