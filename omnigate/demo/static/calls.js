/** The desk's calls of the API, through the demo's server, which adds the token. */

/**
 * @typedef {object} Answered
 * @property {string} [refused] why, where it was
 * @property {{id: string}} [body]
 */

/**
 * @param {"POST" | "PATCH" | "PUT" | "DELETE"} method
 * @param {string} path
 * @param {object} [body]
 * @param {Record<string, string>} [headers]
 */
export function call(method, path, body, headers = {}) {
  return asked(path, {
    method,
    headers: body ? { "Content-Type": "application/json", ...headers } : headers,
    body: body ? JSON.stringify(body) : null,
  });
}

/** @param {File} file */
export function upload(file) {
  const headers = { "Content-Type": file.type || "application/octet-stream" };
  return asked(`/v1/media?${new URLSearchParams({ name: file.name })}`, { method: "POST", headers, body: file });
}

/**
 * @param {string} path
 * @param {RequestInit} request
 * @returns {Promise<Answered>}
 */
async function asked(path, request) {
  try {
    const response = await fetch(path, request);
    const body = await response.json().catch(() => ({}));
    if (response.ok) return { body };
    return { refused: body.detail ?? `refused with status ${response.status}` };
  } catch {
    return { refused: "The demo does not answer; is it still running?" };
  }
}
