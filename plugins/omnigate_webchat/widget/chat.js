/**
 * One visitor's chat without any DOM: what is shown, and what the person may do.
 * The view reads the fields and calls the methods; `changed` tells it to look again.
 * @import {Attachment, Author, Call, Config, Frame, Identity, Rule, Session} from "./types"
 */
import { Visit } from "./context.js";
import { Draft } from "./draft.js";
import { openKeep } from "./keep.js";
import { Log } from "./log.js";
import { Outbox } from "./outbox.js";
import { Inviter } from "./proactive.js";
import { Receipts } from "./receipts.js";
import { Sender } from "./sender.js";
import { inTurn, joinTabs } from "./tabs.js";
import { Transport } from "./transport.js";
import { Uploads } from "./uploads.js";

const TYPING_MS = 6000;

export class Chat {
  open = false;
  byPerson = false;
  hidden = false;
  online = true;
  /** @type {"open" | "closed" | null} null while there is no conversation */
  status = null;
  /** @type {Author | null} who is typing on the other side */
  typing = null;
  /** @type {Rule | null} the invitation that is shown */
  invitation = null;
  /** @type {Rule | null} the invitation that was accepted: the first words of the dialogue */
  greeting = null;
  /** Key of a short notice above the composer. */
  notice = "";
  /** There may be older messages on the server. */
  more = false;
  rated = false;
  /** @type {Call | null} the latest call that was asked for here */
  call = null;
  /** @type {Identity | null} */
  #identity = null;
  #verified = false;
  /** @type {Frame[]} frames of no urgency that wait for a connection */
  #later = [];
  #typingTimer = 0;
  #due = false;

