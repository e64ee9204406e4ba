/**
 * Invitations: which rule holds now, and how often a visitor has seen it.
 * @import {Config, Rule} from "./types"
 * @import {Keep} from "./keep.js"
 */

const DAY_MS = 864e5;
/** Whatever the rules say, two invitations keep this distance. */
const DISTANCE_MS = 60e3;

/**
 * @param {string} pattern `*` stands for anything; a pattern without a scheme matches anywhere
 * @param {string} url
 */
export function matches(pattern, url) {
  const parts = pattern.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  const whole = /^https?:/.test(pattern);
  return new RegExp(whole ? `^${parts.join(".*")}$` : parts.join(".*")).test(url);
}

export class Inviter {
  #pageSince = Date.now();
  /** @type {Set<string>} */
  #onPage = new Set();

  /**
   * @param {Keep} keep for the visitor
   * @param {Keep} session for this tab's session
   */
  constructor(keep, session) {
    this.keep = keep;
    this.session = session;
  }

  /** The visitor went to another page without a page load. */
  moved() {
    this.#pageSince = Date.now();
    this.#onPage.clear();
  }

  /**
   * Return the first rule that holds, or null.
   * @param {Config["proactive"]} rules
   * @param {boolean} returning
   */
  due(rules, returning) {
    if (Date.now() - this.keep.get("invitedAt", 0) < DISTANCE_MS) return null;
    // Never over a dialog of the page itself.
    if (document.querySelector('dialog[open],[aria-modal="true"]')) return null;
    const onPage = (Date.now() - this.#pageSince) / 1000;
    const holds = (/** @type {Rule} */ rule) =>
      onPage >= (rule.after_seconds ?? 15) &&
      (rule.returning ?? returning) === returning &&
      (!rule.url || matches(rule.url, location.href)) &&
      !this.#shown(rule);
    return rules?.find(holds) ?? null;
  }

  /** @param {Rule} rule */
  #shown({ name, once_per: period }) {
    const last = this.keep.get("invited", {})[name] ?? 0;
    if (this.#onPage.has(name)) return true;
    if (period === "page") return false;
    if (period === "session") return this.session.get("invited", []).includes(name);
    return period === "visitor" ? last > 0 : Date.now() - last < DAY_MS;
  }

  /** @param {Rule} rule */
  note({ name }) {
    this.#onPage.add(name);
    this.keep.set("invitedAt", Date.now());
    this.keep.set("invited", { ...this.keep.get("invited", {}), [name]: Date.now() });
    this.session.set("invited", [...this.session.get("invited", []), name]);
  }
}
