/**
 * What becomes of the visitor's call, above the conversation.
 * @import {Call} from "./types"
 * @import {Reach} from "./reach.js"
 */
import { el, fill, iconButton, say, stroke } from "./dom.js";
import { marks } from "./reach_marks.js";

const BUSY = /^(starting|ringing|connecting)$/;

export class CallBar {
  #tag = "";
  #shownFor = "";
  #endsAt = 0;
  #clock = 0;
  #busy = false;

  /** @param {Reach} reach */
  constructor(reach) {
    this.reach = reach;
    const { t } = reach;
    this.words = el("p", { role: "status" });
    // Beside the live region, not in it: nobody wants every second read out.
    this.timer = el("p", { class: "timer", role: "timer", hidden: true });
    this.fault = el("p", { class: "error", role: "alert" });
    this.picture = el("span", { "aria-hidden": "true" }, stroke(marks.call, "call"));
    this.buttons = el("span", { class: "row" });
    /** @type {HTMLElement | null} the one that matters: cancel, or close */
    this.button = null;
    this.node = el(
      "div",
      { class: "callbar", role: "group", "aria-label": t("callStatus"), hidden: true },
      this.picture,
      el("div", {}, this.words, this.timer, this.fault),
      this.buttons,
    );
  }

  render() {
    const { chat } = this.reach;
    const { call } = chat;
    const hidden = !call || chat.keep.get("callSeen") === call.tag;
    this.node.hidden = hidden;
    if (hidden || !call) {
      this.#tag = "";
      say(this.words, "");
      return this.end();
    }
    if (call.tag === this.#tag) return;
    this.#tag = call.tag;
    this.#show(call);
  }

  /** @param {Call} call */
  #show(call) {
    const { t } = this.reach;
    this.picture.className = BUSY.test(call.state) ? "busy" : "";
    say(this.words, this.#text(call));
    fill(this.fault);
    this.end();
    if (call.seconds_left !== null) this.#count(call.seconds_left);
    const kind = call.id + call.open + (call.state === "talking") + call.state.replace(BUSY, "");
    if (kind === this.#shownFor) return;
    this.#shownFor = kind;
    const { activeElement } = /** @type {ShadowRoot} */ (this.node.getRootNode());
    const focused = this.node.contains(activeElement);
    const onclick = () => this.#cancel();
    if (call.open) {
      const label = t(call.state === "talking" ? "hangUp" : "cancelCall");
      this.button = el("button", { class: "text-button", onclick }, label);
      fill(this.buttons, this.button);
    } else {
      const again = this.reach.callForm && /missed|failed/.test(call.state);
      this.button = iconButton("close", t("close"), () => this.#dismiss(), "small");
      fill(this.buttons, again && el("button", { class: "text-button", onclick: () => this.#again() }, t("callAgain")), this.button);
    }
    if (focused) this.button.focus();
  }

  /** @param {Call} call */
  #text({ state, number, callback_at }) {
    const { t } = this.reach;
    if (state === "waiting" && callback_at) return t("waiting", { number, when: this.reach.when(callback_at) });
    const key = /** @type {Record<string, string>} */ ({ waiting: "waitingSomeday", failed: "failedCall" })[state];
    return t(key ?? state, { number });
  }

  /** @param {number} seconds */
  #count(seconds) {
    this.#endsAt = Date.now() + seconds * 1000;
    const tick = () => {
      const n = Math.ceil((this.#endsAt - Date.now()) / 1000);
      say(this.timer, n > 0 ? this.reach.t("soon", { n }) : this.reach.t("longer"));
    };
    tick();
    this.timer.hidden = false;
    this.#clock = setInterval(tick, 1000);
  }

  async #cancel() {
    const { call } = this.reach.chat;
    if (!call || this.#busy) return;
    this.#busy = true;
    this.button?.setAttribute("aria-busy", "true");
    const answer = await this.reach.ask("call.cancel", { id: call.id });
    this.#busy = false;
    this.button?.removeAttribute("aria-busy");
    if (answer.t === "ack") this.reach.chat.followCall(answer.d.call);
    else say(this.fault, this.reach.t("cancelFailed"));
  }

  #dismiss() {
    const { chat, panel } = this.reach;
    chat.keep.set("callSeen", this.#tag);
    chat.changed();
    panel.focus();
  }

  #again() {
    const { callForm } = this.reach;
    if (callForm) this.reach.show(callForm);
  }

  /** Stop counting. */
  end() {
    clearInterval(this.#clock);
    this.timer.hidden = true;
  }
}
