/**
 * The messages of one conversation in the order they are shown.
 *
 * Everything may arrive twice: by session, by history, by the live stream, from another tab. A
 * message is one message when its id or its client id is the same. What has a sequence number stands
 * in that order; what has none waits at the end in the order it was written.
 * @import {Entry, Frame, Message} from "./types"
 */

const RANK = { failed: 0, sending: 1, sent: 2, delivered: 3, read: 4 };

export class Log {
  /** @type {Message[]} */
  #messages = [];
  #sorted = true;

  /** Highest event sequence seen in the stream: where a resume starts. */
  cursor = 0;

  get messages() {
    if (!this.#sorted) {
      const place = (/** @type {Message} */ message) => message.seq ?? Infinity;
      this.#messages.sort((a, b) => (place(a) === place(b) ? a.at - b.at : place(a) - place(b)));
      this.#sorted = true;
    }
    return this.#messages;
  }

  /** @param {string | undefined} id */
  byId(id) {
    return id ? this.#messages.find((message) => message.id === id) : undefined;
  }

  /** @param {string | undefined} cid */
  byCid(cid) {
    return cid ? this.#messages.find((message) => message.cid === cid) : undefined;
  }

  /** Lowest sequence here: where older history ends. */
  get oldest() {
    return this.messages[0]?.seq;
  }

  clear() {
    this.#messages = [];
    this.cursor = 0;
  }

  /**
   * Take in a frame with `seq`, of `msg.new`, `msg.update` or `msg.delete`.
   * @param {Frame} frame
   * @returns {Message | null} the message when it was not here before
   */
  apply({ t, seq, d }) {
    const known = this.byId(d.id) ?? this.byCid(d.cid);
    if (t === "msg.delete") {
      this.#messages = this.#messages.filter((message) => message !== known);
      return null;
    }
    if (known) {
      if (known.seq === undefined) this.#place(known, seq, d.id);
      if (t === "msg.update" || known.attachments.some((file) => !file.url)) this.#fill(known, d);
      return null;
    }
    if (t === "msg.update") return null;
    /** @type {Message} */
    const message = {
      key: d.cid ?? d.id,
      cid: d.cid,
      id: d.id,
      seq,
      direction: d.direction,
      author: d.author ?? null,
      at: Date.parse(d.at) || Date.now(),
      status: "sent",
      version: 0,
      text: "",
      attachments: [],
      buttons: [],
    };
    this.#fill(message, d);
    this.#add(message);
    return message;
  }

  /**
   * Show a message that waits for its acknowledgement.
   * @param {Entry} entry
   */
  await(entry) {
    if (this.byCid(entry.cid)) return;
    this.#add({
      key: entry.cid,
      cid: entry.cid,
      direction: "in",
      text: entry.d.text ?? "",
      attachments: entry.attachments,
      buttons: [],
      author: null,
      at: entry.at,
      status: entry.problem ? "failed" : "sending",
      problem: entry.problem,
      version: 0,
    });
  }

  /**
   * Mark an own message as stored by the server. The cursor stays: events before it may be on the way.
   * @param {string} cid
   * @param {number | undefined} seq
   * @param {string} id
   */
  acknowledge(cid, seq, id) {
    const message = this.byCid(cid);
    if (!message) return;
    const twin = this.byId(id);
    if (twin && twin !== message) {
      this.#messages = this.#messages.filter((other) => other !== twin);
    }
    this.#place(message, seq, id);
  }

  /**
   * @param {string} cid
   * @param {string} [problem] without one the message is on its way again
   */
  fail(cid, problem) {
    const message = this.byCid(cid);
    if (!message || message.seq !== undefined) return;
    message.status = problem ? "failed" : "sending";
    message.problem = problem;
  }

  /**
   * Raise the state of one own message; never lowers it.
   * @param {string} id
   * @param {"delivered" | "read"} status
   */
  raise(id, status) {
    const message = this.byId(id);
    if (message && RANK[status] > RANK[message.status]) message.status = status;
  }

  /**
   * The company has read everything up to this message.
   * @param {string} id
   */
  readUpTo(id) {
    const seq = this.byId(id)?.seq;
    if (seq === undefined) return;
    for (const message of this.#messages) {
      if (message.direction === "in" && (message.seq ?? Infinity) <= seq) message.status = "read";
    }
  }

  /** @param {Message} message */
  #add(message) {
    this.#messages.push(message);
    this.#sorted = false;
  }

  /**
   * @param {Message} message
   * @param {number | undefined} seq
   * @param {string} id
   */
  #place(message, seq, id) {
    message.id = id;
    message.seq = seq ?? message.seq ?? this.cursor;
    if (RANK[message.status] < RANK.sent) message.status = "sent";
    message.problem = undefined;
    this.#sorted = false;
  }

  /**
   * @param {Message} message
   * @param {Frame["d"]} d
   */
  #fill(message, d) {
    const before = message.attachments;
    message.text = String(d.text ?? "");
    message.attachments = (d.attachments ?? []).map(
      (/** @type {any} */ file, /** @type {number} */ place) => ({
        ...file,
        preview: before[place]?.preview,
      }),
    );
    message.buttons = d.buttons ?? [];
    message.version += 1;
  }
}
