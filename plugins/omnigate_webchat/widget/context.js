/**
 * What is known around the visit: pages, campaign, device. Nothing here leaves before a session is made.
 * @import {Keep} from "./keep.js"
 */

const VISIT_GAP_MS = 30 * 60e3;
const TRAIL = 20;
const SECRET = /^(.*token|code|pass(word|wd)?|.*secret|.*api_?key|auth|session(_?id)?|sid|sig(nature)?)$/i;

/**
 * Return an address without its fragment, credentials and parameters that look like secrets.
 * @param {string} url
 * @returns {string | undefined} undefined for what is no web address
 */
export function publicAddress(url) {
  if (!/^https?:/.test(url)) return undefined;
  const parsed = new URL(url);
  parsed.hash = parsed.username = parsed.password = "";
  for (const name of [...parsed.searchParams.keys()]) {
    if (SECRET.test(name)) parsed.searchParams.delete(name);
  }
  return parsed.href.slice(0, 2000);
}

function campaign() {
  const query = new URLSearchParams(location.search);
  const named = ["source", "medium", "campaign", "term", "content"].flatMap((key) => {
    const value = query.get("utm_" + key);
    return value ? [[key, value.slice(0, 200)]] : [];
  });
  return named.length ? Object.fromEntries(named) : null;
}

export class Visit {
  /** @type {Record<string, unknown>} */
  custom = {};
  #href = "";

  /** @param {Keep} keep */
  constructor(keep) {
    this.keep = keep;
    const now = Date.now();
    if (now - keep.get("active", 0) > VISIT_GAP_MS) {
      keep.set("visits", keep.get("visits", 0) + 1);
      keep.set("referrer", publicAddress(document.referrer) ?? null);
      keep.set("landing_page", publicAddress(location.href) ?? null);
      keep.set("trail", null);
    }
    const utm = campaign();
    if (utm) {
      keep.set("utm_last", utm);
      if (!keep.get("utm_first")) keep.set("utm_first", utm);
    }
    this.moved();
  }

  get returning() {
    return this.keep.get("visits", 1) > 1;
  }

  /**
   * Note the page when it is another than last time. Also sees navigation without a page load.
   * @returns {boolean} whether it is another
   */
  moved() {
    this.keep.set("active", Date.now());
    const url = publicAddress(location.href);
    if (!url || url === this.#href) return false;
    this.#href = url;
    const trail = this.keep.get("trail", []);
    if (trail.at(-1)?.url !== url) {
      const at = new Date().toISOString();
      this.keep.set("trail", [...trail, { url, title: document.title.slice(0, 200), at }].slice(-TRAIL));
    }
    return true;
  }

  page() {
    return { url: this.#href, title: document.title.slice(0, 200) };
  }

  /** The context as `POST session` wants it. */
  snapshot() {
    const kept = ["referrer", "landing_page", "utm_first", "utm_last", "trail", "visits"];
    const { url, title } = this.page();
    return {
      ...Object.fromEntries(kept.map((key) => [key, this.keep.get(key)]).filter(([, value]) => value)),
      page: url || undefined,
      title,
      language: navigator.language,
      time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      viewport: `${innerWidth}x${innerHeight}`,
      custom: this.custom,
    };
  }
}
