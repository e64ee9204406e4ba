/** The right pane: an agent's desk made of nothing but webhooks and one API call. */

import { clock, element, part } from "./dom.js";

/** @typedef {import("./types").Envelope} Envelope */
/** @typedef {import("./types").Message} Message */
/** @typedef {{id: string, name: string, messages: Map<string, Message>}} Conversation */

const QUICK = ["Hello! How can I help?", "Yes, it is in stock.", "Shall we put one aside for you?"];
const TICKS = new Map([["queued", "🕓"], ["sending", "🕓"], ["sent", "✓ sent"], ["delivered", "✓✓ delivered"], ["read", "✓✓ read"], ["failed", "✗ failed"], ["unknown", "? unknown"]]);
const RANK = ["queued", "sending", "sent", "delivered", "read"];
const TYPING_EVERY_MS = 3000;

const who = part("who", HTMLElement);
const talk = part("talk", HTMLElement);
const form = part("reply", HTMLFormElement);
const quick = part("quick", HTMLElement);
const text = part("text", HTMLTextAreaElement);
const agent = part("agent", HTMLInputElement);
const send = part("send", HTMLButtonElement);
const note = part("note", HTMLElement);
const command = part("command", HTMLElement);
const copy = part("copy", HTMLButtonElement);

/** @type {Map<string, Conversation>} */
const conversations = new Map();
/** @type {Conversation | null} */
let current = null;
let typedAt = 0;
let facts = { daemon: "", token_file: "" };

/** @param {{daemon: string, token_file: string}} known */
export function begin(known) {
  facts = known;
  for (const words of QUICK) {
    const button = element("button", { type: "button", disabled: true }, words);
    button.addEventListener("click", () => {
      text.value = words;
      changed();
      text.focus();
    });
    quick.append(button);
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void answer();
  });
  text.addEventListener("input", () => {
    changed();
    void signal("typing", { author: author(), active: true });
  });
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  agent.addEventListener("input", changed);
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(command.textContent ?? "");
    copy.textContent = "Copied";
    setTimeout(() => (copy.textContent = "Copy"), 1500);
  });
  changed();
}

/** @param {Envelope} event */
export function take(event) {
  const { message } = event.data;
  if (!event.conversation || !message) return;
  const known = conversationOf(event.conversation.id);
  known.name = event.contact?.display_name ?? known.name;
  const before = known.messages.get(message.id);
  if (before && RANK.indexOf(before.state) > RANK.indexOf(message.state) && RANK.includes(message.state)) return;
  known.messages.set(message.id, message);
  // Never under a half-written answer: it would go to somebody else.
  if (message.direction === "inbound" && known !== current && text.value.trim() === "") pick(known);
  else draw();
  if (event.type === "message.received") void signal("read", { message: message.id });
}

/** @param {string} id */
function conversationOf(id) {
  let known = conversations.get(id);
  if (!known) {
    known = { id, name: `Visitor ${conversations.size + 1}`, messages: new Map() };
    conversations.set(id, known);
  }
  return known;
}

/** @param {Conversation} conversation */
function pick(conversation) {
  current = conversation;
  for (const item of [text, send, ...quick.querySelectorAll("button")]) {
    /** @type {HTMLButtonElement | HTMLTextAreaElement} */ (item).disabled = false;
  }
  text.placeholder = "Write an answer … Enter sends";
  draw();
  changed();
  const chosen = who.querySelector("[aria-pressed=true]");
  if (chosen instanceof HTMLElement) who.scrollLeft = chosen.offsetLeft - who.offsetLeft;
}

function draw() {
  if (!current) return;
  who.hidden = conversations.size < 2;
  who.replaceChildren(...[...conversations.values()].map((one) => {
    const button = element("button", { type: "button", "aria-pressed": String(one === current) }, one.name);
    button.addEventListener("click", () => pick(one));
    return button;
  }));
  talk.replaceChildren(...[...current.messages.values()].map(bubble));
  talk.scrollTop = talk.scrollHeight;
}

/** @param {Message} message */
function bubble(message) {
  const out = message.direction === "outbound";
  const said = element("li", { class: out ? "said out" : "said" });
  for (const file of message.attachments) {
    if (file.kind === "image" && file.url) said.append(element("img", { src: file.url, alt: file.name ?? "picture" }));
    else said.append(element("div", {}, `📎 ${file.name ?? file.kind}`));
  }
  const deleted = message.state === "deleted" ? "(deleted)" : "";
  said.append(message.text ?? deleted);
  const state = out ? ` · ${TICKS.get(message.state) ?? message.state}` : "";
  const name = out && message.author?.name ? `${message.author.name} · ` : "";
  said.append(element("small", {}, name + clock(message.created_at) + state));
  return said;
}

function author() {
  return agent.value.trim() ? { name: agent.value.trim() } : undefined;
}

/** @param {string} words */
function bodyOf(words) {
  return { to: { conversation: current?.id ?? "cnv_…" }, text: words, author: author() };
}

/** Keep the command in step with what the button would do. */
function changed() {
  // Spaces between the parts, so that a narrow pane breaks the line there and not in a word.
  const body = JSON.stringify(bodyOf(text.value.trim() || "Hello!"), null, 1)
    .replaceAll(/\n */g, " ")
    .replaceAll("'", "'\\''");
  command.textContent =
    `curl ${facts.daemon}/v1/messages \\\n` +
    `  -H "Authorization: Bearer $(cat ${facts.token_file})" \\\n` +
    `  -H 'Content-Type: application/json' \\\n` +
    `  -d '${body}'`;
}

async function answer() {
  const words = text.value.trim();
  if (!words || !current) return;
  send.disabled = true;
  note.textContent = "";
  const refused = await post("/v1/messages", bodyOf(words), { "Idempotency-Key": crypto.randomUUID() });
  send.disabled = false;
  if (refused) note.textContent = refused;
  else text.value = "";
  changed();
  text.focus();
}

/**
 * Tell the customer's side something fleeting; typing at most every three seconds.
 * @param {"typing" | "read"} what
 * @param {object} body
 */
async function signal(what, body) {
  if (!current) return;
  if (what === "typing") {
    if (Date.now() - typedAt < TYPING_EVERY_MS || !text.value.trim()) return;
    typedAt = Date.now();
  }
  await post(`/v1/conversations/${current.id}/${what}`, body);
}

/**
 * Call the API through the demo's server, which adds the token.
 * @param {string} path
 * @param {object} body
 * @param {Record<string, string>} headers
 * @returns {Promise<string | undefined>} why it was refused
 */
async function post(path, body, headers = {}) {
  try {
    const response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
    if (response.ok) return undefined;
    const problem = await response.json().catch(() => ({}));
    return problem.detail ?? `refused with status ${response.status}`;
  } catch {
    return "The demo does not answer; is it still running?";
  }
}
