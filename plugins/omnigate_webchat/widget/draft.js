/**
 * What is being written: kept for the next page, shared with the other tabs, shown to agents where the
 * site allows it ("peek").
 * @import {Keep} from "./keep.js"
 */
import { maskCards } from "./format.js";

const PEEK_MS = 700;
const PEEK_LENGTH = 1000;
/** Who typed here within this time is not overwritten from another tab. */
const OWN_MS = 2000;

export class Draft {
  #writtenAt = 0;
  #timer = 0;
  #told = "";

  /**
   * @param {Keep} keep
   * @param {(text: string) => void} share with the other tabs
   * @param {(text: string) => void} show to the agent; cards are masked, at most every 700 ms
   */
  constructor(keep, share, show) {
    this.keep = keep;
    this.share = share;
    this.show = show;
    this.text = keep.get("draft", "");
  }

  /** @param {string} text */
  write(text) {
    this.text = text;
    this.#writtenAt = Date.now();
    this.keep.set("draft", text || null);
    this.share(text);
    this.#timer ||= setTimeout(() => this.#tell(), text ? PEEK_MS : 0);
  }

  /** @param {string} text as written in another tab */
  follow(text) {
    if (Date.now() - this.#writtenAt > OWN_MS) this.text = text;
  }

  #tell() {
    this.#timer = 0;
    if (this.text === this.#told) return;
    this.#told = this.text;
    this.show(maskCards(this.text).slice(0, PEEK_LENGTH));
  }
}
