/** What happened beside messages, in a line of words. */

/** @typedef {import("./types").Call} Call */
/** @typedef {import("./types").EventData} EventData */

const CALL = new Map([
  ["requested", "a call is asked for"], ["queued", "waits for its time"], ["dialling", "is being dialled"],
  ["agent_ringing", "the agent's phone rings"], ["agent_answered", "the agent answered"],
  ["customer_ringing", "the customer's phone rings"], ["customer_answered", "the customer answered"],
  ["bridged", "they talk"], ["completed", "they talked"],
  ["agent_no_answer", "the agent did not answer"], ["agent_busy", "the agent was busy"],
  ["customer_no_answer", "the customer did not answer"], ["customer_busy", "the customer was busy"],
  ["customer_rejected", "the customer declined"], ["failed", "failed"], ["cancelled", "taken back"],
  ["blocked", "refused by a rule"], ["expired", "nobody called in time"], ["unknown", "nobody knows whether it was placed"],
]);
const CHANGED = new Map([["contact.merged", "are one customer now"], ["contact.unmerged", "are two customers again"]]);
const SHORT = 60;

/** @param {Call} call */
export function callWords(call) {
  const talk = call.talk_seconds === null ? "" : ` for ${lasting(call.talk_seconds)}`;
  const agent = call.agent ? ` with ${call.agent}` : "";
  const words = CALL.get(call.state) ?? call.state;
  return call.state === "completed" ? `${words}${talk}${agent}` : words;
}

/**
 * One line of what an event says; nothing where its type says it all.
 * @param {string} type
 * @param {EventData} data
 */
export function gistOf(type, data) {
  const { message, status, rating, button, reaction, change, contact, call, conflict, transfer, wait } = data;
  if (message) return messageWords(message);
  if (call) return `${call.customer}: ${callWords(call)}`;
  if (reaction) return reaction.emoji.join(" ") || "taken back";
  if (change) return `${change.action}: ${change.error ?? ""}`;
  if (status) return `by ${status.by}`;
  if (rating) return "★".repeat(rating.score) + (rating.comment ? ` ${rating.comment}` : "");
  if (button) return button.label ?? button.payload;
  if (conflict) return conflict.reason;
  if (transfer) return `to ${transfer.to_backend}${transfer.note ? `: ${transfer.note}` : ""}`;
  if (wait) return `waits for more than ${lasting(wait.target_seconds)}`;
  if (contact?.merged) return `two contacts ${CHANGED.get(type) ?? ""}`;
  return contact ? contact.changed.join(", ") : "";
}

/** @param {import("./types").Message} message */
export function messageWords(message) {
  const files = message.attachments.map((file) => `[${file.name ?? file.kind}]`);
  const place = message.location && "[location]";
  const card = message.shared_contact && `[contact ${message.shared_contact.phone ?? ""}]`;
  return [message.error, wordsSaid(message), ...files, place, card].filter(Boolean).join(" ");
}

/**
 * What was written, without the token that a link has put into it.
 * @param {import("./types").Message} message
 */
export function wordsSaid({ text, handover }) {
  return handover ? (text ?? "").replace(handover, "").trim() : (text ?? "");
}

/**
 * Where a customer comes from who carries on here.
 * @param {import("./types").Handover} handover
 * @param {(kind: string) => string} titled
 */
export function cameFrom(handover, titled) {
  const last = handover.messages.filter((one) => one.text).at(-1)?.text ?? handover.title ?? "";
  const words = last.length > SHORT ? `${last.slice(0, SHORT)}…` : last;
  return `carries on from ${titled(handover.kind)}${words ? `: “${words}”` : ""}`;
}

/** @param {number} seconds */
export function lasting(seconds) {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
