/**
 * The form that asks for a call: country, number, consent.
 * @import {CallOffer, Frame} from "./types"
 * @import {Reach} from "./reach.js"
 */
import { el, fill, say } from "./dom.js";
import { randomId } from "./format.js";
import { countries, grouped } from "./numbers.js";

export class CallForm {
  /** One for all attempts that got no answer: what arrived is not asked for twice. */
  #cid = randomId();
  #busy = false;
  #again = false;
  /** @type {CallOffer | null} */
  #offer = null;

  /** @param {Reach} reach */
  constructor(reach) {
    const { t } = reach;
    this.reach = reach;
    this.title = t("callTitle");
    this.intro = el("p", { role: "status" });
    this.country = el("select", { id: "call-country", autocomplete: "tel-country-code" });
    this.countryField = el("div", { class: "field" }, el("label", { for: "call-country" }, t("country")), this.country);
    this.number = el("input", {
      id: "call-number",
      type: "tel",
      autocomplete: "tel",
      maxlength: 30,
      "aria-required": "true",
      "aria-describedby": "call-number-error",
    });
    this.numberError = el("div", { class: "error", id: "call-number-error" });
    this.numberField = el("div", { class: "field" }, el("label", { for: "call-number" }, t("number")), this.number, this.numberError);
    this.consent = el("input", { type: "checkbox", "aria-describedby": "call-consent-error" });
    this.consentText = el("span", {});
    this.consentError = el("div", { class: "error", id: "call-consent-error" });
    this.consentField = el("div", { class: "field" }, el("label", { class: "check" }, this.consent, this.consentText), this.consentError);
    this.error = el("div", { class: "error", role: "alert" });
    this.button = el("button", { class: "primary", type: "submit" });
    this.fields = el("div", { hidden: true }, this.countryField, this.numberField, this.consentField, this.error, this.button);
    this.node = el("form", { novalidate: true }, this.intro, this.fields);
    this.node.onsubmit = (event) => {
      event.preventDefault();
      this.#submit();
    };
    this.number.oninput = () => this.#typed();
    this.country.onchange = () => this.#changed();
  }

  focus() {
    if (this.fields.hidden) /** @type {HTMLElement | null} */ (this.reach.sheet.querySelector("button"))?.focus();
    else this.number.focus();
  }

  async open() {
    const { t } = this.reach;
    this.fields.hidden = true;
    this.#changed();
    this.#cid = randomId();
    say(this.intro, t("loading"));
    const answer = await this.reach.ask("call.offer");
    if (this.reach.page !== this) return;
    this.#offer = answer.t === "ack" ? answer.d.offer : null;
    if (!this.#offer) return say(this.intro, t(answer.d.code === "not_found" ? "callRefused" : "callLater"));
    this.#fill(this.#offer);
    this.focus();
  }

  close() {
    this.fields.hidden = true;
  }

  /** @param {CallOffer} offer */
  #fill(offer) {
    const { t, language } = this.reach;
    const { opens_at } = offer;
    const closed = opens_at ? t("callAt", { when: this.reach.when(opens_at) }) : t("callSomeday");
    say(this.intro, offer.open ? t("callNow") : closed);
    this.#name();
    const chosen = this.country.value || offer.region;
    const options = countries(offer, language).map(({ region, name, code }) => el("option", { value: region }, `${name} +${code}`));
    fill(this.country, ...options);
    this.country.value = chosen;
    if (this.country.selectedIndex < 0) this.country.selectedIndex = 0;
    this.countryField.hidden = options.length < 2;
    this.number.placeholder = options.length < 2 ? this.#code() : "";
    const short = language.slice(0, 2);
    const { consent } = offer;
    const text = consent[short] ?? consent["*"] ?? Object.values(consent)[0] ?? "";
    this.consentField.hidden = !text;
    if (this.consentText.textContent !== text) this.consent.checked = false;
    say(this.consentText, text);
    this.fields.hidden = false;
  }

  /** With which sign and digits numbers of the chosen country begin. */
  #code() {
    const code = this.#offer?.regions.find(([region]) => region === this.country.value)?.[1];
    return code ? `+${code}` : "";
  }

  /** The number is another: what was said of the one before says nothing. */
  #changed() {
    this.#again = false;
    this.#mark(this.number, this.numberError, "");
    fill(this.error);
    if (this.#offer) this.#name();
  }

  #name() {
    const { t } = this.reach;
    say(this.button, t(this.#again ? "callMoreYes" : this.#offer?.open ? "callMe" : "callMeThen"));
  }

  #typed() {
    const { number } = this;
    this.#changed();
    // Within the number the caret would jump.
    if (number.selectionStart !== number.value.length || !this.#offer) return;
    const { text, region } = grouped(number.value, this.country.value, this.#offer);
    number.value = text;
    if (region) this.country.value = region;
  }

  /**
   * @param {HTMLElement} input
   * @param {HTMLElement} error
   * @param {string} text nothing when it is in order
   */
  #mark(input, error, text) {
    say(error, text);
    if (text) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }

  async #submit() {
    const { t } = this.reach;
    const number = this.number.value.trim();
    const asks = !this.consentField.hidden;
    const wrong = (number.match(/\d/g) ?? []).length < 5;
    const missing = asks && !this.consent.checked;
    this.#mark(this.number, this.numberError, wrong ? t("numberShort", { code: this.#code() }) : "");
    this.#mark(this.consent, this.consentError, missing ? t("consentNeeded") : "");
    if (wrong || missing) return (wrong ? this.number : this.consent).focus();
    if (this.#busy) return;
    this.#turn(true);
    const d = { number, region: this.country.value, consent: this.consent.checked, again: this.#again };
    const answer = await this.reach.ask("call.request", d, this.#cid);
    this.#turn(false);
    if (answer.d.code !== "lost") this.#cid = randomId();
    if (answer.t !== "ack") return this.#refused(answer.d, number);
    fill(this.error);
    this.reach.chat.followCall(answer.d.call);
  }

  /** @param {boolean} busy */
  #turn(busy) {
    this.#busy = busy;
    this.button.setAttribute("aria-busy", String(busy));
  }

  /**
   * @param {Frame["d"]} error
   * @param {string} number
   */
  #refused({ code, fields = {} }, number) {
    const { t } = this.reach;
    const about = fields.number ? "numberWrong" : "";
    this.#mark(this.number, this.numberError, about && t(about));
    this.#mark(this.consent, this.consentError, fields.consent ? t("consentNeeded") : "");
    if (about) return this.number.focus();
    if (fields.consent) return this.consent.focus();
    this.#again = code === "confirm";
    this.#name();
    const key = /** @type {Record<string, string>} */ ({ confirm: "callMore", forbidden: "callRefused", not_found: "callRefused" })[code];
    say(this.error, t(key ?? "callLater", { number }));
  }
}
