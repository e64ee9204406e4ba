/** Several tabs of one visitor: telling each other, and taking turns. Both are absent in some browsers. */

/**
 * Join the tabs of one site. Messages reach the other tabs only.
 * @param {string} name
 * @param {(message: any) => void} receive
 */
export function joinTabs(name, receive) {
  /** @type {BroadcastChannel | null} */
  let channel = null;
  try {
    channel = new BroadcastChannel(name);
    channel.onmessage = (event) => receive(event.data);
  } catch {
    // Opaque origins and old browsers: every tab is alone, the server still removes duplicates.
  }
  return {
    /** @param {any} message */
    post: (message) => channel?.postMessage(message),
    leave: () => channel?.close(),
  };
}

/**
 * Run `work` while no other tab runs work of the same name; without Web Locks, run it at once.
 * @template T
 * @param {string} name
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function inTurn(name, work) {
  let begun = false;
  try {
    return /** @type {T} */ (
      await navigator.locks.request(name, () => {
        begun = true;
        return work();
      })
    );
  } catch (error) {
    if (begun) throw error;
    return work();
  }
}
