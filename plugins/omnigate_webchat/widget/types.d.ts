/** Shapes that travel over `omni.v1` and between the widget's modules. Types only: never served. */

export interface Frame {
  t: string;
  cid?: string;
  seq?: number;
  d: Record<string, any>;
}

export interface Author {
  name?: string | null;
  avatar_url?: string | null;
  kind?: "agent" | "bot" | "system";
}

export interface Attachment {
  id: string;
  kind: string;
  mime: string;
  name?: string | null;
  size_bytes?: number | null;
  url?: string | null;
  state?: "pending" | "ready" | "failed";
  /** Object URL of a picture chosen in this tab, shown until the server's own address is known. */
  preview?: string;
}

export interface Button {
  label: string;
  kind: "reply" | "url" | "phone" | "contact" | "location";
  value?: string | null;
}

export type Status = "sending" | "sent" | "delivered" | "read" | "failed";

export interface Message {
  /** Stable for the life of the page: the client id of an own message, else the server's id. */
  key: string;
  id?: string;
  cid?: string;
  /** Event sequence; absent while the message is not acknowledged. */
  seq?: number;
  direction: "in" | "out";
  text: string;
  attachments: Attachment[];
  buttons: Button[][];
  author: Author | null;
  at: number;
  status: Status;
  /** Text key of the reason when `status` is `failed`. */
  problem?: string;
  /** Grows when what is shown (not the status) changes. */
  version: number;
}

/** One unacknowledged message as it is kept across page loads. */
export interface Entry {
  cid: string;
  at: number;
  d: { text?: string; attachments?: string[]; button?: string };
  attachments: Attachment[];
  problem?: string;
}

export type Label = string | Record<string, string> | null | undefined;

export interface Field {
  name: string;
  kind?: string;
  label?: Label;
  required?: boolean;
  options?: string[];
}

export interface FormConfig {
  title?: Label;
  text?: Label;
  fields: Field[];
  consent?: Label;
}

export interface Rule {
  name: string;
  text: Label;
  url?: string | null;
  after_seconds?: number;
  returning?: boolean | null;
  once_per?: "page" | "session" | "day" | "visitor" | null;
}

export interface Config {
  name: string;
  title?: Label;
  languages?: string[];
  texts?: Record<string, Record<string, any>>;
  theme?: { color?: string; dark?: "auto" | "light" | "dark"; position?: "left" | "right" };
  prechat?: FormConfig | null;
  offline?: FormConfig | null;
  online: boolean;
  proactive?: Rule[];
  peek?: boolean;
  uploads?: { enabled: boolean; max_bytes: number; types: string[] };
  location?: boolean;
  max_text_length?: number;
  privacy_note?: Label;
  /** There are other channels to carry on in. */
  continue?: boolean;
  /** Visitors can ask for a call. */
  call?: boolean;
}

/** The visitor's call as the server shows it. */
export interface Call {
  id: string;
  state: string;
  /** It is still to come, or going on. */
  open: boolean;
  number: string;
  callback_at: string | null;
  /** Of the time within which the phone is to ring. */
  seconds_left: number | null;
  /** Another one whenever anything else is. */
  tag: string;
}

export interface CallOffer {
  open: boolean;
  opens_at: string | null;
  region: string;
  /** Countries that are called, and their codes. */
  regions: [string, string][];
  consent: Record<string, string>;
}

/** A channel to carry on in. */
export interface Way {
  channel: string;
  kind: string;
  url: string;
  qr: { size: number; path: string } | null;
}

export interface Session {
  visitor_token: string;
  visitor: string;
  connection_token: string;
  expires_in_seconds: number;
  config: Config;
  conversation: { id: string; status: "open" | "closed"; last_seq: number } | null;
  events: Frame[];
  /** There are older ones than `events`. */
  more: boolean;
  identity: "anonymous" | "verified" | "rejected";
}

export type Identity = { user_id: string; hash: string } & Record<string, string>;

export interface Upload {
  name: string;
  /** 0 to 1. */
  progress: number;
  attachment?: Attachment;
  problem?: string;
  preview?: string;
  stop?: () => void;
}


export type Translate = (key: string, values?: Record<string, string | number>) => string;

export interface Stub {
  (...call: unknown[]): void;
  q?: ArrayLike<unknown>[];
}

declare global {
  interface Window {
    omni?: Stub;
  }
}
