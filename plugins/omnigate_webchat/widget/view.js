/**
 * Everything the visitor sees, in one closed shadow root: button, invitation, panel.
 * @import {Chat} from "./chat.js"
 * @import {Config} from "./types"
 */
import { avatar, el, fill, icon, iconButton, say } from "./dom.js";
import { safeLink } from "./format.js";
import { chooseLanguage, labelText, translator } from "./i18n.js";
import { Panel } from "./panel.js";
import { css } from "./style.js";
import { themeRule } from "./theme.js";

const EXCERPT = 240;

export class View {
  #life = new AbortController();
  #open = false;
  #card = "";
  /** Text of the last message that was already offered beside the button. */
  #offered = "";

  /**
   * @param {Chat} chat
   * @param {Config} config
   * @param {string | undefined} lang fixed by the site
   */
  constructor(chat, config, lang) {
    this.chat = chat;
    this.config = config;
    this.language = chooseLanguage(config, lang);
    this.t = translator(this.language, config.texts);
    this.host = document.createElement("omnigate-chat");
    this.root = this.host.attachShadow({ mode: "closed" });
    this.panel = new Panel(chat, config, this.t, this.language);
    this.launcher = el("button", {
      class: "launcher",
      "aria-expanded": "false",
      "aria-controls": "panel",
      onclick: () => chat.show(!chat.open, true),
    });
    this.badge = el("span", { class: "badge", "aria-hidden": "true", hidden: true });
    this.launcher.append(icon("chat"), icon("down"), this.badge);
    this.invite = el("div", { class: "invite", role: "status", hidden: true });
    const side = config.theme?.position === "left" ? "left" : "right";
    this.frame = el(
      "div",
      { class: side, role: "region", "aria-label": this.t("chat"), lang: this.language },
      this.launcher,
      this.invite,
      this.panel.node,
    );
    this.root.append(this.frame);
    this.#dress();
    this.#listen();
    document.documentElement.append(this.host);
  }

  #dress() {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    const theme = new CSSStyleSheet();
    const { color = "#2563eb", dark = "auto" } = this.config.theme ?? {};
    const prefers = matchMedia("(prefers-color-scheme: dark)");
    const paint = () =>
      theme.replaceSync(themeRule(color, dark === "dark" || (dark === "auto" && prefers.matches)));
    paint();
    prefers.addEventListener("change", paint, { signal: this.#life.signal });
    this.root.adoptedStyleSheets = [theme, sheet];
  }

  #listen() {
    const { signal } = this.#life;
    // Capture on the window comes before the page's own short cuts. The key still types: only its
    // way through the page ends here, and ours begins.
    for (const type of /** @type {const} */ (["keydown", "keyup", "keypress"])) {
      const stop = (/** @type {KeyboardEvent} */ event) => {
        if (event.target !== this.host) return;
        event.stopImmediatePropagation();
        if (type === "keydown") this.#key(event);
      };
      addEventListener(type, stop, { capture: true, signal });
    }
    document.addEventListener("visibilitychange", () => this.panel.messages.look(), { signal });
    document.addEventListener("focusin", () => this.#stay(), { signal });
    const fit = () => this.frame.style.setProperty("--height", visualViewport?.height + "px");
    visualViewport?.addEventListener("resize", fit, { signal });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const { composer } = this.panel;
    if (event.key === "Escape" && (this.chat.open || this.chat.invitation)) {
      if (this.panel.reach?.page) this.panel.reach.close();
      else if (this.chat.open) this.chat.show(false, true);
      else this.#dismiss();
      event.preventDefault();
    } else if (event.key === "Enter" && this.root.activeElement === composer.input) {
      // While an input method composes, Enter takes its suggestion.
      if (event.shiftKey || event.isComposing || event.keyCode === 229) return;
      event.preventDefault();
      composer.send();
    }
  }

  /** Full screen, the panel covers the page: what has the focus there could not be seen. */
  #stay() {
    const covers = this.chat.open && !this.launcher.getClientRects().length;
    if (covers && !this.root.activeElement) this.panel.focus();
  }

  render() {
    const { chat, t } = this;
    this.host.hidden = chat.hidden || (chat.transport.state === "refused" && !chat.open);
    const { length: n } = chat.unread;
    const label = t(chat.open ? "closeChat" : "openChat");
    this.launcher.setAttribute("aria-label", n ? `${label}, ${t("unread", { n })}` : label);
    this.launcher.setAttribute("aria-expanded", String(chat.open));
    this.badge.hidden = !n || chat.open;
    say(this.badge, n > 99 ? "99+" : String(n));
    this.frame.classList.toggle("opened", chat.open);
    this.panel.render();
    this.#renderCard();
    if (chat.open !== this.#open) this.#moveFocus(chat.open);
  }

  /** @param {boolean} open */
  #moveFocus(open) {
    this.#open = open;
    if (open) {
      this.panel.extend();
      this.panel.messages.toEnd();
      // A panel that is open from the page before must not take the focus.
      if (this.chat.byPerson) this.panel.focus();
      this.panel.messages.look();
    } else if (this.root.activeElement || this.chat.byPerson) this.launcher.focus();
  }

  /** Beside the closed button: the invitation, or the newest unread message. */
  #renderCard() {
    const { chat, t } = this;
    const news = chat.unread.at(-1);
    const key = chat.open ? "" : (chat.invitation?.name ?? (news && news.key !== this.#offered && news.key));
    if ((key || "") === this.#card) return;
    this.#card = key || "";
    this.invite.hidden = !key;
    if (!key) return fill(this.invite);
    const author = chat.invitation ? null : news?.author;
    const text = chat.invitation ? labelText(chat.invitation.text, this.language) : news?.text;
    const name = author?.name || this.panel.title;
    const words = el("span", {}, el("b", {}, name), (text || t("file")).slice(0, EXCERPT));
    const picture = avatar(author, name, safeLink(author?.avatar_url));
    const onclick = () => chat.show(true, true);
    fill(
      this.invite,
      el("button", { class: "words", onclick }, picture, words),
      iconButton("close", t("close"), () => this.#dismiss()),
    );
  }

  #dismiss() {
    this.#offered = this.#card;
    if (this.chat.invitation) this.chat.answerInvitation("closed");
    this.launcher.focus();
    this.render();
  }

  remove() {
    this.#life.abort();
    this.panel.reach?.end();
    this.host.remove();
  }
}
