/** The left pane: the shop's site, and beside it a phone for each platform that is emulated. */

import { element, part } from "./dom.js";

/** @typedef {import("./types").Delivery} Delivery */

const tabs = part("tabs", HTMLElement);
const site = part("site", HTMLElement);
const devices = part("devices", HTMLElement);
const subtitle = part("site-subtitle", HTMLElement);

/** @type {Map<string, {tab: HTMLElement, panel: HTMLElement}>} by the kind of the channel */
const places = new Map();
let shown = "webchat";

/** @param {import("./types").Phone[]} phones */
export function begin(phones) {
  if (phones.length === 0) return;
  subtitle.textContent = "the site, or a phone";
  site.setAttribute("role", "tabpanel");
  site.setAttribute("aria-labelledby", "tab-webchat");
  add("webchat", "Shop's site", site);
  for (const phone of phones) {
    const panel = element("div", { class: "device", role: "tabpanel", "aria-labelledby": `tab-${phone.kind}`, hidden: true },
      element("iframe", { src: `/phones/${phone.kind}/`, title: `${phone.customer}'s phone with ${phone.title}` }));
    devices.append(panel);
    add(phone.kind, phone.title, panel);
  }
  tabs.hidden = false;
  window.addEventListener("message", (event) => {
    if (event.origin === location.origin && typeof event.data?.follow === "string") void follow(phones, event.data.follow);
  });
  tabs.addEventListener("keydown", step);
  show("webchat");
}

/**
 * Follow a link of the site on the phone that it leads to, as a tap on it would.
 * @param {import("./types").Phone[]} phones
 * @param {string} link
 */
async function follow(phones, link) {
  const phone = phones.find((one) => link.startsWith(one.link));
  if (!phone) return;
  const text = new URL(link).search.match(/^[?](?:start|ref)=([^&]*)/)?.[1] ?? "";
  show(phone.kind);
  await fetch(`/phones/${phone.kind}/act`, { method: "POST", body: JSON.stringify({ do: "start", text }) });
}

/**
 * Mark the tab behind which something new waits; what came before the page was opened is not new.
 * @param {Delivery} delivery
 */
export function take(delivery) {
  const event = delivery.body;
  const kind = event?.channel?.kind ?? "";
  const isNew = delivery.received_at * 1000 > performance.timeOrigin;
  if (event?.type === "message.sent" && isNew && kind !== shown) mark(kind, true);
}

/**
 * @param {string} kind
 * @param {string} title
 * @param {HTMLElement} panel
 */
function add(kind, title, panel) {
  panel.id ||= `panel-${kind}`;
  const tab = element("button", { type: "button", role: "tab", id: `tab-${kind}`, "aria-controls": panel.id }, title);
  tab.addEventListener("click", () => show(kind));
  tabs.append(tab);
  places.set(kind, { tab, panel });
}

/** @param {string} kind */
function show(kind) {
  shown = kind;
  for (const [other, { tab, panel }] of places) {
    tab.setAttribute("aria-selected", String(other === kind));
    tab.tabIndex = other === kind ? 0 : -1;
    panel.hidden = other !== kind;
  }
  mark(kind, false);
}

/**
 * @param {string} kind
 * @param {boolean} isNew
 */
function mark(kind, isNew) {
  const tab = places.get(kind)?.tab;
  tab?.classList.toggle("new", isNew);
  if (isNew) tab?.setAttribute("aria-description", "a new answer waits");
  else tab?.removeAttribute("aria-description");
}

/** @param {KeyboardEvent} event */
function step(event) {
  const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!by) return;
  const kinds = [...places.keys()];
  const next = kinds[(kinds.indexOf(shown) + by + kinds.length) % kinds.length] ?? shown;
  show(next);
  places.get(next)?.tab.focus();
}
