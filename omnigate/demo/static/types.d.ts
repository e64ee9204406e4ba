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
  author: { name: string | null } | null;
  error: string | null;
}

export interface Envelope {
  id: string;
  type: string;
  timestamp: string;
  sequence: number | null;
  conversation: { id: string; external_id: string; context: { page: string | null; title: string | null } } | null;
  contact: { id: string; display_name: string | null } | null;
  data: {
    message?: Message;
    typing?: { draft: string | null };
    presence?: { online: boolean };
    page?: { url: string; title: string | null };
    status?: { status: string; by: string };
    rating?: { score: number; comment: string | null };
    button?: { payload: string; label: string | null };
    contact?: { changed: string[] };
  };
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
