/**
 * The shop's links into messengers lead to the emulated phones: nothing of the demo is on the internet.
 *
 * The widget's root is closed to the page that it stands on, so the page has to be asked before it is made.
 */

const MESSENGER = /^https:\/\/(t|vk)\.me\//;

if (window.parent !== window) {
  const attach = Element.prototype.attachShadow;
  Element.prototype.attachShadow = function (options) {
    const root = attach.call(this, options);
    root.addEventListener("click", (event) => {
      const link = event.target instanceof Element ? event.target.closest("a") : null;
      if (!link || !MESSENGER.test(link.href)) return;
      event.preventDefault();
      window.parent.postMessage({ follow: link.href }, window.location.origin);
    });
    return root;
  };
}
