/** Follow the webhooks and hand each to the panes. */

import * as customers from "./customers.js";
import * as desk from "./desk.js";
import { part } from "./dom.js";
import * as feed from "./feed.js";
import * as handsets from "./handsets.js";
import * as story from "./story.js";

const live = part("live", HTMLElement);
const words = /** @type {HTMLElement} */ (live.querySelector("span"));

/** @param {boolean} on */
function connected(on) {
  live.classList.toggle("on", on);
  words.textContent = on ? "live" : "not running";
}

const response = await fetch("/facts");
/** @type {import("./types").Facts} */
const facts = await response.json();
customers.begin(facts.phones);
story.begin(titled);
desk.begin(facts);
if (facts.has_calls) handsets.begin();

/** @param {string} kind of a channel */
function titled(kind) {
  if (kind === "webchat") return "Site";
  if (kind === "call") return "Phone";
  return facts.phones.find((phone) => phone.kind === kind)?.title ?? kind;
}

const stream = new EventSource("/deliveries");
stream.addEventListener("open", () => connected(true));
stream.addEventListener("error", () => connected(false));
stream.addEventListener("message", (event) => {
  /** @type {import("./types").Delivery} */
  const delivery = JSON.parse(event.data);
  feed.show(delivery);
  if (!delivery.body || delivery.repeated) return;
  desk.take(delivery.body);
  story.take(delivery.body);
  customers.take(delivery);
});
