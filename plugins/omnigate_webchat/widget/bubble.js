/**
 * One message as it stands in the list.
 * @import {Attachment, Button, Message, Translate} from "./types"
 */
import { avatar, el, fill, icon } from "./dom.js";
import { clock, fileSize, linkify, safeLink } from "./format.js";

/**
 * @typedef {object} Place what the bubble needs of its surroundings
 * @property {Translate} t
 * @property {string} language
 * @property {string} base
 * @property {(button: Button) => void} press
 * @property {(message: Message) => void} retry
 */

const LINK = { target: "_blank", rel: "noopener noreferrer nofollow ugc" };
const RASTER = /^image\/(png|jpe?g|gif|webp|avif)$/;

/** @param {string} text */
export function linked(text) {
  return linkify(text).map((piece) =>
    piece.href ? el("a", { href: piece.href, ...LINK }, piece.text) : piece.text,
  );
}

/**
 * @param {Attachment} file
 * @param {Place} place
 */
function attachment(file, { t, language, base }) {
  const href = file.url && /^https?:/.test(safeLink(file.url, base) ?? "") && safeLink(file.url, base);
  const name = file.name || t(file.kind === "image" ? "picture" : "file");
  const size = file.size_bytes ? fileSize(file.size_bytes, language) : "";
  const paper = () =>
    el(
      href ? "a" : "span",
      { class: "paper", ...(href ? { href, ...LINK } : {}) },
      icon("file"),
      el("span", {}, el("b", {}, name), size && el("small", {}, size)),
    );
  const source = file.preview ?? href;
  if (!source || !RASTER.test(file.mime)) return paper();
  const picture = el("img", { alt: name, loading: "lazy", referrerpolicy: "no-referrer" });
  const frame = href
    ? el("a", { class: "picture", href, ...LINK, "aria-label": t("download", { name }) }, picture)
    : el("span", { class: "picture" }, picture);
  // The page's policy may forbid the source, or the picture may have expired.
  picture.onerror = () => {
    if (href && picture.src !== href) picture.src = href;
    else frame.replaceWith(paper());
  };
  picture.src = source;
  return frame;
}

/**
 * @param {Button} button
 * @param {Place} place
 */
function choice(button, place) {
  const { kind, label, value } = button;
  if (kind === "reply" || kind === "location") {
    const onclick = () => place.press(button);
    return el("button", { class: "choice", onclick }, label);
  }
  const href = safeLink(kind === "phone" ? "tel:" + value : value);
  if (kind === "contact" || !href) return null;
  return el("a", { class: "choice", href, ...(kind === "url" ? LINK : {}) }, label);
}

export class Bubble {
  version = -1;
  #shown = "";

  /**
   * @param {Message} message
   * @param {Place} place
   */
  constructor(message, place) {
    this.message = message;
    this.place = place;
    this.content = el("div", { class: "stack" });
    this.meta = el("div", { class: "meta" });
    this.node = el("div", {}, this.content);
    if (message.direction === "out") {
      const { author } = message;
      this.node.prepend(avatar(author, place.t("company"), safeLink(author?.avatar_url)));
    }
  }

  /**
   * @param {{ first: boolean, last: boolean, current: boolean }} group where it stands among its neighbours
   */
  show({ first, last, current }) {
    const { message } = this;
    if (this.version !== message.version) this.#fill();
    const look = ["msg", message.direction, message.status, first && "first", last && "last"];
    this.node.className = look.filter(Boolean).join(" ");
    for (const button of this.content.querySelectorAll("button.choice")) {
      /** @type {HTMLButtonElement} */ (button).disabled = !current;
    }
    this.#showMeta();
  }

  #fill() {
    const { message, place } = this;
    const { t, language } = place;
    this.version = message.version;
    const name = message.direction === "in" ? t("you") : message.author?.name || t("company");
    const rows = message.buttons.map((row) =>
      el("div", { class: "row" }, ...row.map((button) => choice(button, place))),
    );
    fill(
      this.content,
      el("span", { class: "vh" }, `${name}, ${clock(message.at, language)}: `),
      message.direction === "out" && el("div", { class: "name", "aria-hidden": "true" }, name),
      ...message.attachments.map((file) => attachment(file, place)),
      message.text && el("div", { class: "balloon" }, ...linked(message.text)),
      ...rows,
      this.meta,
    );
  }

  #showMeta() {
    const { message, place } = this;
    const { t, language } = place;
    const shown = message.status + (message.problem ?? "");
    if (shown === this.#shown) return;
    this.#shown = shown;
    const time = el("span", { "aria-hidden": "true" }, clock(message.at, language));
    if (message.direction === "out") return fill(this.meta, time);
    if (message.status === "failed") {
      const why = message.problem ? ". " + t(message.problem) : "";
      const onclick = () => place.retry(message);
      const again = el("button", { class: "text-button", onclick }, t("retry"));
      return fill(this.meta, icon("fault"), el("span", {}, t("failed") + why), again);
    }
    const picture = { sending: "wait", sent: "one", delivered: "two", read: "two" }[message.status];
    const label = el("span", { class: "vh" }, t(message.status));
    fill(this.meta, time, icon(/** @type {"wait"} */ (picture)), label);
  }
}
