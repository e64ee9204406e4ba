/**
 * The list of messages: days, groups, scrolling, and what is in view.
 * @import {Chat} from "./chat.js"
 * @import {Message} from "./types"
 * @import {Place} from "./bubble.js"
 */
import { Bubble } from "./bubble.js";
import { avatar, el, fill, iconButton } from "./dom.js";
import { dayName } from "./format.js";
import { labelText } from "./i18n.js";

const GROUP_MS = 5 * 60e3;
const NEAR_PX = 80;

/** @param {Message | undefined} a @param {Message | undefined} b */
const together = (a, b) =>
  a?.direction === b?.direction &&
  a?.author?.name === b?.author?.name &&
  Math.abs((a?.at ?? 0) - (b?.at ?? 0)) < GROUP_MS &&
  new Date(a?.at ?? 0).getDate() === new Date(b?.at ?? 0).getDate();

export class Messages {
  /** @type {Map<string, Bubble>} */
  #bubbles = new Map();
  /** @type {Map<string, HTMLElement>} */
  #days = new Map();
  /** @type {Map<Element, Message>} */
  #inView = new Map();
  #atEnd = true;
  /** What is here when the list is first shown is not news: it is not read out. */
  #begun = false;

  /**
   * @param {Chat} chat
   * @param {Place} place
   * @param {HTMLElement} after stands under the last message
   * @param {string} name of the company
   */
  constructor(chat, place, after, name) {
    const { t } = place;
    this.name = name;
    this.chat = chat;
    this.place = place;
    const onclick = () => chat.earlier();
    this.older = el("button", { class: "text-button earlier", onclick }, t("earlier"));
    this.list = el("div", {
      class: "list",
      role: "log",
      "aria-live": "polite",
      "aria-relevant": "additions",
      "aria-label": t("conversation"),
    });
    const frame = { class: "scroll", tabindex: "0", role: "group", "aria-label": t("conversation") };
    this.intro = el("div", { class: "msg out first last" });
    const parts = [this.intro, this.older, this.list, after];
    this.scroll = el("div", { ...frame, onscroll: () => this.#scrolled() }, ...parts);
    // The composer grows, the keyboard comes up: who was at the end stays there.
    new ResizeObserver(() => this.#atEnd && this.toEnd()).observe(this.scroll);
    this.jump = iconButton("down", t("latest"), () => this.toEnd(), "jump");
    this.observer = new IntersectionObserver((changes) => this.#observe(changes), {
      root: this.scroll,
      threshold: [0, 0.25, 0.5, 0.75, 1],
    });
  }

  render() {
    const { chat, scroll } = this;
    const { messages } = chat.log;
    const fromEnd = scroll.scrollHeight - scroll.scrollTop;
    const stay = this.#atEnd;
    const oldest = this.list.querySelector(".msg");
    this.older.hidden = !chat.more;
    this.#greet(messages.length > 0);
    const [own, older] = this.#place(messages);
    if (stay || own) this.toEnd();
    else if (older && oldest) scroll.scrollTop = scroll.scrollHeight - fromEnd;
    this.#scrolled();
    this.#begun ||= chat.open;
  }

  /**
   * The first words of a dialogue are the invitation that began it, or a welcome.
   * @param {boolean} talking
   */
  #greet(talking) {
    const { greeting } = this.chat;
    const { t, language } = this.place;
    this.intro.hidden = talking && !greeting;
    const words = greeting ? labelText(greeting.text, language) : t("welcome");
    if (this.intro.dataset.words === words) return;
    this.intro.dataset.words = words;
    const balloon = el("div", { class: "balloon" }, words);
    fill(this.intro, avatar(null, this.name), el("div", { class: "stack" }, balloon));
  }

  /**
   * Bring the list in line, touching only what differs.
   * @param {Message[]} messages
   * @returns {[boolean, boolean]} whether an own message was added, and whether older ones were
   */
  #place(messages) {
    const { language } = this.place;
    let next = /** @type {ChildNode | null} */ (this.list.firstChild);
    let own = false;
    let older = false;
    let day = "";
    const put = (/** @type {HTMLElement} */ node) => {
      if (node === next) next = node.nextSibling;
      else this.list.insertBefore(node, next);
    };
    // Older pages are history, not news: they are not read out.
    const known = messages.findIndex((message) => this.#bubbles.has(message.key));
    this.list.setAttribute("aria-live", known > 0 || !this.#begun ? "off" : "polite");
    messages.forEach((message, i) => {
      const date = new Date(message.at).toDateString();
      if (date !== day) put(this.#day((day = date), dayName(message.at, language)));
      const first = !together(messages[i - 1], message);
      const last = !together(messages[i + 1], message);
      let bubble = this.#bubbles.get(message.key);
      if (!bubble || bubble.message !== message) {
        bubble?.node.remove();
        bubble = this.#add(message);
        if (i > known) own ||= message.direction === "in" && message.seq === undefined;
        else older = true;
      }
      bubble.show({ first, last, current: i === messages.length - 1 });
      put(bubble.node);
    });
    while (next) {
      const gone = next;
      next = gone.nextSibling;
      this.#drop(/** @type {HTMLElement} */ (gone));
    }
    return [own, older];
  }

  /** @param {Message} message */
  #add(message) {
    const bubble = new Bubble(message, this.place);
    this.#bubbles.set(message.key, bubble);
    bubble.node.dataset.key = message.key;
    if (message.direction === "out") this.observer.observe(bubble.node);
    return bubble;
  }

  /** @param {HTMLElement} node */
  #drop(node) {
    node.remove();
    this.observer.unobserve(node);
    this.#inView.delete(node);
    if (node.dataset.key) this.#bubbles.delete(node.dataset.key);
  }

  /** @param {string} date @param {string} name */
  #day(date, name) {
    let node = this.#days.get(date);
    if (!node) this.#days.set(date, (node = el("div", { class: "day" })));
    if (node.textContent !== name) node.textContent = name;
    return node;
  }

  toEnd() {
    this.scroll.scrollTop = this.scroll.scrollHeight;
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroll;
    // Hidden, everything measures zero: remember where the reader was.
    if (clientHeight) this.#atEnd = scrollHeight - scrollTop - clientHeight < NEAR_PX;
    this.jump.hidden = this.#atEnd;
    if (clientHeight && scrollTop < NEAR_PX && scrollHeight > clientHeight * 1.5) this.chat.earlier();
  }

  /** @param {IntersectionObserverEntry[]} changes */
  #observe(changes) {
    for (const { target, isIntersecting, intersectionRatio, intersectionRect, rootBounds } of changes) {
      const tall = intersectionRect.height > (rootBounds?.height ?? Infinity) / 2;
      const bubble = this.#bubbles.get(/** @type {HTMLElement} */ (target).dataset.key ?? "");
      if (bubble && isIntersecting && (intersectionRatio >= 0.5 || tall)) {
        this.#inView.set(target, bubble.message);
      } else this.#inView.delete(target);
    }
    this.look();
  }

  /** Report what a person can see now. */
  look() {
    if (!this.chat.open || document.visibilityState !== "visible") return;
    for (const message of this.#inView.values()) this.chat.looked(message);
  }
}
