/**
 * The panel: head, state of the connection, and either a form or the conversation.
 * @import {Chat} from "./chat.js"
 * @import {Button, Config, Translate} from "./types"
 */
import { Composer } from "./composer.js";
import { avatar, el, fill, iconButton, say } from "./dom.js";
import { Form } from "./form.js";
import { safeLink } from "./format.js";
import { labelText } from "./i18n.js";
import { Messages } from "./messages.js";

export class Panel {
  #stage = "";
  #head = "";
  #extends = false;
  #rates = false;
  /** @type {import("./rating.js").Rating | null} */
  #rating = null;
  /** @type {import("./reach.js").Reach | null} */
  reach = null;
  /** @type {Form | null} */
  #form = null;

  /**
   * @param {Chat} chat
   * @param {Config} config
   * @param {Translate} t
   * @param {string} language
   */
  constructor(chat, config, t, language) {
    this.chat = chat;
    this.config = config;
    this.t = t;
    this.language = language;
    this.title = labelText(config.title, language) || t("title");
    this.rated = el("div", { class: "rating", hidden: true });
    const press = (/** @type {Button} */ button) => this.#press(button);
    const retry = (/** @type {import("./types").Message} */ message) =>
      chat.sender.retry(message.cid ?? "");
    const place = { t, language, base: chat.base, press, retry };
    this.messages = new Messages(chat, place, this.rated, this.title);
    this.composer = new Composer(chat, config, t, language, labelText(config.privacy_note, language));
    this.head = el("div", { class: "head" });
    this.tools = el("span", { class: "line" });
    this.banner = el("div", { class: "banner", role: "status", hidden: true });
    this.typing = el("div", { class: "typing", role: "status" });
    this.body = el("div", { class: "body" });
    this.node = el(
      "div",
      { class: "panel", id: "panel", role: "dialog", "aria-label": this.title, hidden: true },
      this.head,
      this.banner,
      this.body,
    );
    if (config.uploads?.enabled) this.#acceptDrops(t("drop"));
  }

  /** @param {string} words */
  #acceptDrops(words) {
    const { node } = this;
    node.dataset.drop = words;
    const over = (/** @type {boolean} */ on) => node.classList.toggle("dropping", on);
    node.ondragover = (event) => {
      if (!event.dataTransfer?.types.includes("Files") || this.#form) return;
      event.preventDefault();
      over(true);
    };
    node.ondragleave = (event) => {
      if (!node.contains(/** @type {Node | null} */ (event.relatedTarget))) over(false);
    };
    node.ondrop = (event) => {
      over(false);
      if (this.#form || !event.dataTransfer?.files.length) return;
      event.preventDefault();
      this.chat.uploads.add(event.dataTransfer.files);
    };
  }

  /** @param {Button} button */
  #press({ kind, label, value }) {
    if (kind === "location") this.composer.askLocation();
    else this.chat.press(label, value ?? label);
    this.composer.input.focus();
  }

  focus() {
    if (this.#form) this.#form.focus();
    else this.composer.input.focus();
  }

  /**
   * Load a part of the widget that not everybody needs. Without a network it is tried again a little later:
   * the chat works without it.
   * @param {() => Promise<void>} load
   */
  async #bring(load) {
    for (let wait = 2e3; ; wait *= 2) {
      try {
        await load();
        return this.render();
      } catch {
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
    }
  }

  /** Bring what else the site offers, if anything. */
  extend() {
    const { call, continue: more } = this.config;
    if (this.#extends || !(call || more)) return;
    this.#extends = true;
    this.#bring(async () => {
      const { Reach } = await import("./reach.js");
      this.reach = new Reach(this);
    });
  }

  render() {
    const { chat, t } = this;
    this.node.hidden = !chat.open;
    this.#renderHead();
    this.#renderStage();
    const { state } = chat.transport;
    const lost = state === "waiting" || (state === "connecting" && !this.banner.hidden);
    this.banner.hidden = !lost && state !== "refused";
    say(this.banner, this.banner.hidden ? "" : t(state === "refused" ? "refused" : "noConnection"));
    this.#renderRating();
    this.reach?.render();
    if (this.#form) return;
    this.#renderTyping();
    this.composer.render();
    this.messages.render();
  }

  /** The question at the end comes when there is an end. */
  #renderRating() {
    const { chat, rated } = this;
    rated.hidden = chat.status !== "closed";
    if (this.#rating) return this.#rating.render();
    if (rated.hidden || this.#rates) return;
    this.#rates = true;
    this.#bring(async () => {
      const { Rating } = await import("./rating.js");
      this.#rating = new Rating(chat, this.t, rated);
    });
  }

  #renderHead() {
    const { chat, t, title } = this;
    const agent = chat.agent;
    const status = t(chat.online ? "online" : "away");
    const shown = `${agent?.name}|${agent?.avatar_url}|${status}`;
    if (shown === this.#head) return;
    const focused = this.head.contains(/** @type {ShadowRoot} */ (this.head.getRootNode()).activeElement);
    this.#head = shown;
    fill(
      this.head,
      avatar(agent, title, safeLink(agent?.avatar_url)),
      el(
        "div",
        { class: "who" },
        el("h2", {}, agent?.name || title),
        el("p", { class: chat.online ? "" : "away" }, status),
      ),
      this.tools,
      iconButton("close", t("closeChat"), () => chat.show(false, true)),
    );
    if (focused) this.head.querySelector("button")?.focus();
  }

  #renderStage() {
    const { chat, config, t, language } = this;
    const { stage } = chat;
    if (stage === this.#stage) return;
    const focused = this.body.contains(/** @type {ShadowRoot} */ (this.body.getRootNode()).activeElement);
    this.#stage = stage;
    const form = stage === "chat" ? null : config[stage];
    this.#form = form && stage !== "chat" ? new Form(chat, stage, form, t, language) : null;
    if (this.#form) fill(this.body, this.#form.node);
    else {
      const area = el("div", { class: "body" }, this.messages.scroll, this.messages.jump);
      fill(this.body, area, this.typing, this.composer.node);
    }
    if (focused) this.focus();
  }

  #renderTyping() {
    const { typing } = this.chat;
    const name = typing ? typing.name || this.t("company") : "";
    if (this.typing.dataset.name === name) return;
    this.typing.dataset.name = name;
    const dots = el("span", { class: "dots", "aria-hidden": "true" }, el("i"), el("i"), el("i"));
    fill(this.typing, name && dots, name && this.t("typing", { name }));
  }
}