  /**
   * @param {string} base address of the channel, with a slash at the end
   * @param {{ render: () => void, emit: (name: string, detail?: any) => void }} out
   */
  constructor(base, out) {
    const prefix = `omnigate:${base}:`;
    this.base = base;
    this.prefix = prefix;
    this.out = out;
    this.keep = openKeep(prefix);
    this.session = openKeep(prefix, () => sessionStorage);
    /** @type {Config | null} as last time until the server answers, so that the chat is there offline */
    this.config = this.keep.get("config");
    this.log = new Log();
    this.visit = new Visit(this.keep);
    this.inviter = new Inviter(this.keep, this.session);
    this.tabs = joinTabs(prefix, (news) => this.#news(news));
    this.transport = new Transport(base, {
      cursor: () => this.log.cursor,
      call: () => this.call?.tag ?? "",
      session: (ask) => this.#newSession(ask),
      frame: (frame) => this.#frame(frame),
      state: (state) => this.#connection(state),
    });
    this.receipts = new Receipts(this.keep, this.transport);
    this.outbox = new Outbox(prefix, this.keep);
    this.sender = new Sender(prefix + "send", this.transport, this.outbox, this.log, (news) => {
      this.tabs.post(news);
      this.changed();
    });
    const share = (/** @type {string} */ text) => this.tabs.post({ t: "draft", text });
    this.draft = new Draft(this.keep, share, (draft) => {
      const { peek } = this.config ?? {};
      // Without the text, an empty field is no sign of typing.
      if (peek || draft) this.transport.send({ t: "typing", d: peek ? { draft } : {} });
    });
    const changed = () => this.changed();
    this.uploads = new Uploads(this.transport, () => this.config?.uploads, changed);
  }

  async begin() {
    this.transport.start((await this.sender.recover()) > 0);
    this.changed();
  }

  end() {
    this.transport.stop();
    this.tabs.leave();
    this.outbox.close();
  }

  /** Have the view look again, once for many changes. */
  changed() {
    if (this.#due) return;
    this.#due = true;
    queueMicrotask(() => {
      this.#due = false;
      this.out.render();
    });
  }

  get unread() {
    const { messages } = this.log;
    return messages.filter((one) => one.direction === "out" && (one.seq ?? 0) > this.receipts.seen);
  }

  /** @returns {"chat" | "prechat" | "offline"} what the panel shows */
  get stage() {
    const { config } = this;
    if (!config || this.status || this.log.messages.length) return "chat";
    const form = this.online ? "prechat" : "offline";
    const known = this.#verified || this.keep.get(form);
    return config[form] && !(form === "prechat" && known) ? form : "chat";
  }

  /** Last person of the company who wrote here. */
  get agent() {
    return this.log.messages.findLast((one) => one.direction === "out" && one.author)?.author;
  }

  // What the person does.

  /**
   * @param {boolean} open
   * @param {boolean} byPerson the focus follows what a person does, not what the page does
   */
  show(open, byPerson) {
    if (this.open === open) return;
    this.open = open;
    this.byPerson = byPerson;
    this.session.set("open", open || null);
    if (open) {
      if (this.invitation) this.answerInvitation("accepted");
      this.transport.start(true);
    }
    this.out.emit(open ? "open" : "close");
    this.changed();
  }

  /** @param {string} text */
  say(text) {
    const attachments = this.uploads.take();
    /** @type {{ text?: string, attachments?: string[] }} */
    const d = {};
    if (text) d.text = text;
    if (attachments.length) d.attachments = attachments.map((file) => file.id);
    this.draft.write("");
    this.#say(d, attachments);
  }

  /**
   * Press a reply button of the company.
   * @param {string} label
   * @param {string} payload
   */
  press(label, payload) {
    this.#say({ text: label, button: payload });
  }

  /**
   * @param {{ text?: string, attachments?: string[], button?: string }} d
   * @param {Attachment[]} [attachments]
   */
  #say(d, attachments) {
    this.notice = "";
    this.transport.start(true);
    this.sender.say(d, attachments);
    this.changed();
  }

  /**
   * Show how the visitor's call is, as the answer to a command says.
   * @param {Call | null} call
   */
  followCall(call) {
    this.call = call;
    this.changed();
  }

  /** Load a page of older messages. */
  async earlier() {
    const before = this.log.oldest;
    if (!this.more || !before) return;
    this.more = false;
    try {
      const page = await this.transport.call(`history?before=${before}&limit=50`);
      for (const frame of page.frames) this.#take(frame);
      this.more = page.more && page.frames.length > 0;
    } catch {
      this.more = true;
    }
    this.changed();
  }

  /**
   * Send a form or a rating.
   * @param {string} t
   * @param {string} cid
   * @param {Frame["d"]} d
   * @returns {Promise<Frame["d"] | null>} null when accepted, else the error's data
   */
  async submit(t, cid, d) {
    this.transport.start(true);
    const answer = await this.sender.command({ t, cid, d });
    if (answer?.t !== "ack") return answer?.d ?? { code: "lost" };
    if (t === "rating") this.rated = true;
    else {
      this.keep.set(d.form, true);
      this.status ??= d.form === "offline" ? "open" : null;
      if (d.form === "offline") this.notice = "offlineDone";
    }
    this.changed();
    return null;
  }

  /** Ask the browser where we are and tell the company; the person has agreed to it. */
  shareLocation() {
    navigator.geolocation.getCurrentPosition(
      ({ coords: { latitude, longitude, accuracy } }) => {
        this.#sendLater({ t: "location", d: { latitude, longitude, accuracy_metres: accuracy } });
        this.notify("locationSent");
      },
      () => this.notify("locationFailed"),
      { timeout: 20e3, maximumAge: 60e3 },
    );
  }

  /** @param {string} key */
  notify(key) {
    this.notice = key;
    this.changed();
  }

  /** @param {"accepted" | "closed"} action */
  answerInvitation(action) {
    const rule = this.invitation;
    this.invitation = null;
    if (!rule) return;
    if (action === "accepted") this.greeting = rule;
    this.#sendLater({ t: "invite", d: { rule: rule.name, action } });
    this.changed();
  }

  /** Once a second: the page may have changed, an invitation may be due. */
  tick() {
    if (this.visit.moved()) {
      this.inviter.moved();
      this.transport.send({ t: "page", d: this.visit.page() });
    }
    const talking = this.open || this.hidden || this.log.messages.length || this.invitation;
    if (talking || document.visibilityState !== "visible") return;
    const rule = this.inviter.due(this.config?.proactive, this.visit.returning);
    if (!rule) return;
    this.inviter.note(rule);
    this.invitation = rule;
    this.#sendLater({ t: "invite", d: { rule: rule.name, action: "shown" } });
    this.changed();
  }

  /**
   * Say who the person is, signed by the site's server; `null` when they sign out.
   * @param {Identity | null} identity
   */
  async identify(identity) {
    this.#identity = identity;
    if (!identity) {
      for (const key of ["visitor", "who", "prechat", "offline"]) this.keep.set(key, null);
      this.draft.write("");
      await this.outbox.clear();
      this.#forget();
    }
    this.transport.renew();
    this.changed();
  }

  /** @param {Record<string, unknown>} custom */
  set(custom) {
    Object.assign(this.visit.custom, custom);
    this.transport.send({ t: "context.update", d: { context: { custom } } });
  }

  // What the server says.

  /** @param {(request: object) => Promise<Session>} ask */
  #newSession(ask) {
    const work = async () => {
      const session = await ask({
        visitor_token: this.keep.get("visitor") ?? undefined,
        identity: this.#identity ?? undefined,
        context: this.visit.snapshot(),
      });
      this.#welcome(session);
      return session;
    };
    // The first session names the visitor: two tabs opened together must not become two people.
    return this.keep.get("visitor") ? work() : inTurn(this.prefix + "session", work);
  }

