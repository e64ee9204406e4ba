/**
 * Commands that must arrive: each is repeated under its client id until the server answers it.
 *
 * Messages wait in the outbox and leave in the order they were written, one tab at a time; the
 * server takes a repeated client id for the same message.
 * @import {Attachment, Entry, Frame} from "./types"
 * @import {Outbox} from "./outbox.js"
 * @import {Log} from "./log.js"
 * @import {Transport} from "./transport.js"
 */
import { randomId } from "./format.js";
import { inTurn } from "./tabs.js";

const ANSWER_MS = 15e3;

/** Error code of the server → key of the text that explains it. */
const PROBLEM = /** @type {Record<string, string>} */ ({
  too_long: "tooLong",
  forbidden: "forbidden",
});

export class Sender {
  #flushing = false;
  #again = false;
  #lastAt = 0;
  /** @type {Map<string, (answer: Frame | null) => void>} */
  #waiting = new Map();

  /**
   * @param {string} lock name of the turn that tabs take
   * @param {Transport} transport
   * @param {Outbox} outbox
   * @param {Log} log
   * @param {(news: object) => void} tell reaches this tab's view and the other tabs
   */
  constructor(lock, transport, outbox, log, tell) {
    this.lock = lock;
    this.transport = transport;
    this.outbox = outbox;
    this.log = log;
    this.tell = tell;
  }

  /** Show what an earlier page or another tab left behind. */
  async recover() {
    const left = await this.outbox.all();
    for (const entry of left) this.log.await(entry);
    return left.length;
  }

  /**
   * Show a message at once, keep it, and send it as soon as there is a connection.
   * @param {Entry["d"]} d
   * @param {Attachment[]} attachments
   */
  async say(d, attachments = []) {
    const at = (this.#lastAt = Math.max(Date.now(), this.#lastAt + 1));
    const cid = randomId();
    this.log.await({ cid, at, d, attachments });
    // A preview's object URL dies with the page.
    const kept = attachments.map(({ preview, ...file }) => file);
    const entry = { cid, at, d, attachments: kept };
    this.tell({ t: "entry", entry });
    await this.outbox.put(entry);
    this.flush();
  }

  /** @param {string} cid */
  async retry(cid) {
    const entry = (await this.outbox.all()).find((one) => one.cid === cid);
    if (!entry) return;
    await this.outbox.put({ ...entry, problem: undefined });
    this.log.fail(cid);
    this.tell({ t: "fail", cid });
    this.flush();
  }

  /** Send what waits. Calls during a flush make it run once more. */
  async flush() {
    this.#again = true;
    if (this.#flushing) return;
    this.#flushing = true;
    while (this.#again && this.transport.state === "online") {
      this.#again = false;
      await inTurn(this.lock, () => this.#sendAll());
    }
    this.#flushing = false;
  }

  async #sendAll() {
    for (const entry of await this.outbox.all()) {
      if (entry.problem) continue;
      if (this.log.byCid(entry.cid)?.seq !== undefined) await this.outbox.remove(entry.cid);
      else if (!(await this.#sendOne(entry))) return;
    }
  }

  /**
   * @param {Entry} entry
   * @returns {Promise<boolean>} whether the next one may be sent
   */
  async #sendOne(entry) {
    const { cid, d } = entry;
    const answer = await this.command({ t: "msg.send", cid, d });
    if (!answer) return false;
    const { code, retry_after_seconds: wait } = answer.d;
    if (answer.t !== "error") {
      await this.settle(cid, answer.seq ?? answer.d.seq, answer.d.id);
    } else if (code === "rate" || code === "busy") {
      await new Promise((resolve) => setTimeout(resolve, (wait ?? 2) * 1000));
      this.#again = true;
      return false;
    } else {
      const problem = PROBLEM[code] ?? "badMessage";
      await this.outbox.put({ ...entry, problem });
      this.log.fail(cid, problem);
      this.tell({ t: "fail", cid, problem });
    }
    return true;
  }

  /**
   * The server has the message, by its answer or by its echo.
   * @param {string} cid
   * @param {number | undefined} seq
   * @param {string} id
   */
  async settle(cid, seq, id) {
    this.log.acknowledge(cid, seq, id);
    this.tell({ t: "ack", cid, seq, id });
    await this.outbox.remove(cid);
  }

  /**
   * Send one command and wait for its answer.
   * @param {Frame} frame
   * @returns {Promise<Frame | null>} the answer; null when the connection was lost before it
   */
  command(frame) {
    const cid = frame.cid ?? "";
    return new Promise((resolve) => {
      if (!this.transport.send(frame)) return resolve(null);
      const late = setTimeout(() => {
        this.#waiting.delete(cid);
        resolve(null);
        this.transport.drop(0);
      }, ANSWER_MS);
      this.#waiting.set(cid, (answer) => {
        clearTimeout(late);
        this.#waiting.delete(cid);
        resolve(answer);
      });
    });
  }

  /** @param {Frame} frame an `ack`, an `error`, or the echo of the message itself */
  answer(frame) {
    this.#waiting.get(frame.cid ?? "")?.(frame);
  }

  /** The connection is gone: nothing that was asked will be answered. */
  interrupt() {
    for (const resolve of [...this.#waiting.values()]) resolve(null);
  }
}
