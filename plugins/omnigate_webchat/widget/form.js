/**
 * The form before the conversation and the one outside hours.
 * @import {Chat} from "./chat.js"
 * @import {Field, FormConfig, Translate} from "./types"
 */
import { el, fill, say } from "./dom.js";
import { randomId } from "./format.js";
import { labelText } from "./i18n.js";

/** Kind of the fields that have a text of ours. */
const KNOWN = /** @type {Record<string, string>} */ ({
  name: "text",
  email: "email",
  phone: "phone",
  message: "textarea",
});
/** Type and autofill of an input by its kind. */
const TYPE = /** @type {Record<string, string>} */ ({ email: "email", phone: "tel" });

/** What a value of some kinds looks like; the text of a mistake is named after the kind. */
const SHAPE = /** @type {Record<string, RegExp>} */ ({ email: /^\S+@\S+\.\S+$/, phone: /(\d\D*){5}/ });

/** @typedef {{ name: string, kind: string, required: boolean, input: any, error: HTMLElement, node: HTMLElement }} Row */

export class Form {
  #busy = false;
  /** One for all attempts: what arrived without an answer is not stored twice. */
  #cid = randomId();

  /**
   * @param {Chat} chat
   * @param {"prechat" | "offline"} name
   * @param {FormConfig} config
   * @param {Translate} t
   * @param {string} language
   */
  constructor(chat, name, config, t, language) {
    this.chat = chat;
    this.name = name;
    this.t = t;
    this.rows = config.fields.map((field) => this.#row(field, language));
    const consent = labelText(config.consent, language);
    this.consent = consent ? this.#consent(consent) : null;
    this.error = el("div", { class: "error", role: "alert" });
    this.button = el("button", { class: "primary", type: "submit" }, t(name === "prechat" ? "start" : "submit"));
    const text = labelText(config.text, language) || (name === "offline" && t("offlineText"));
    this.node = el(
      "form",
      { class: "form", novalidate: true },
      el("div", {}, el("h2", {}, labelText(config.title, language) || t(name + "Title")), text && el("p", {}, text)),
      ...this.rows.map((row) => row.node),
      this.consent?.node,
      this.error,
      this.button,
    );
    this.node.onsubmit = (event) => {
      event.preventDefault();
      this.#submit();
    };
  }

  focus() {
    this.rows[0]?.input.focus();
  }

  /**
   * @param {Field} field
   * @param {string} language
   * @returns {Row}
   */
  #row({ name, kind, label, required = false, options = [] }, language) {
    const { t } = this;
    const is = (kind !== "text" && kind) || KNOWN[name] || "text";
    const id = "field-" + name;
    const common = {
      id,
      name,
      maxlength: 500,
      autocomplete: TYPE[is] ?? (name === "name" ? name : "off"),
      "aria-required": required && "true",
      "aria-describedby": id + "-error",
    };
    const choices = ["", ...options].map((value) => el("option", { value }, value));
    const input =
      is === "textarea"
        ? el("textarea", { ...common, maxlength: 4000 })
        : is === "select"
          ? el("select", common, ...choices)
          : el("input", { ...common, type: TYPE[is] ?? "text" });
    const error = el("div", { class: "error", id: id + "-error" });
    const text = labelText(label, language) || (name in KNOWN ? t(name) : name);
    const hint = required ? null : el("span", { class: "hint" }, ` (${t("optional")})`);
    const node = el("div", { class: "field" }, el("label", { for: id }, text, hint), input, error);
    return { name, kind: is, required, input, error, node };
  }

  /** @param {string} text */
  #consent(text) {
    const input = el("input", { type: "checkbox", "aria-describedby": "consent-error" });
    const error = el("div", { class: "error", id: "consent-error" });
    const label = el("label", { class: "check" }, input, el("span", {}, text));
    return { input, error, node: el("div", { class: "field" }, label, error) };
  }

  /**
   * @param {{ input: HTMLElement, error: HTMLElement }} row
   * @param {string | false} text nothing when it is in order
   */
  #mark({ input, error }, text) {
    say(error, text || "");
    if (text) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }

  /** Mark what is wrong; returns the first row that is. */
  #check() {
    const { t, consent } = this;
    let first = null;
    for (const row of this.rows) {
      const value = row.input.value.trim();
      const wrong = value ? SHAPE[row.kind]?.test(value) === false : row.required;
      this.#mark(row, wrong && t(value ? row.kind + "Wrong" : "needed"));
      if (wrong) first ??= row;
    }
    if (consent) {
      const missing = !consent.input.checked;
      this.#mark(consent, missing && t("consentNeeded"));
      if (missing) first ??= consent;
    }
    return first;
  }

  async #submit() {
    fill(this.error);
    const wrong = this.#check();
    if (wrong) return wrong.input.focus();
    if (this.#busy) return;
    this.#turn(true);
    /** @type {Record<string, string>} */
    const fields = {};
    for (const { name, input } of this.rows) if (input.value.trim()) fields[name] = input.value.trim();
    const consent = this.consent?.input.checked ?? false;
    const error = await this.chat.submit("form.submit", this.#cid, { form: this.name, fields, consent });
    this.#turn(false);
    if (error) this.#refused(error);
  }

  /** @param {boolean} busy */
  #turn(busy) {
    this.#busy = busy;
    this.button.setAttribute("aria-busy", String(busy));
  }

  /** @param {Record<string, any>} error */
  #refused({ code, fields = {} }) {
    const { t } = this;
    const wrong = this.rows.filter((row) => fields[row.name]);
    for (const row of wrong) this.#mark(row, t(row.kind in SHAPE ? row.kind + "Wrong" : "needed"));
    say(this.error, t(code === "invalid_form" ? "formFailed" : "tryAgain"));
    wrong[0]?.input.focus();
  }
}
