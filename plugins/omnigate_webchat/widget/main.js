/**
 * Omnigate web chat. Started by the loader; driven by the page through `omni(command, ...)`:
 *
 *   omni("open"), omni("close")          the panel
 *   omni("show"), omni("hide")           the whole widget
 *   omni("identify", {user_id, hash, name, email, phone, avatar_url}), omni("identify", null)
 *   omni("set", {plan: "pro"})           custom fields of the visit
 *   omni("on", "message", fn)            events: ready, open, close, message, unread
 *   omni("destroy")
 * @import {Stub} from "./types"
 */
import { Chat } from "./chat.js";
import { View } from "./view.js";

/**
 * Start the chat of one channel on this page.
 * @param {{ base: string, lang: string | undefined, stub: Stub }} page
 */
export function boot({ base, lang, stub }) {
  const life = new AbortController();
  /** @type {Map<string, ((detail?: any) => void)[]>} */
  const listeners = new Map();
  /** @type {View | null} */
  let view = null;
  let drawn = "";
  let unread = 0;

  const emit = (/** @type {string} */ name, /** @type {any} */ detail) => {
    for (const listener of listeners.get(name) ?? []) {
      // A mistake of the page is the page's: it must not stop the chat.
      queueMicrotask(() => listener(detail));
    }
  };

  const render = () => {
    if (!chat.config || life.signal.aborted) return;
    const look = JSON.stringify({ ...chat.config, online: null });
    if (look !== drawn) {
      view?.remove();
      view = new View(chat, chat.config, lang);
      drawn = look;
    }
    view?.render();
    if (chat.unread.length !== unread) emit("unread", (unread = chat.unread.length));
  };

  const chat = new Chat(base, { render, emit });

  /** @type {Record<string, (...values: any[]) => void>} */
  const commands = {
    open: () => chat.show(true, true),
    close: () => chat.show(false, false),
    show: () => hide(false),
    hide: () => hide(true),
    identify: (identity) => chat.identify(identity ?? null),
    set: (fields) => chat.set(fields),
    on: (name, listener) => listeners.set(name, [...(listeners.get(name) ?? []), listener]),
    destroy,
  };

  /** @param {boolean} hidden */
  function hide(hidden) {
    chat.hidden = hidden;
    chat.changed();
  }

  function destroy() {
    life.abort();
    clearInterval(clock);
    chat.end();
    view?.remove();
    const page = /** @type {any} */ (window);
    delete page.omni;
    delete page["omnigate:" + base];
  }

  /** @param {ArrayLike<any>} call */
  function run(call) {
    const [name, ...values] = Array.from(call);
    if (commands[name]) commands[name](...values);
    else console.warn(`omni("${name}") is not a command; use ${Object.keys(commands).join(", ")}.`);
  }

  const clock = setInterval(() => chat.tick(), 1000);
  const { signal } = life;
  const wake = () => document.visibilityState === "visible" && chat.transport.wake();
  addEventListener("online", wake, { signal });
  addEventListener("pageshow", wake, { signal });
  document.addEventListener("visibilitychange", wake, { signal });
  addEventListener("offline", () => chat.transport.drop(), { signal });
  // An open socket would keep the page out of the back-forward cache.
  addEventListener("pagehide", () => chat.transport.drop(), { signal });

  if (chat.session.get("open")) chat.show(true, false);
  for (const call of stub.q ?? []) run(call);
  window.omni = (...call) => run(call);
  chat.begin();
}
