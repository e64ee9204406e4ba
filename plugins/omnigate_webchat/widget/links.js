/**
 * Other channels to carry on in, each with its link and its code for the phone.
 * @import {Way} from "./types"
 * @import {Reach} from "./reach.js"
 */
import { el, fill, say, stroke, svgNode } from "./dom.js";
import { marks } from "./reach_marks.js";

/** Dots of nothing around a code, without which phones do not find it. Source: ISO/IEC 18004. */
const QUIET = 4;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export class Links {
  #clock = 0;

  /** @param {Reach} reach */
  constructor(reach) {
    const { t } = reach;
    this.reach = reach;
    this.title = t("goOn");
    this.intro = el("p", { role: "status" });
    this.list = el("ul", { class: "ways" });
    this.note = el("p", { class: "hint" });
    this.renew = el("button", { class: "primary", hidden: true, onclick: () => this.#renew() }, t("goOnRenew"));
    this.node = el("div", { class: "links" }, this.intro, this.list, this.note, this.renew);
  }

  /** A link was followed, in any tab and before any reload: it may be good for nothing any more. */
  get #used() {
    return !!this.reach.chat.keep.get("linkUsed");
  }

  set #used(used) {
    this.reach.chat.keep.set("linkUsed", used || null);
  }

  focus() {
    const { sheet } = this.reach;
    /** @type {HTMLElement | null} */ (this.list.querySelector("a") ?? sheet.querySelector("button"))?.focus();
  }

  async open() {
    const { t } = this.reach;
    this.#clear();
    say(this.intro, t("loading"));
    const answer = await this.reach.ask("handover", { renew: this.#used });
    if (this.reach.page !== this) return;
    const { code } = answer.d;
    const offered = answer.t === "ack" ? answer.d.handover : null;
    if (!offered?.ways.length) {
      const key = code === "rate" ? "goOnMany" : code && code !== "not_found" ? "callLater" : "goOnNone";
      return say(this.intro, t(key));
    }
    this.#used = false;
    say(this.intro, t("goOnText"));
    fill(this.list, ...offered.ways.map((/** @type {Way} */ way, /** @type {number} */ i) => this.#way(way, i)));
    const left = offered.expires_in_seconds * 1000;
    say(this.note, t("goOnNote", { when: this.reach.when(new Date(Date.now() + left).toISOString()) }));
    this.#clock = setTimeout(() => this.#over(), Math.min(left, LONGEST_TIMER_MS));
    this.focus();
  }

  close() {
    this.#clear();
  }

  #clear() {
    clearTimeout(this.#clock);
    fill(this.list);
    fill(this.note);
    this.renew.hidden = true;
  }

  #over() {
    this.#clear();
    this.#used = true;
    say(this.intro, this.reach.t("goOnOver"));
    this.renew.hidden = false;
    this.renew.focus();
  }

  #renew() {
    this.reach.sheet.querySelector("button")?.focus();
    this.open();
  }

  /**
   * @param {Way} way
   * @param {number} i
   */
  #way({ kind, channel, url, qr }, i) {
    const { t } = this.reach;
    if (!/^(https?|mailto|sms):/.test(url)) return null;
    const named = t("to_" + channel);
    const name = named === "to_" + channel ? t(kind) : named;
    const apart = /^https?:/.test(url);
    const link = el(
      "a",
      { class: "way", href: url, rel: "noopener noreferrer nofollow", target: apart && "_blank" },
      stroke(marks[kind] ?? marks.goOn, "way"),
      el("span", {}, name, apart && el("span", { class: "vh" }, `, ${t("opensApart")}`)),
    );
    link.addEventListener("click", () => (this.#used = true));
    if (!qr) return el("li", {}, link);
    const text = t("qrText", { name });
    const code = el("div", { class: "qr", id: "qr-" + i, hidden: true }, this.#code(qr, text), el("span", {}, text));
    const button = el("button", { class: "text-button", "aria-expanded": "false", "aria-controls": "qr-" + i }, t("qr"));
    button.append(el("span", { class: "vh" }, ", " + name));
    button.onclick = () => {
      code.hidden = !code.hidden;
      button.setAttribute("aria-expanded", String(!code.hidden));
      if (code.hidden) return;
      this.#used = true;
      code.scrollIntoView({ block: "nearest" });
    };
    return el("li", {}, link, button, code);
  }

  /**
   * @param {{ size: number, path: string }} qr
   * @param {string} label
   */
  #code({ size, path }, label) {
    const side = size + 2 * QUIET;
    const svg = svgNode("svg", {
      viewBox: `-${QUIET} -${QUIET} ${side} ${side}`,
      role: "img",
      "aria-label": label,
      "shape-rendering": "crispEdges",
    });
    svg.append(svgNode("path", { d: path, fill: "#000" }));
    return svg;
  }
}
