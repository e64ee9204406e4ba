/**
 * Ways to reach the company beside the chat: a call, and other channels. Loaded when the panel is opened
 * for the first time on a site that offers any.
 *
 * A sheet stands in for the conversation while a visitor fills in a number or chooses a channel; what
 * becomes of a call stands above both.
 * @import {Frame, Translate} from "./types"
 * @import {Panel} from "./panel.js"
 */
import { CallBar } from "./callbar.js";
import { CallForm } from "./callform.js";
import { el, fill, stroke } from "./dom.js";
import { randomId } from "./format.js";
import { Links } from "./links.js";
import { marks } from "./reach_marks.js";
import { reachCss } from "./reach_style.js";
import { reachTexts } from "./reach_texts.js";
import { speaker } from "./words.js";

/** How often a command is repeated that got no answer, or that came too soon. */
const TRIES = 4;
const ONLINE_MS = 12e3;
const LONGEST_WAIT_SECONDS = 20;

/** @typedef {{ title: string, node: HTMLElement, focus: () => void, open: () => void, close: () => void }} Page */

export class Reach {
  /** @type {Page | null} what the sheet shows */
  page = null;
  /** @type {Set<() => void>} */
  #waiting = new Set();
  /** @type {HTMLElement | null} where the focus goes back to */
  #opener = null;

  /** @param {Panel} panel */
  constructor(panel) {
    const { chat, config, language } = panel;
    this.panel = panel;
    this.chat = chat;
    this.language = language;
    const short = language.slice(0, 2);
    const built = { ...reachTexts.en, .../** @type {Record<string, any>} */ (reachTexts)[short] };
    const own = speaker({ ...built, ...config.texts?.[short] }, language);
    /** @type {Translate} */
    this.t = (key, values) => (key in built ? own(key, values) : panel.t(key, values));
    this.sheet = el("div", { class: "sheet", role: "group", hidden: true });
    this.bar = new CallBar(this);
    this.callForm = config.call ? new CallForm(this) : null;
    this.links = config.continue ? new Links(this) : null;
    for (const [mark, page] of /** @type {const} */ ([["call", this.callForm], ["goOn", this.links]])) {
      if (page) panel.tools.append(this.#tool(mark, page));
    }
    panel.body.before(this.bar.node, this.sheet);
    const style = new CSSStyleSheet();
    style.replaceSync(reachCss);
    const root = /** @type {ShadowRoot} */ (panel.node.getRootNode());
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, style];
  }

  /**
   * @param {string} mark
   * @param {Page} page
   */
  #tool(mark, page) {
    const label = this.t(mark);
    const onclick = () => (this.page === page ? this.close() : this.show(page));
    return el("button", { class: "tool", "aria-label": label, title: label, onclick }, stroke(marks[mark], mark));
  }

  /** @param {Page} page */
  show(page) {
    this.page?.close();
    const { activeElement } = /** @type {ShadowRoot} */ (this.panel.node.getRootNode());
    this.#opener ??= /** @type {HTMLElement | null} */ (activeElement);
    this.page = page;
    this.sheet.setAttribute("aria-label", page.title);
    const back = el(
      "button",
      { class: "tool", "aria-label": this.t("back"), title: this.t("back"), onclick: () => this.close() },
      stroke(marks.back, "back"),
    );
    fill(this.sheet, el("div", { class: "top" }, back, el("h2", {}, page.title)), page.node);
    this.#turn(true);
    page.open();
    page.focus();
  }

  /** Go back to the conversation; the focus returns to where it came from, or goes to `next`. */
  close(/** @type {HTMLElement | null} */ next = null) {
    if (!this.page) return;
    this.page.close();
    this.page = null;
    this.#turn(false);
    const target = next ?? this.#opener;
    this.#opener = null;
    if (target?.isConnected) target.focus();
    else this.panel.focus();
  }

  /** @param {boolean} shown */
  #turn(shown) {
    this.sheet.hidden = !shown;
    this.panel.body.hidden = shown;
    if (!shown) this.panel.messages.look();
  }

  render() {
    if (this.chat.transport.state === "online") for (const resolve of [...this.#waiting]) resolve();
    this.bar.render();
    const call = this.panel.tools.querySelector("button");
    // One call at a time: while there is one, the bar above is where to look.
    if (this.callForm && call) call.hidden = !!this.chat.call?.open;
    if (this.page === this.callForm && this.chat.call?.open) this.close(this.bar.button);
  }

  /**
   * Send a command that has to be answered, again under the same id until it is.
   * @param {string} t
   * @param {Frame["d"]} d
   * @returns {Promise<Frame>} an `ack`, or an `error` whose code is `lost` when there was no answer
   */
  async ask(t, d = {}, cid = randomId()) {
    const { chat } = this;
    chat.transport.start(true);
    for (let i = 0; i < TRIES; i++) {
      if (!(await this.#online())) break;
      const answer = await chat.sender.command({ t, cid, d });
      const wait = answer?.d.retry_after_seconds;
      if (answer && !(wait <= LONGEST_WAIT_SECONDS)) return answer;
      if (answer) await new Promise((resolve) => setTimeout(resolve, wait * 1000 + 100));
    }
    return { t: "error", d: { code: "lost" } };
  }

  /** @returns {Promise<boolean>} whether there is a connection, after waiting for one */
  #online() {
    if (this.chat.transport.state === "online") return Promise.resolve(true);
    return new Promise((resolve) => {
      const done = (/** @type {boolean} */ online) => {
        clearTimeout(late);
        this.#waiting.delete(hear);
        resolve(online);
      };
      const hear = () => done(true);
      const late = setTimeout(() => done(false), ONLINE_MS);
      this.#waiting.add(hear);
    });
  }

  /**
   * A moment as this visitor's clock and calendar have it.
   * @param {string} at
   */
  when(at) {
    const date = new Date(at);
    /** @type {Intl.DateTimeFormatOptions} */
    const time = { hour: "numeric", minute: "2-digit" };
    /** @type {Intl.DateTimeFormatOptions} */
    const whole = { weekday: "long", day: "numeric", month: "long", ...time };
    const today = date.toDateString() === new Date().toDateString();
    return new Intl.DateTimeFormat(this.language, today ? time : whole).format(date);
  }

  /** Stop the clocks: the panel is taken down. */
  end() {
    this.page?.close();
    this.bar.end();
  }
}
