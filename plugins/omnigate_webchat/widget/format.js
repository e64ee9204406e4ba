/** Text of people made safe and readable: links, card numbers, sizes. No DOM. */

const LINKABLE =
  /(?:https?:\/\/|www\.)[^\s<>"'«»]+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+|\+\d[\d\s().-]{7,18}\d/gi;
const TRAILING = /[.,;:!?…)\]}]+$/;

/**
 * Return the address when it is one that may be followed, else null.
 * @param {string | null | undefined} url
 * @param {string} [base]
 */
export function safeLink(url, base) {
  try {
    const parsed = new URL(url ?? "", base);
    return /^(https?|mailto|tel):$/.test(parsed.protocol) ? parsed.href : null;
  } catch {
    return null;
  }
}

/**
 * Split text into plain pieces and links.
 * @param {string} text
 * @returns {{ text: string, href?: string }[]}
 */
export function linkify(text) {
  /** @type {{ text: string, href?: string }[]} */
  const pieces = [];
  let end = 0;
  for (const match of text.matchAll(LINKABLE)) {
    let found = match[0];
    const tail = TRAILING.exec(found)?.[0] ?? "";
    // A bracket that the link itself opened belongs to it.
    const keep = tail.startsWith(")") && found.includes("(") ? 1 : 0;
    found = found.slice(0, found.length - tail.length + keep);
    const href = safeLink(address(found));
    if (!href) continue;
    if (match.index > end) pieces.push({ text: text.slice(end, match.index) });
    pieces.push({ text: found, href });
    end = match.index + found.length;
  }
  if (end < text.length) pieces.push({ text: text.slice(end) });
  return pieces;
}

/** @param {string} found */
function address(found) {
  if (/^https?:/i.test(found)) return found;
  if (/^www\./i.test(found)) return "https://" + found;
  return found.includes("@") ? "mailto:" + found : "tel:" + found.replace(/[^\d+]/g, "");
}

/**
 * Hide what may be a payment card: 13 to 19 digits, grouped or not. The check digit is not looked at:
 * a card with a slip in it is nobody's business either. Source: ISO/IEC 7812-1.
 * @param {string} text
 */
export const maskCards = (text) =>
  text.replace(/\d(?:[ -]?\d){12,18}/g, (found) => found.replace(/\d/g, "•"));

/**
 * @param {number} bytes
 * @param {string} language
 */
export function fileSize(bytes, language) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"];
  const step = Math.min(3, bytes ? Math.floor(Math.log2(bytes) / 10) : 0);
  return new Intl.NumberFormat(language, {
    style: "unit",
    unit: units[step],
    unitDisplay: "short",
    maximumFractionDigits: step > 1 ? 1 : 0,
  }).format(bytes / 1024 ** step);
}

/**
 * A name for the day as people say it: today, yesterday, a date.
 * @param {number} at
 * @param {string} language
 */
export function dayName(at, language) {
  const midnight = (/** @type {number} */ time) => new Date(time).setHours(0, 0, 0, 0);
  const days = Math.round((midnight(at) - midnight(Date.now())) / 864e5);
  if (days > -2) {
    return new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(days, "day");
  }
  const year = new Date(at).getFullYear() === new Date().getFullYear() ? undefined : "numeric";
  return new Intl.DateTimeFormat(language, { day: "numeric", month: "long", year }).format(at);
}

/**
 * @param {number} at
 * @param {string} language
 */
export const clock = (at, language) =>
  new Intl.DateTimeFormat(language, { hour: "numeric", minute: "2-digit" }).format(at);

/** A random id that also works where the page is not a secure context. */
export const randomId = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(36)).join("");
