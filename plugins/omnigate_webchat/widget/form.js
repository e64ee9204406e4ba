/**
 * The form before the conversation and the one outside hours.
 * @import {Chat} from "./chat.js"
 * @import {Field, FormConfig, Translate} from "./types"
 */
import { el, fill, say } from "./dom.js";
import { labelText } from "./i18n.js";

const KNOWN = /** @type {Record<string, { kind: string, autocomplete: string }>} */ ({
  name: { kind: "text", autocomplete: "name" },
  email: { kind: "email", autocomplete: "email" },
  phone: { kind: "phone", autocomplete: "tel" },
  message: { kind: "textarea", autocomplete: "off" },
});
const TYPE = /** @type {Record<string, string>} */ ({ email: "email", phone: "tel" });

/** @param {string} kind @param {string} value @returns {string} key of what is wrong, or nothing */
function fault(kind, value) {
  if (kind === "email" && !/^\S+@\S+\.\S+$/.test(value)) return "emailWrong";
  if (kind === "phone" && value.replace(/\D/g, "").length < 5) return "phoneWrong";
  return "";
}

/** @typedef {{ name: string, kind: string, required: boolean, input: any, error: HTMLElement, node: HTMLElement }} Row */

export class Form {
  #busy = false;

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
    this.rows = config.fields.map((field) =>
      this.#row(typeof field === "string" ? { name: field } : field, language),
    );
    const consent = labelText(config.consent, language);
    this.consent = consent ? this.#consent(consent) : null;
    this.error = el("div", { class: "error", role: "alert" });
    this.button = el("button", { class: "primary" }, t(name === "prechat" ? "start" : "submit"));
    const text = labelText(config.text, language) || t(name + "Text");
    this.node = el(
      "form",
      { class: "form", novalidate: true },
      el("div", {}, el("h2", {}, labelText(config.title, language) || t(name + "Title")), el("p", {}, text)),
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
    const known = KNOWN[name];
    const is = kind && (kind !== "text" || !known) ? kind : (known?.kind ?? "text");
    const id = "field-" + name;
    const common = {
      id,
      name,
      autocomplete: known?.autocomplete ?? TYPE[is] ?? "off",
      "aria-required": required && "true",
      "aria-describedby": id + "-error",
    };
    const choices = () => ["", ...options].map((value) => el("option", { value }, value));
    const input =
      is === "textarea"
        ? el("textarea", { ...common, rows: 3, maxlength: 8000 })
        : is === "select"
          ? el("select", common, ...choices())
          : el("input", { ...common, type: TYPE[is] ?? "text", maxlength: 500 });
    const error = el("div", { class: "error", id: id + "-error" });
    const text = labelText(label, language) || (known ? t(name) : name);
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
   * @param {string} text nothing when it is in order
   */
  #mark({ input, error }, text) {
    say(error, text);
    if (text) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }

  /** Mark what is wrong; returns the first row that is. */
  #check() {
    const { t, consent } = this;
    let first = null;
    for (const row of this.rows) {
      const value = row.input.value.trim();
      const wrong = value ? fault(row.kind, value) : row.required ? "needed" : "";
      this.#mark(row, wrong && t(wrong));
      if (wrong) first ??= row;
    }
    if (consent) {
      const missing = !consent.input.checked;
      this.#mark(consent, missing ? t("consentNeeded") : "");
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
    const error = await this.chat.submit("form.submit", { form: this.name, fields, consent });
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
    let first;
    for (const row of this.rows) {
      if (!fields[row.name]) continue;
      this.#mark(row, t(fault(row.kind, "") || "needed"));
      first ??= row;
    }
    say(this.error, t(code === "invalid_form" ? "formFailed" : "tryAgain"));
    first?.input.focus();
  }
}
