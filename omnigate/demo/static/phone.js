/** A customer's phone: the screen as it comes from the emulated platform, and every touch of it. */

import { bubble } from "./bubble.js";
import { element, part } from "./dom.js";
import { act, sendFile } from "./touch.js";

/** @typedef {import("./types").Bubble} Bubble */
/** @typedef {import("./types").Key} Key */
/** @typedef {import("./types").Phone} Phone */
/** @typedef {import("./types").Screen} Screen */
/** @typedef {import("./types").Touch} Touch */

const NEAR_THE_END_PX = 120;
const TYPING_EVERY_MS = 5000;
const FLASH_SHOWN_MS = 6000;

const chat = part("chat", HTMLElement);
const state = part("state", HTMLElement);
const start = part("start", HTMLElement);
const flash = part("flash", HTMLElement);
const pending = part("pending", HTMLElement);
const about = part("about", HTMLElement);
const composer = part("composer", HTMLFormElement);
const text = part("text", HTMLTextAreaElement);
const file = part("file", HTMLInputElement);
const keys = part("keys", HTMLElement);
const block = part("block", HTMLButtonElement);
const link = part("link", HTMLFormElement);
const parameter = part("parameter", HTMLInputElement);

/** @type {Map<number, {json: string, item: HTMLElement}>} what is drawn already, by message */
const drawn = new Map();
/** @type {{does: "edit" | "answer", message: number} | null} what the next text is about */
let pendingTouch = null;
let shownKeys = "";
/** Whether the newest message is in view and has to stay so. */
let follows = true;
/** The newest message of the company's, and the newest that the platform was told was seen. */
let newest = 0;
let seen = 0;
let typedAt = 0;
let shownFlash = "";
let fading = 0;

/** @type {Phone} */
const phone = await (await fetch("facts")).json();
introduce();
listen();

const stream = new EventSource("screen");
stream.addEventListener("message", (event) => show(JSON.parse(event.data)));
stream.addEventListener("error", () => (state.textContent = "no connection"));

function introduce() {
  document.documentElement.dataset.kind = phone.kind;
  document.title = `${phone.customer} on ${phone.title}`;
  part("company", HTMLElement).textContent = phone.company;
  part("face", HTMLElement).textContent = phone.company.slice(0, 1);
  part("owner", HTMLElement).textContent = `${phone.customer}'s phone, ${phone.title} emulated`;
  part("beginning", HTMLElement).textContent = `${phone.link}…`;
  part("begin", HTMLButtonElement).textContent = phone.start_label;
  for (const what of ["contact", "location", "block"]) {
    part(what, HTMLButtonElement).hidden = !phone.can.includes(what);
  }
}

function listen() {
  part("begin", HTMLButtonElement).addEventListener("click", () => void touch({ do: "start" }));
  part("contact", HTMLButtonElement).addEventListener("click", () => void touch({ do: "contact" }));
  part("location", HTMLButtonElement).addEventListener("click", () => void touch({ do: "location" }));
  part("drop", HTMLButtonElement).addEventListener("click", () => intend(null));
  part("pick", HTMLButtonElement).addEventListener("click", () => file.click());
  block.addEventListener("click", () => void touch({ do: "block" }));
  file.addEventListener("change", () => void chosen());
  composer.addEventListener("submit", (event) => {
    event.preventDefault();
    void say();
  });
  link.addEventListener("submit", (event) => {
    event.preventDefault();
    // A whole link is as good as what stands at its end.
    void touch({ do: "start", text: parameter.value.trim().replace(/^.*[?&](?:start|ref)=([^&#]*).*$/, "$1") });
    parameter.value = "";
  });
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      composer.requestSubmit();
    } else if (event.key === "Escape") intend(null);
  });
  text.addEventListener("input", () => {
    grow();
    typing();
  });
  let before = 0;
  chat.addEventListener("scroll", () => {
    const { scrollTop, scrollHeight, clientHeight } = chat;
    // Only who scrolls up leaves the end; a picture that grows the list does not.
    if (scrollHeight - scrollTop - clientHeight < NEAR_THE_END_PX) follows = true;
    else if (scrollTop < before) follows = false;
    before = scrollTop;
  });
  // Also when the phone comes into view, or a keyboard takes its place.
  new ResizeObserver(settle).observe(chat);
  document.addEventListener("click", (event) => closeMenus(event.target));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") closeMenus(null);
  });
}

