/* Omnigate web chat: loader. Give `data-lang` to fix the language. `__HASH__` is filled in when served. */
(() => {
  const script = /** @type {HTMLScriptElement | null} */ (
    document.currentScript || document.querySelector('script[src*="/w.js"]')
  );
  if (!script) return;
  const base = new URL(".", script.src).href;
  const mark = "omnigate:" + base;
  const seen = /** @type {any} */ (window);
  if (seen[mark]) return;
  seen[mark] = true;

  /** @type {import("./types").Stub} */
  const stub = (window.omni ||= (...call) => {
    (stub.q ||= []).push(call);
  });
  const lang = script.dataset.lang;
  const load = () =>
    import(base + "ui/__HASH__/main.js")
      .then((ui) => ui.boot({ base, lang, stub }))
      .catch((error) =>
        console.error("Omnigate chat could not start; check script-src and connect-src.", error),
      );
  if ("requestIdleCallback" in window) requestIdleCallback(load, { timeout: 2000 });
  else setTimeout(load, 200);
})();
