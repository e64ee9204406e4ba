/**
 * The question at the end of a closed conversation.
 * @import {Chat} from "./chat.js"
 * @import {Translate} from "./types"
 */
import { el, fill, icon, say } from "./dom.js";
import { randomId } from "./format.js";

export class Rating {
  #score = 0;
  #cid = randomId();

  /**
   * @param {Chat} chat
   * @param {Translate} t
   * @param {HTMLElement} node where it is asked
   */
  constructor(chat, t, node) {
    this.chat = chat;
    this.t = t;
    this.labels = [1, 2, 3, 4, 5].map((n) => {
      const onchange = () => this.#choose(n);
      const input = el("input", { type: "radio", name: "score", value: n, class: "vh", onchange });
      return el("label", {}, input, icon("star"), el("span", { class: "vh" }, n + " / 5"));
    });
    this.comment = el("textarea", { rows: 2, maxlength: 2000, "aria-label": t("comment") });
    this.comment.placeholder = t("comment");
    this.button = el("button", { class: "primary" }, t("submit"));
    this.button.onclick = () => this.#submit();
    this.result = el("div", { role: "status" });
    this.ask = el(
      "fieldset",
      { class: "field" },
      el("legend", {}, t("rate")),
      el("div", { class: "stars" }, ...this.labels),
      this.comment,
      this.button,
    );
    this.node = node;
    fill(node, el("p", {}, t("closed")), this.ask, this.result);
    this.#choose(0);
  }

  render() {
    const { chat } = this;
    if (chat.rated === this.ask.hidden) return;
    this.ask.hidden = chat.rated;
    say(this.result, chat.rated ? this.t("thanks") : "");
  }

  /** @param {number} score */
  #choose(score) {
    this.#score = score;
    this.labels.forEach((label, i) => label.classList.toggle("on", i < score));
    this.comment.hidden = this.button.hidden = !score;
    if (score) this.node.scrollIntoView(false);
  }

  async #submit() {
    const comment = this.comment.value.trim() || undefined;
    const error = await this.chat.submit("rating", this.#cid, { score: this.#score, comment });
    if (error) say(this.result, this.t("tryAgain"));
    else this.#cid = randomId();
  }
}