  /** @param {Session} session */
  #welcome(session) {
    const { keep, log } = this;
    if (keep.get("who", session.visitor) !== session.visitor) this.#forget();
    keep.set("who", session.visitor);
    keep.set("visitor", session.visitor_token);
    keep.set("config", session.config);
    this.config = session.config;
    this.online = session.config.online;
    this.status = session.conversation?.status ?? null;
    this.#verified = session.identity === "verified";
    if (this.#identity && !this.#verified) {
      console.warn("Omnigate chat: the identity was rejected; check its hash and identity_secret.");
    }
    const first = log.cursor === 0;
    for (const frame of session.events) this.#take(frame);
    // A later session may leave a gap before its events: only the stream moves the cursor then.
    if (first) {
      log.cursor = session.conversation?.last_seq ?? 0;
      for (const { seq = 0 } of session.events) log.cursor = Math.max(log.cursor, seq);
      this.more = session.more;
    }
    if (session.conversation) this.transport.start(true);
    this.out.emit("ready", { identity: session.identity });
    this.changed();
  }

  #forget() {
    this.log.clear();
    this.sender.recover();
    this.receipts.reset();
    this.status = this.typing = this.greeting = this.call = null;
    this.rated = this.more = false;
  }

  /** @param {string} state */
  #connection(state) {
    if (state !== "online") {
      this.sender.interrupt();
      this.typing = null;
    }
    this.changed();
  }

  /** @param {Frame} frame */
  #sendLater(frame) {
    this.transport.start(true);
    if (!this.transport.send(frame)) this.#later.push(frame);
  }

  /** @param {Frame} frame */
  #frame(frame) {
    const { t, d, seq } = frame;
    if (t === "welcome") {
      this.online = d.online ?? this.online;
      this.status = d.conversation?.status ?? this.status;
      if ("call" in d) this.call = d.call;
      for (const waiting of this.#later.splice(0)) this.transport.send(waiting);
      this.receipts.report();
      this.sender.flush();
    } else if (t === "ack" || t === "error") this.sender.answer(frame);
    else if (t === "typing") this.#showTyping(d.active ? (d.author ?? {}) : null);
    else if (t === "call") this.call = d.call;
    else if (t === "online") this.online = d.online;
    else if (t === "resync") {
      this.log.clear();
      this.sender.recover();
      this.transport.renew();
    } else {
      const message = this.#take(frame);
      if (seq) this.log.cursor = Math.max(this.log.cursor, seq);
      if (message?.direction === "out") this.#incoming(message);
    }
    this.changed();
  }

  /**
   * Take in one event frame, from wherever it comes.
   * @param {Frame} frame
   */
  #take(frame) {
    const { t, d, seq } = frame;
    if (t.startsWith("msg.")) {
      const waits = this.log.byCid(d.cid)?.seq === undefined;
      const message = this.log.apply(frame);
      if (d.cid && waits) {
        this.sender.answer({ t: "ack", cid: d.cid, seq, d });
        this.outbox.remove(d.cid);
      }
      if (message?.direction === "out") this.receipts.arrived(message);
      if (message) this.status ??= "open";
      return message;
    }
    if (t === "state") this.status = d.status;
    if (t === "state" && d.status === "open") this.rated = false;
    if (t === "read") this.log.readUpTo(d.id);
    if (t === "receipt") {
      const message = this.log.byId(d.id);
      if (message?.direction === "in") this.log.raise(d.id, d.state);
      else if (message && d.state === "read") this.receipts.raise(message.seq ?? 0);
    }
    return null;
  }

  /** @param {import("./types").Message} message */
  #incoming(message) {
    this.#showTyping(null);
    this.invitation = null;
    this.out.emit("message", { id: message.id, text: message.text, author: message.author });
  }

  /** @param {Author | null} author */
  #showTyping(author) {
    clearTimeout(this.#typingTimer);
    this.typing = author;
    if (!author) return;
    this.#typingTimer = setTimeout(() => {
      this.typing = null;
      this.changed();
    }, TYPING_MS);
  }

  /**
   * A message stood in view of a person.
   * @param {import("./types").Message} message
   */
  looked(message) {
    if (!this.receipts.looked(message)) return;
    this.tabs.post({ t: "seen", seq: message.seq });
    this.changed();
  }

  /** @param {any} news what another tab of the same visitor did */
  #news(news) {
    if (news.t === "entry") this.log.await(news.entry);
    if (news.t === "ack") this.log.acknowledge(news.cid, news.seq, news.id);
    if (news.t === "fail") this.log.fail(news.cid, news.problem);
    if (news.t === "seen") this.receipts.raise(news.seq);
    if (news.t === "draft") this.draft.follow(news.text);
    this.changed();
  }
}
