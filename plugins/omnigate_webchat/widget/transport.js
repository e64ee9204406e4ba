/**
 * The connection to the server: session, WebSocket, long poll where WebSocket does not get through.
 *
 *   idle ─start→ connecting ─welcome→ online ─lost→ waiting ─timer, online, visible→ connecting
 *                     ├─ session, nothing to listen for yet → idle
 *                     └─ close 4003, 4010 or HTTP 403, 404 → refused (for the life of the page)
 *
 * Frames reach the listener at least once and in order. `send` only says whether the frame was handed
 * over; what must not be lost is acknowledged by the server and repeated by the caller.
 * @import {Frame, Session} from "./types"
 */

const HELLO_SECONDS = 12;
const QUIET_SECONDS = 40;
const PONG_SECONDS = 10;
const POLL_SECONDS = 25;

/** A refusal by the server's HTTP endpoints. */
export class Refused extends Error {
  /**
   * @param {number} status
   * @param {string} message
   * @param {number} retryAfterSeconds
   */
  constructor(status, message, retryAfterSeconds) {
    super(message);
    this.status = status;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/**
 * @typedef {object} Listener
 * @property {(ask: (request: object) => Promise<Session>) => Promise<Session>} session
 * @property {(frame: Frame) => void} frame
 * @property {(state: string) => void} state
 * @property {() => number} cursor
 * @property {() => string} call what is known of the visitor's call
 */

export class Transport {
  state = "idle";
  #base;
  #listener;
  /** @type {WebSocket | null} */
  #socket = null;
  #token = "";
  #expiresAt = 0;
  #attempt = 0;
  /** WebSocket failures in a row without one welcome. */
  #blocked = 0;
  #heardAt = 0;
  #wanted = false;
  #live = false;
  /** @type {Frame[]} */
  #commands = [];
  /** Ends the requests of the present connection. */
  #life = new AbortController();
  #timer = 0;
  #beat = 0;

  /**
   * @param {string} base
   * @param {Listener} listener
   */
  constructor(base, listener) {
    this.#base = base;
    this.#listener = listener;
  }

  /** Take a session, and keep a connection too when `live`. Once live, it stays so. */
  start(live = false) {
    this.#wanted = true;
    this.#live ||= live;
    this.wake(false);
  }

  /** Take a new session unless the present one is good. */
  async refresh() {
    if (Date.now() < this.#expiresAt) return;
    /** @type {Session} */
    const session = await this.#listener.session((request) =>
      this.call("session", { method: "POST", body: JSON.stringify(request) }),
    );
    this.#token = session.connection_token;
    this.#expiresAt = Date.now() + (session.expires_in_seconds - 30) * 1000;
  }

  /** Try now instead of waiting: the network or the person came back. */
  wake(probe = true) {
    if (this.#wanted && (this.state === "idle" || this.state === "waiting")) this.#connect();
    else if (probe && this.#socket && this.state === "online") this.#watch(0);
  }

  /** Drop the connection; `wake` or the timer brings it back. */
  drop(waitSeconds = this.#backoff()) {
    this.#end();
    if (!this.#wanted || this.state === "refused") return;
    this.#turn("waiting");
    this.#timer = setTimeout(() => this.#connect(), waitSeconds * 1000);
  }

  stop() {
    this.#wanted = false;
    this.#end();
    this.#turn("idle");
  }

  /** Take a new session and connect anew: the token is no longer good. */
  renew(waitSeconds = 0) {
    this.#expiresAt = 0;
    this.drop(waitSeconds);
  }

  /**
   * @param {Frame} frame
   * @returns {boolean} whether it was handed to a live connection
   */
  send(frame) {
    if (this.state !== "online") return false;
    if (this.#socket) this.#socket.send(JSON.stringify(frame));
    else if (this.#commands.push(frame) === 1) setTimeout(() => this.#post(), 50);
    return true;
  }

  /**
   * Call an HTTP endpoint.
   * @param {string} path
   * @param {RequestInit} [init]
   * @returns {Promise<any>} the parsed body; rejects with `Refused` or a network error
   */
  async call(path, init = {}, again = false) {
    const answer = await fetch(this.#base + path, {
      ...init,
      headers: {
        ...(init.body ? { "Content-Type": "application/json" } : {}),
        ...(path === "session" ? {} : { Authorization: "Bearer " + this.#token }),
      },
      signal: init.signal ?? AbortSignal.timeout(20e3),
      credentials: "omit",
      cache: "no-store",
    });
    const body = await answer.json().catch(() => ({}));
    if (answer.ok) return body;
    if (answer.status === 401 && path !== "session" && !again) {
      this.#expiresAt = 0;
      await this.refresh();
      return this.call(path, init, true);
    }
    throw new Refused(answer.status, body.detail, Number(answer.headers.get("Retry-After")) || 0);
  }

  /** Where an upload goes and with which token: progress needs XMLHttpRequest. */
  get upload() {
    return { url: this.#base + "upload", token: this.#token };
  }

  async #connect() {
    this.#end();
    this.#turn("connecting");
    const life = (this.#life = new AbortController());
    try {
      await this.refresh();
      if (life.signal.aborted) return;
      if (!this.#live) return this.#turn("idle");
      if (this.#blocked < 2) this.#listen(life);
      else await this.#poll(life);
    } catch (error) {
      if (!life.signal.aborted) this.#fault(error);
    }
  }

  /** @param {unknown} error */
  #fault(error) {
    // Where HTTP fails too, it was not WebSocket that is blocked.
    this.#blocked = 0;
    const { status = 0, retryAfterSeconds = 0 } = error instanceof Refused ? error : {};
    if (status === 401) this.#expiresAt = 0;
    if (status === 403 || status === 404) return this.#refuse(String(error));
    this.drop(Math.max(retryAfterSeconds, this.#backoff()));
  }

  /** @param {string} why */
  #refuse(why) {
    this.#end();
    this.#turn("refused");
    console.warn("Omnigate chat: the server refused this page; check allowed_origins. " + why);
  }

  /** @param {AbortController} life */
  #listen(life) {
    const url = new URL("socket", this.#base);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url, "omni.v1");
    this.#socket = socket;
    const hello = setTimeout(() => socket.close(), HELLO_SECONDS * 1000);
    socket.onopen = () => {
      const d = { connection_token: this.#token, after: this.#listener.cursor() };
      socket.send(JSON.stringify({ t: "hello", d }));
    };
    socket.onmessage = (event) => {
      if (this.#socket !== socket) return;
      clearTimeout(hello);
      this.#hear(JSON.parse(event.data));
    };
    socket.onclose = (event) => {
      clearTimeout(hello);
      if (this.#socket === socket) this.#lost(event.code);
    };
    life.signal.onabort = () => socket.close();
  }

  /** @param {number} code */
  #lost(code) {
    const early = this.state !== "online";
    if (early && code < 4000 && navigator.onLine) this.#blocked += 1;
    if (code === 4003 || code === 4010) return this.#refuse("close code " + code);
    if (code === 4001) return this.renew(early ? this.#backoff() : 0);
    if (code === 4008) return this.drop(5 + this.#backoff());
    if (code === 1012 || this.#blocked === 2) return this.drop(Math.random() * 2);
    this.drop();
  }

  /** @param {AbortController} life */
  async #poll(life) {
    for (let first = true; !life.signal.aborted; first = false) {
      const wait = first ? 0 : POLL_SECONDS;
      const after = this.#listener.cursor();
      const path = `events?after=${after}&wait=${wait}&call=` + this.#listener.call();
      const slow = setTimeout(() => this.drop(0), (POLL_SECONDS + PONG_SECONDS) * 1000);
      const page = await this.call(path, { signal: life.signal }).finally(() => clearTimeout(slow));
      if (life.signal.aborted) return;
      if (first) this.#hear({ t: "welcome", d: { last_seq: page.last_seq } });
      for (const frame of page.frames) this.#hear(frame);
      if (life.signal.aborted) return;
      // Events that are not for the visitor move the cursor too.
      this.#hear({ t: "cursor", seq: page.last_seq, d: {} });
    }
  }

  async #post() {
    const frames = this.#commands.splice(0, 20);
    if (!frames.length || this.state !== "online") return;
    try {
      const body = JSON.stringify({ frames });
      const answer = await this.call("commands", { method: "POST", body });
      for (const frame of answer.frames) this.#hear(frame);
      this.#post();
    } catch (error) {
      this.#fault(error);
    }
  }

  /** @param {Frame} frame */
  #hear(frame) {
    this.#heardAt = Date.now();
    if (frame.t === "welcome") {
      this.#attempt = 0;
      if (this.#socket) this.#blocked = 0;
      this.#turn("online");
      if (this.#socket) this.#watch();
    }
    if (frame.d.code === "token_expired") return this.renew();
    this.#listener.frame(frame);
  }

  /** Ask for a sign of life when nothing was heard for a while; without an answer, connect anew. */
  #watch(quietSeconds = QUIET_SECONDS) {
    clearTimeout(this.#beat);
    this.#beat = setTimeout(() => {
      const askedAt = Date.now();
      if (askedAt - this.#heardAt < quietSeconds * 1000) return this.#watch();
      this.send({ t: "ping", d: {} });
      this.#beat = setTimeout(() => {
        if (this.#heardAt < askedAt) this.drop(0);
        else this.#watch();
      }, PONG_SECONDS * 1000);
    }, quietSeconds * 1000);
  }

  #end() {
    clearTimeout(this.#beat);
    clearTimeout(this.#timer);
    this.#life.abort();
    this.#commands = [];
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  /** Full jitter between half a second and thirty. */
  #backoff() {
    const roof = Math.min(30, 2 ** this.#attempt++);
    return 0.5 + Math.random() * (roof - 0.5);
  }

  /** @param {string} state */
  #turn(state) {
    if (this.state === state) return;
    this.state = state;
    this.#listener.state(state);
  }
}
