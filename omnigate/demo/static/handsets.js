/** The dock: the customer's phone and the agent's, which ring when somebody has asked for a call. */

import { element, part } from "./dom.js";
import { lasting } from "./happened.js";

/** @typedef {import("./types").Handset} Handset */
/** @typedef {"agent" | "customer"} Who */
/** @typedef {"answer" | "decline" | "hang_up"} Does */

const dock = part("dock", HTMLElement);
/** @type {Record<Who, HTMLElement>} */
const places = { customer: part("customer-phone", HTMLElement), agent: part("agent-phone", HTMLElement) };
const wire = part("wire", HTMLElement);
/** @type {[Does, string][]} */
const KEYS = [["answer", "Answer"], ["decline", "Decline"], ["hang_up", "Hang up"]];
/** @type {Record<string, Does[]>} what can be done, by the phone's state */
const CAN = { ringing: ["answer", "decline"], waiting: ["hang_up"], talking: ["hang_up"], idle: [] };

/** @type {Record<Who, Handset> | null} */
let now = null;

export function begin() {
  dock.hidden = false;
  document.body.classList.add("with-dock");
  for (const who of /** @type {Who[]} */ (Object.keys(places))) build(who);
  const stream = new EventSource("/handsets");
  stream.addEventListener("message", (event) => show(JSON.parse(event.data)));
  setInterval(count, 1000);
}

/** @param {Who} who */
function build(who) {
  const keys = places[who].querySelector(".keys");
  for (const [does, label] of KEYS) {
    const button = element("button", { type: "button", class: `key ${does}`, hidden: true, "data-does": does, "aria-label": `${label}, ${who}'s phone` }, label);
    button.addEventListener("click", () => void touch(who, does));
    keys?.append(button);
  }
}

/**
 * @param {Who} who
 * @param {Does} does
 */
async function touch(who, does) {
  const response = await fetch("/handsets", { method: "POST", body: JSON.stringify({ who, do: does }) });
  // It ended while the finger was on its way: the stream tells how.
  if (!response.ok && response.status !== 409) say(who, "The demo does not answer; is it still running?");
}

/** @param {Record<Who, Handset>} phones */
function show(phones) {
  now = phones;
  for (const who of /** @type {Who[]} */ (Object.keys(places))) {
    const place = places[who];
    const { state } = phones[who];
    place.dataset.state = state;
    for (const button of place.querySelectorAll("button")) {
      button.hidden = !CAN[state]?.includes(/** @type {Does} */ (button.dataset.does));
    }
    say(who, words(phones[who], who));
  }
  const isTalk = phones.agent.state === "talking" && phones.customer.state === "talking";
  dock.classList.toggle("talking", isTalk);
  count();
}

/** How long they have talked; beside what is read out, not in it. */
function count() {
  const isTalk = now?.agent.state === "talking";
  wire.textContent = now && isTalk ? lasting(Date.now() / 1000 - Math.max(now.agent.since, now.customer.since)) : "";
}

/**
 * @param {Handset} phone
 * @param {Who} who
 */
function words({ state, caller, last }, who) {
  if (state === "ringing") return caller ? `${caller} is calling` : "is ringing";
  if (state === "waiting") return "The other phone rings …";
  if (state === "talking") return who === "customer" ? "Ten seconds of talk prove whose number it is" : `Talks with ${caller}`;
  return last || (who === "customer" ? "Ask for a call in the chat of the shop" : "Silent");
}

/**
 * @param {Who} who
 * @param {string} text
 */
function say(who, text) {
  const shown = places[who].querySelector(".says");
  if (shown && shown.textContent !== text) shown.textContent = text;
}
