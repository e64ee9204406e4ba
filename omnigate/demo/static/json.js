/** JSON as people like to read it, coloured. */

import { element } from "./dom.js";

const TOKEN = /("(?:[^"\\]|\\.)*")(\s*:)?|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\b(?:true|false|null)\b/g;

/**
 * A block with the value, indented; each token is a text of its own.
 * @param {unknown} value
 */
export function pretty(value) {
  const text = JSON.stringify(value, null, 2);
  const block = element("pre", { class: "json", tabindex: "0" });
  let done = 0;
  for (const match of text.matchAll(TOKEN)) {
    block.append(text.slice(done, match.index));
    const word = match[1] ?? match[0];
    block.append(element("span", { class: kindOf(match) }, word), match[2] ?? "");
    done = match.index + match[0].length;
  }
  block.append(text.slice(done));
  return block;
}

/** @param {RegExpMatchArray} match */
function kindOf(match) {
  if (match[2] !== undefined) return "k";
  if (match[1] !== undefined) return "s";
  return /^[-\d]/.test(match[0]) ? "n" : "w";
}
