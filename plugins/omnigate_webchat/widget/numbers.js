/**
 * Telephone numbers as people type them, lightly put in order; the server alone decides what is one.
 * @import {CallOffer} from "./types"
 */

/**
 * Name the countries of an offer in the visitor's language, the offer's own first.
 * @param {CallOffer} offer
 * @param {string} language
 */
export function countries({ region: own, regions }, language) {
  const names = new Intl.DisplayNames(language, { type: "region" });
  const { compare } = new Intl.Collator(language);
  return regions
    .map(([region, code]) => ({ region, code, name: names.of(region) ?? region }))
    .sort((a, b) => Number(b.region === own) - Number(a.region === own) || compare(a.name, b.name));
}

/**
 * Put spaces into a number that is being typed, and tell which country its code names, if any.
 * @param {string} typed
 * @param {string} region the country that is chosen
 * @param {Pick<CallOffer, "region" | "regions">} offer countries and their codes, the offer's own among them
 * @returns {{ text: string, region: string }}
 */
export function grouped(typed, region, { region: own, regions }) {
  const digits = typed.replace(/\D/g, "").slice(0, 15);
  if (!typed.trimStart().startsWith("+")) return { text: inGroups(digits, /^(0|8(?=9))/.exec(digits)?.[0] ?? ""), region: "" };
  const fitting = regions.filter(([, code]) => digits.startsWith(code));
  const longest = Math.max(0, ...fitting.map(([, code]) => code.length));
  if (!longest) return { text: "+" + digits, region: "" };
  const named = fitting.filter(([, code]) => code.length === longest).map(([one]) => one);
  const text = "+" + inGroups(digits, digits.slice(0, longest));
  // Several countries share +1, +7 and +44: the one that is chosen already may be right, or the offer's own.
  return { text, region: [region, own].find((one) => named.includes(one)) ?? named[0] };
}

/**
 * @param {string} digits
 * @param {string} first what stands apart at the beginning
 */
function inGroups(digits, first) {
  const rest = digits.slice(first.length);
  const groups = rest.length < 11 ? /^(\d{1,3})(\d{1,3})?(\d{1,2})?(\d{1,2})?/.exec(rest)?.slice(1) : rest.match(/\d{1,3}/g);
  return [first, ...(groups ?? [])].filter(Boolean).join(" ");
}
