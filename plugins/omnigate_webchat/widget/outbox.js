/**
 * Messages that the server has not acknowledged, kept across page loads for 24 hours.
 *
 * IndexedDB where it works, else localStorage, else memory. A write never throws: a message that
 * cannot be kept is still sent while the page lives.
 * @import {Entry} from "./types"
 * @import {Keep} from "./keep.js"
 */

const LIFE_MS = 24 * 3600e3;

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

export class Outbox {
  /** @type {Promise<IDBDatabase | null>} */
  #database;
  #keep;

  /**
   * @param {string} name
   * @param {Keep} keep
   */
  constructor(name, keep) {
    this.#keep = keep;
    this.#database = this.#open(name).catch(() => null);
  }

  /** @param {string} name */
  async #open(name) {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => request.result.createObjectStore("outbox", { keyPath: "cid" });
    return done(request);
  }

  /**
   * @param {IDBTransactionMode} mode
   * @param {(store: IDBObjectStore) => IDBRequest} work
   */
  async #run(mode, work) {
    const database = await this.#database;
    if (!database) return undefined;
    try {
      return await done(work(database.transaction("outbox", mode).objectStore("outbox")));
    } catch {
      this.#database = Promise.resolve(null);
      return undefined;
    }
  }

  /** @returns {Entry[]} */
  #kept() {
    return this.#keep.get("outbox", []);
  }

  /**
   * Keep an entry, replacing one with the same cid.
   * @param {Entry} entry
   */
  async put(entry) {
    if ((await this.#run("readwrite", (store) => store.put(entry))) !== undefined) return;
    const others = this.#kept().filter((kept) => kept.cid !== entry.cid);
    this.#keep.set("outbox", [...others, entry]);
  }

  /** @param {string} cid */
  async remove(cid) {
    await this.#run("readwrite", (store) => store.delete(cid));
    const kept = this.#kept();
    const left = kept.filter((entry) => entry.cid !== cid);
    if (left.length < kept.length) this.#keep.set("outbox", left.length ? left : null);
  }

  /**
   * Return what waits, oldest first; entries older than a day are dropped.
   * @returns {Promise<Entry[]>}
   */
  async all() {
    const stored = (await this.#run("readonly", (store) => store.getAll())) ?? [];
    const all = [...stored, ...this.#kept()].sort((a, b) => a.at - b.at);
    const fresh = all.filter((entry) => Date.now() - entry.at < LIFE_MS);
    for (const entry of all) if (!fresh.includes(entry)) await this.remove(entry.cid);
    return fresh;
  }

  /** Forget everything, when another person takes over the browser. */
  async clear() {
    await this.#run("readwrite", (store) => store.clear());
    this.#keep.set("outbox", null);
  }

  async close() {
    (await this.#database)?.close();
  }
}
