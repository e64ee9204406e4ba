/** What a phone asks of the demo's server. Each returns why it was refused, or nothing. */

/** @param {import("./types").Touch} what */
export function act(what) {
  return post("act", JSON.stringify(what));
}

/**
 * @param {File} file
 * @param {string} text
 */
export function sendFile(file, text) {
  return post(`files?${new URLSearchParams({ name: file.name, text })}`, file);
}

/**
 * @param {string} path
 * @param {BodyInit} body
 * @returns {Promise<string | undefined>}
 */
async function post(path, body) {
  try {
    const response = await fetch(path, { method: "POST", body });
    if (response.ok) return undefined;
    if (response.status === 413) return "That file is too large for the demo.";
    return (await response.text()) || `refused with status ${response.status}`;
  } catch {
    return "The demo does not answer; is it still running?";
  }
}
