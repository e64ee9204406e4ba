/**
 * Where the visitor writes: text, files, place.
 * @import {Chat} from "./chat.js"
 * @import {Config, Translate, Upload} from "./types"
 */
import { linked } from "./bubble.js";
import { el, fill, iconButton, say } from "./dom.js";
import { fileSize } from "./format.js";

const DEFAULT_LENGTH = 4000;
const WARN_LENGTH = 200;

export class Composer {
  /** To be sent as soon as its files are uploaded, unless more is typed. */
  #eager = false;
  #chips = "";

  /**
   * @param {Chat} chat
   * @param {Config} config
   * @param {Translate} t
   * @param {string} language
   * @param {string} privacy
   */
  constructor(chat, config, t, language, privacy) {
    this.chat = chat;
    this.t = t;
    this.language = language;
    this.most = config.max_text_length ?? DEFAULT_LENGTH;
    const change = () => this.#change();
    const pick = () => this.picker.click();
    const enabled = config.uploads?.enabled;
    this.picker = el("input", { type: "file", multiple: true, hidden: true });
    this.picker.onchange = () => {
      chat.uploads.add(this.picker.files ?? []);
      this.picker.value = "";
      this.input.focus();
    };
    this.input = el("textarea", {
      rows: 1,
      "aria-label": t("message"),
      placeholder: t("placeholder"),
      "aria-describedby": "count",
      oninput: change,
    });
    this.input.value = chat.draft.text;
    this.input.onpaste = (event) => this.#paste(event);
    this.sendButton = iconButton("send", t("send"), () => this.send(), "send");
    this.count = el("div", { class: "count", id: "count", "aria-live": "polite", hidden: true });
    this.chips = el("div", { class: "chips", hidden: true });
    this.refusal = el("div", { class: "notice error", role: "alert", hidden: true });
    this.notice = el("div", { class: "notice", role: "status", hidden: true });
    this.node = el(
      "div",
      { class: "composer" },
      this.notice,
      this.refusal,
      this.chips,
      el(
        "div",
        { class: "line" },
        enabled && this.picker,
        enabled && iconButton("clip", t("attach"), pick),
        config.location && iconButton("pin", t("location"), () => this.askLocation()),
        this.input,
        this.sendButton,
      ),
      this.count,
      privacy && el("p", { class: "privacy" }, ...linked(privacy)),
    );
  }

  send() {
    const text = this.input.value.trim();
    const { uploads } = this.chat;
    if (text.length > this.most || !(text || uploads.list.length)) return;
    if ((this.#eager = !uploads.ready)) return;
    this.input.value = "";
    this.chat.say(text);
    this.#grow();
    this.input.focus();
  }

  /** Show the question whose answer lets the browser ask in turn. */
  askLocation() {
    this.chat.notify("locationAsk");
  }

  #change() {
    this.#eager = false;
    this.chat.draft.write(this.input.value);
    this.#grow();
    this.render();
  }

  #grow() {
    const { style } = this.input;
    style.height = "auto";
    if (this.input.scrollHeight) style.height = this.input.scrollHeight + 2 + "px";
  }

  /** @param {ClipboardEvent} event */
  #paste(event) {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length || !this.chat.config?.uploads?.enabled) return;
    event.preventDefault();
    this.chat.uploads.add(files);
  }

  render() {
    const { chat, t, input } = this;
    const { uploads } = chat;
    if (this.#eager && uploads.ready) return this.send();
    if (input.value !== chat.draft.text) {
      input.value = chat.draft.text;
      this.#grow();
    }
    const left = this.most - input.value.trim().length;
    this.count.hidden = left > WARN_LENGTH;
    if (left <= WARN_LENGTH) say(this.count, t("left", { n: left }));
    if (left < 0) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
    const something = input.value.trim() || uploads.list.length;
    this.sendButton.disabled = left < 0 || !uploads.ready || !something;
    this.#renderChips();
    this.#renderNotice();
  }

  #renderChips() {
    const { list, refusal } = this.chat.uploads;
    const shown = list.map((upload) => upload.name + !!upload.attachment + upload.problem).join("|");
    if (shown !== this.#chips) {
      this.#chips = shown;
      fill(this.chips, ...list.map((upload) => this.#chip(upload)));
    }
    this.chips.querySelectorAll(".chip").forEach((chip, i) => {
      const progress = chip.querySelector("progress");
      if (progress) progress.value = list[i].progress;
    });
    this.chips.hidden = !list.length;
    const failed = list.find((upload) => upload.problem);
    const [key, values] = refusal ?? (failed ? ["fileFailed", { name: failed.name }] : ["", {}]);
    this.refusal.hidden = !key;
    const size = fileSize(values.bytes ?? 0, this.language);
    say(this.refusal, key && this.t(key, { ...values, size }));
  }

  /** @param {Upload} upload */
  #chip(upload) {
    const { t } = this;
    const { name, preview, attachment, problem } = upload;
    const remove = () => {
      this.chat.uploads.remove(upload);
      this.input.focus();
    };
    const label = t("uploading", { name });
    const picture = preview && el("img", { alt: "" });
    if (picture) {
      picture.onerror = () => picture.remove();
      picture.src = preview;
    }
    return el(
      "div",
      { class: problem ? "chip failed" : "chip" },
      picture,
      el("span", {}, name),
      !attachment && !problem && el("progress", { max: 1, value: 0, "aria-label": label }),
      iconButton("close", t("remove", { name }), remove, "small"),
    );
  }

  #renderNotice() {
    const { chat, t } = this;
    const { notice } = chat;
    this.notice.hidden = !notice;
    if (this.notice.dataset.key === notice) return;
    this.notice.dataset.key = notice;
    if (!notice) return fill(this.notice);
    const button = (/** @type {string} */ key, /** @type {() => void} */ act = () => {}) => {
      const onclick = () => {
        chat.notify("");
        act();
        this.input.focus();
      };
      const style = key === "share" ? "primary compact" : "text-button";
      return el("button", { class: style, onclick }, t(key));
    };
    const asks = notice === "locationAsk";
    fill(
      this.notice,
      el("span", {}, t(notice)),
      asks && button("share", () => chat.shareLocation()),
      button(asks ? "cancel" : "close"),
    );
  }
}
