/**
 * Texts with places to fill in.
 * @import {Translate} from "./types"
 */

/**
 * Return the function that gives a text by key, `{name}` filled in and the plural form chosen by `n`.
 * @param {Record<string, any>} texts
 * @param {string} language
 * @returns {Translate}
 */
export function speaker(texts, language) {
  const plural = new Intl.PluralRules(language);
  return (key, values = {}) => {
    const entry = texts[key] ?? key;
    const text =
      typeof entry === "string" ? entry : entry[plural.select(Number(values.n))] ?? entry.other;
    return text.replace(/\{(\w+)\}/g, (/** @type {string} */ _all, /** @type {string} */ name) =>
      String(values[name] ?? ""),
    );
  };
}
