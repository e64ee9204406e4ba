/**
 * Which of the company's messages have arrived here and which were looked at.
 * @import {Message} from "./types"
 * @import {Keep} from "./keep.js"
 * @import {Transport} from "./transport.js"
 */

const GATHER_MS = 300;

export class Receipts {
  /** Highest sequence that was looked at, in any tab: what is above counts as unread. */
  seen = 0;
  /** What was seen when the page opened; it is not reported again. */
  #seenBefore = 0;
  #deliveredBefore = 0;
  /** @type {{ delivered: Set<string>, read: Set<string> }} */
  #due = { delivered: new Set(), read: new Set() };
  /** @type {Set<string>} */
  #reported = new Set();
  #timer = 0;

  /**
   * @param {Keep} keep
   * @param {Transport} transport
   */
  constructor(keep, transport) {
    this.keep = keep;
    this.transport = transport;
    this.seen = this.#seenBefore = keep.get("seen", 0);
    this.#deliveredBefore = keep.get("delivered", 0);
  }

  /** @param {Message} message */
  arrived(message) {
    if (!message.id || (message.seq ?? 0) <= this.#deliveredBefore) return;
    this.#due.delivered.add(message.id);
    this.keep.set("delivered", Math.max(message.seq ?? 0, this.keep.get("delivered", 0)));
    this.#soon();
  }

  /** @param {Message} message stood in view, in an open panel of a visible tab */
  looked(message) {
    const { id, seq = 0 } = message;
    if (!id || seq <= this.#seenBefore || this.#reported.has(id)) return false;
    this.#reported.add(id);
    this.#due.delivered.delete(id);
    this.#due.read.add(id);
    this.#soon();
    return this.raise(seq);
  }

  /**
   * Move the border between seen and unread; it never goes back.
   * @param {number} seq
   */
  raise(seq) {
    if (seq <= this.seen) return false;
    this.seen = seq;
    this.keep.set("seen", seq);
    return true;
  }

  /** Another person, another conversation. */
  reset() {
    this.seen = this.#seenBefore = this.#deliveredBefore = 0;
    this.#due = { delivered: new Set(), read: new Set() };
    this.keep.set("seen", null);
    this.keep.set("delivered", null);
  }

  #soon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.report(), GATHER_MS);
  }

  /** Send what is due; without a connection it waits for the next call. */
  report() {
    for (const t of /** @type {const} */ (["delivered", "read"])) {
      const due = this.#due[t];
      while (due.size) {
        const ids = [...due].slice(0, 100);
        if (!this.transport.send({ t, d: { ids } })) return;
        for (const id of ids) due.delete(id);
      }
    }
  }
}
