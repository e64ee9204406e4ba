/** One message on a phone, with its buttons and what can be done to it. */

import { element } from "./dom.js";

/** @typedef {import("./types").Bubble} Bubble */
/** @typedef {import("./types").Key} Key */
/** @typedef {import("./types").Phone} Phone */
/**
 * @typedef {object} Hand
 * @property {(what: import("./types").Touch) => Promise<boolean>} touch
 * @property {(does: "edit" | "answer" | null, message?: Bubble) => void} intend
 */

/**
 * @param {Bubble} message
 * @param {Phone} phone
 * @param {Hand} hand
 */
export function bubble(message, phone, hand) {
  const item = element("li", { class: message.mine ? "said mine" : "said", "data-message": String(message.id) });
  const body = element("div", { class: "body" });
  if (message.answers) body.append(element("blockquote", {}, message.answers));
  message.files.forEach((file, index) => body.append(fileOf(message, file, index)));
  if (message.place) body.append(placeOf(message.place));
  if (message.card) body.append(element("p", { class: "card" }, element("b", {}, message.card.name), element("span", {}, message.card.phone)));
  if (message.text) body.append(element("p", { class: "words" }, message.text));
  body.append(footOf(message));
  item.append(body, menuOf(message, phone, hand));
  if (message.reactions.length) item.append(element("p", { class: "reactions", "aria-label": "Reactions" }, message.reactions.join(" ")));
  if (message.buttons.length) item.append(buttonsOf(message, hand));
  return item;
}

/**
 * @param {Bubble} message
 * @param {import("./types").PhoneFile} file
 * @param {number} index
 */
function fileOf(message, file, index) {
  const address = `files/${message.id}/${index}`;
  if (file.is_picture) return element("img", { src: address, alt: message.text ? "Picture to the text" : "Picture" });
  return element("a", { class: "file", href: address, download: file.name }, `📄 ${file.name}`);
}

/** @param {import("./types").Place} place */
function placeOf(place) {
  const point = `${place.latitude.toFixed(4)}, ${place.longitude.toFixed(4)}`;
  return element("p", { class: "place" }, element("span", { class: "map", "aria-hidden": "true" }, "📍"), element("b", {}, place.title || "Location"), element("span", {}, point));
}

/** @param {Bubble} message */
function footOf(message) {
  const time = new Date(message.sent_at * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const foot = element("small", {}, message.edited ? `edited ${time}` : time);
  if (message.mine) foot.append(element("i", { title: message.read ? "read" : "sent" }, message.read ? " ✓✓" : " ✓"));
  return foot;
}

/**
 * @param {Bubble} message
 * @param {Phone} phone
 * @param {Hand} hand
 */
function menuOf(message, phone, hand) {
  const sheet = element("div", { class: "sheet" });
  /** @param {string} label @param {() => void} does */
  const offer = (label, does) => {
    const button = element("button", { type: "button" }, label);
    button.addEventListener("click", () => {
      menu.removeAttribute("open");
      does();
    });
    sheet.append(button);
  };
  if (phone.can.includes("react")) sheet.append(reactionsOf(message, phone, hand));
  offer("Answer", () => hand.intend("answer", message));
  if (message.mine && phone.can.includes("edit") && message.text) offer("Edit", () => hand.intend("edit", message));
  if (message.mine && phone.can.includes("delete")) offer("Delete", () => void hand.touch({ do: "delete", message: message.id }));
  const menu = element("details", { class: "menu act" }, element("summary", { "aria-label": "What to do with the message" }, "⋯"), sheet);
  return menu;
}

/**
 * @param {Bubble} message
 * @param {Phone} phone
 * @param {Hand} hand
 */
function reactionsOf(message, phone, hand) {
  const row = element("div", { class: "emoji" });
  for (const emoji of phone.reactions) {
    const is = message.reactions.includes(emoji);
    const button = element("button", { type: "button", "aria-pressed": String(is) }, emoji);
    button.addEventListener("click", () => void hand.touch({ do: "react", message: message.id, text: is ? "" : emoji }));
    row.append(button);
  }
  return row;
}

/**
 * @param {Bubble} message
 * @param {Hand} hand
 */
function buttonsOf(message, hand) {
  return element("div", { class: "inline" }, ...message.buttons.map((keys, row) =>
    element("div", { class: "keyrow" }, ...keys.map((key, column) => keyOf(key, () => void hand.touch({ do: "press", message: message.id, row, column }))))));
}

/**
 * @param {Key} key
 * @param {() => void} press
 */
function keyOf(key, press) {
  if (key.does === "link") return element("a", { href: key.link, target: "_blank", rel: "noopener noreferrer" }, `${key.label} ↗`);
  const button = element("button", { type: "button", "data-colour": key.colour }, key.label);
  button.addEventListener("click", press);
  return button;
}