/** @param {Screen} screen */
function show(screen) {
  state.textContent = screen.typing ? "typing …" : screen.blocked ? "blocked" : phone.title;
  state.classList.toggle("typing", screen.typing);
  start.hidden = screen.started;
  chat.hidden = composer.hidden = !screen.started;
  block.textContent = screen.blocked ? "Unblock the company" : "Block the company";
  if (shownFlash !== screen.flash) tell(screen.flash);
  shownFlash = screen.flash;
  draw(screen.messages);
  drawKeys(screen.keyboard);
  settle();
}

/** Keep the end in view, and have it seen where the phone itself is in view. */
function settle() {
  if (follows) chat.scrollTop = chat.scrollHeight;
  if (newest <= seen || chat.clientHeight === 0 || !phone.can.includes("read")) return;
  seen = newest;
  void act({ do: "read" });
}

function typing() {
  if (!phone.can.includes("type") || Date.now() - typedAt < TYPING_EVERY_MS || !text.value) return;
  typedAt = Date.now();
  void act({ do: "type" });
}

/** @param {string} words for a moment */
function tell(words) {
  flash.textContent = words;
  clearTimeout(fading);
  fading = setTimeout(() => (flash.textContent = ""), FLASH_SHOWN_MS);
}

/**
 * Bring the messages up to date; what did not change keeps its element, its focus and its picture.
 * @param {Bubble[]} messages
 */
function draw(messages) {
  const here = new Set(messages.map((message) => message.id));
  for (const [id, { item }] of drawn) {
    if (here.has(id)) continue;
    item.remove();
    drawn.delete(id);
  }
  for (const message of messages) {
    const json = JSON.stringify(message);
    const before = drawn.get(message.id);
    if (before?.json === json) continue;
    const item = bubble(message, phone, { touch, intend });
    if (before) before.item.replaceWith(item);
    else chat.append(item);
    if (!before && message.mine) follows = true;
    if (!message.mine) newest = Math.max(newest, message.id);
    for (const picture of item.querySelectorAll("img")) picture.addEventListener("load", settle, { once: true });
    drawn.set(message.id, { json, item });
  }
}

/** @param {Key[][]} rows */
function drawKeys(rows) {
  const json = JSON.stringify(rows);
  if (json === shownKeys) return;
  shownKeys = json;
  keys.hidden = rows.length === 0;
  keys.replaceChildren(...rows.map((row, at) => element("div", { class: "keyrow" }, ...row.map((key, column) => {
    const button = element("button", { type: "button", "data-colour": key.colour }, key.label);
    button.addEventListener("click", () => void touch({ do: "tap", row: at, column }));
    return button;
  }))));
}

/**
 * Let the next text be about a message, or about none.
 * @param {"edit" | "answer" | null} does
 * @param {Bubble} [message]
 */
function intend(does, message) {
  if (pendingTouch?.does === "edit" && does !== "edit") text.value = "";
  pendingTouch = does && message ? { does, message: message.id } : null;
  pending.hidden = pendingTouch === null;
  if (does && message) {
    about.textContent = does === "edit" ? "Change the message" : `Answer to “${message.text || "…"}”`;
    if (does === "edit") text.value = message.text;
    text.focus();
  }
  grow();
}

async function say() {
  const words = text.value.trim();
  if (!words) return;
  const message = pendingTouch?.message;
  const done = await touch(pendingTouch?.does === "edit"
    ? { do: "edit", message, text: words }
    : { do: "write", message, text: words });
  if (!done) return;
  text.value = "";
  intend(null);
  text.focus();
}

async function chosen() {
  const [picked] = file.files ?? [];
  file.value = "";
  closeMenus(null);
  if (!picked) return;
  if (refused(await sendFile(picked, text.value.trim()))) return;
  text.value = "";
  grow();
}

/**
 * Do it, and tell why when the platform does not let one.
 * @param {Touch} what
 */
async function touch(what) {
  closeMenus(null);
  return !refused(await act(what));
}

/** @param {string | undefined} why */
function refused(why) {
  if (why) tell(why);
  return why !== undefined;
}

/** @param {EventTarget | null} inside the menu that stays open */
function closeMenus(inside) {
  for (const menu of document.querySelectorAll("details[open]")) {
    if (!(inside instanceof Node && menu.contains(inside))) menu.removeAttribute("open");
  }
}

function grow() {
  text.rows = Math.min(5, text.value.split("\n").length);
}
