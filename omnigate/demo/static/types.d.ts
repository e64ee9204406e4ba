/** What the CRM's side gets: see GET /v1/schemas/{type}.json for all of it. */

export interface Attachment {
  kind: string;
  name: string | null;
  url: string | null;
}

export interface Message {
  id: string;
  direction: "inbound" | "outbound";
  state: string;
  created_at: string;
  text: string | null;
  attachments: Attachment[];
  buttons: { label: string }[][];
  location: { latitude: number; longitude: number; title: string | null } | null;
  shared_contact: { display_name: string | null; phone: string | null } | null;
  author: { name: string | null } | null;
  error: string | null;
  /** The token of the link by which the customer came. */
  handover: string | null;
}

export interface Envelope {
  id: string;
  type: string;
  timestamp: string;
  sequence: number | null;
  channel: { name: string; kind: string } | null;
  conversation: { id: string; external_id: string; context: { page: string | null; title: string | null; handover?: Handover | null } } | null;
  contact: { id: string; display_name: string | null } | null;
  data: EventData;
}

export interface EventData {
  message?: Message;
  typing?: { draft: string | null };
  presence?: { online: boolean };
  page?: { url: string; title: string | null };
  status?: { status: string; by: string };
  rating?: { score: number; comment: string | null };
  button?: { payload: string; label: string | null };
  reaction?: { message: string | null; emoji: string[]; by: string };
  change?: { message: string; action: string; error: string | null };
  contact?: { changed: string[]; merged?: string | null };
  call?: Call;
  conflict?: { other: string; reason: string };
  transfer?: { to_backend: string; note: string | null };
  wait?: { target_seconds: number };
}

export interface Call {
  id: string;
  state: string;
  customer: string;
  agent: string | null;
  talk_seconds: number | null;
  recording: Attachment | null;
}

/** Where a customer comes from who carries on in another channel. */
export interface Handover {
  kind: string;
  title: string | null;
  messages: { direction: string; text: string | null }[];
}

/** One thing of a customer's timeline. */
export interface Entry {
  type: string;
  at: string;
  id: string;
  channel: { name: string; kind: string } | null;
  conversation: string | null;
  data: EventData;
}

/** A phone that rings. */
export interface Handset {
  state: "idle" | "ringing" | "waiting" | "talking";
  caller: string;
  since: number;
  last: string;
}

export interface Delivery {
  number: number;
  received_at: number;
  headers: Record<string, string>;
  body: Envelope | null;
  verified: boolean;
  repeated: boolean;
  problem: string | null;
}

/** What the demo's server knows of itself. */
export interface Facts {
  daemon: string;
  token_file: string;
  phones: Phone[];
  has_calls: boolean;
}

/** What a phone is about: see omnigate/demo/phones/phone.py for all of these. */
export interface Phone {
  kind: string;
  title: string;
  company: string;
  customer: string;
  start_label: string;
  link: string;
  reactions: string[];
  can: string[];
}

export interface Key {
  label: string;
  does: "press" | "text" | "contact" | "location" | "link";
  link: string;
  colour: string;
}

export interface PhoneFile {
  is_picture: boolean;
  name: string;
}

export interface Place {
  latitude: number;
  longitude: number;
  title: string;
}

export interface Bubble {
  id: number;
  mine: boolean;
  text: string;
  sent_at: number;
  files: PhoneFile[];
  place: Place | null;
  card: { name: string; phone: string } | null;
  answers: string;
  buttons: Key[][];
  reactions: string[];
  edited: boolean;
  read: boolean;
}

export interface Screen {
  messages: Bubble[];
  keyboard: Key[][];
  typing: boolean;
  started: boolean;
  blocked: boolean;
  flash: string;
}

export interface Touch {
  do: "start" | "write" | "press" | "tap" | "contact" | "location" | "edit" | "delete" | "react" | "block" | "type" | "read";
  text?: string;
  message?: number;
  row?: number;
  column?: number;
}
