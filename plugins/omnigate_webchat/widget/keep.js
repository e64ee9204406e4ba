/** Small values that outlive the page. Reading and writing never throw: without storage they live in memory. */

/**
 * Open the values of one site.
 * @param {string} prefix
 * @param {() => Storage} storage the getter itself throws where cookies are blocked
 */
export function openKeep(prefix, storage = () => localStorage) {
  /** @type {Map<string, string>} */
  const memory = new Map();
  return {
    /**
     * @param {string} key
     * @param {any} [fallback]
     */
    get(key, fallback = null) {
      try {
        const text = storage().getItem(prefix + key);
        if (text !== null) return JSON.parse(text);
      } catch {
        // No storage, or something else wrote there.
      }
      return memory.has(key) ? JSON.parse(memory.get(key) ?? "null") : fallback;
    },
    /**
     * @param {string} key
     * @param {unknown} value `null` removes
     */
    set(key, value) {
      const text = JSON.stringify(value);
      memory.delete(key);
      try {
        if (value === null) storage().removeItem(prefix + key);
        else storage().setItem(prefix + key, text);
      } catch {
        if (value !== null) memory.set(key, text);
      }
    },
  };
}

/** @typedef {ReturnType<typeof openKeep>} Keep */
