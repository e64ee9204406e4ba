/**
 * Words in the visitor's language.
 * @import {Config, Label, Translate} from "./types"
 */
import { english } from "./texts_en.js";
import { russian } from "./texts_ru.js";
import { speaker } from "./words.js";

/** @type {Record<string, Record<string, any>>} */
const BUILT_IN = { en: english, ru: russian };

/**
 * Choose a language: the site's own setting, the page, the browser, the first one configured.
 * Returns it with the visitor's own region where that fits: dates and numbers follow it.
 * @param {Config} config
 * @param {string | undefined} fixed
 */
export function chooseLanguage(config, fixed) {
  const offered = config.languages ?? Object.keys(BUILT_IN);
  const wished = [fixed, document.documentElement.lang, ...navigator.languages];
  const speaks = (/** @type {string | undefined} */ wish) => offered.includes(wish?.slice(0, 2) ?? "");
  const language = wished.find(speaks)?.slice(0, 2) ?? offered[0];
  return navigator.languages.find((locale) => locale.slice(0, 2) === language) ?? language;
}

/**
 * Return the function that gives the widget's own texts, those of the site before them.
 * @param {string} language
 * @param {Config["texts"]} overrides
 * @returns {Translate}
 */
export function translator(language, overrides) {
  /** @type {Record<string, any>} */
  const texts = { ...english, ...BUILT_IN[language.slice(0, 2)], ...overrides?.[language.slice(0, 2)] };
  return speaker(texts, language);
}

/**
 * Read a configured text, which is one string or one a language.
 * @param {Label} label
 * @param {string} language
 */
export function labelText(label, language) {
  if (!label || typeof label === "string") return label ?? "";
  return label[language.slice(0, 2)] ?? Object.values(label)[0] ?? "";
}
