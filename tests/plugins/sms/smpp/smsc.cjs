"use strict";
// Several scriptable SMSCs in one process, over the npm package "smpp": told what to do by JSON on the standard
// input, a line each, and telling what happens on the standard output in the same way.
const fs = require("fs");
const readline = require("readline");
const smpp = require("smpp");

const smscs = new Map();

const tell = (smsc, event, more = {}) =>
  process.stdout.write(JSON.stringify({ smsc: smsc.name, event, ...more }) + "\n");
const spelled = (smsc, id) => (smsc.ids === "hex" ? id.toString(16).toUpperCase().padStart(8, "0") : String(id));
const inReceipt = (smsc, id) => (smsc.receiptIds === "hex" ? id.toString(16) : String(id).padStart(10, "0"));

class Smsc {
  constructor(name, order) {
    Object.assign(this, {
      name, port: order.port, tls: order.tls, password: "secret", ids: "dec", receiptIds: "dec", nextId: 1000,
      plan: [], bindStatus: null, bindSilent: false, enquire: true, unbind: true, held: [], unanswered: 0, most: 0,
      sessions: new Set(), version: null, echoes: false, numbers: new Map(),
    });
  }

  listen() {
    const options = this.tls ? { key: fs.readFileSync(this.tls.key), cert: fs.readFileSync(this.tls.cert) } : {};
    this.server = smpp.createServer(options, (session) => this.serve(session));
    this.server.on("error", (error) => tell(this, "error", { words: String(error) }));
    this.server.listen(this.port, "127.0.0.1", () => tell(this, "listening"));
  }

  serve(session) {
    this.sessions.add(session);
    session.mode = null;
    session.on("error", (error) => { tell(this, "error", { words: String(error) }); session.destroy(); });
    session.on("close", () => { this.sessions.delete(session); tell(this, "closed", { mode: session.mode }); });
    for (const mode of ["transceiver", "transmitter", "receiver"])
      session.on("bind_" + mode, (pdu) => this.bind(session, mode, pdu));
    session.on("submit_sm", (pdu) => this.submit(session, pdu));
    session.on("enquire_link", (pdu) => {
      tell(this, "enquire");
      if (this.enquire && !session.deaf) session.send(pdu.response());
    });
    session.on("unbind", (pdu) => {
      tell(this, "unbind", { mode: session.mode, unanswered: this.unanswered });
      if (this.unbind && !session.deaf) { session.send(pdu.response()); session.close(); }
    });
    for (const name of ["deliver_sm_resp", "data_sm_resp", "generic_nack", "enquire_link_resp", "unbind_resp", "query_sm_resp"])
      session.on(name, (pdu) => session.deaf || tell(this, name, { status: pdu.command_status, sequence: pdu.sequence_number }));
    session.on("unknown", (pdu) => tell(this, "unknown", { command: pdu.command_id, status: pdu.command_status }));
  }

  bind(session, mode, pdu) {
    const status = this.bindStatus ?? (pdu.password === this.password ? 0 : 0x0e);
    tell(this, "bind", { mode, system_id: pdu.system_id, system_type: pdu.system_type, version: pdu.interface_version, status });
    if (this.bindSilent) return;
    if (!status) session.mode = mode;
    const version = this.version ? { sc_interface_version: this.version } : {};
    session.send(pdu.response({ command_status: status, system_id: "smsc", ...version }));
  }

  submit(session, pdu) {
    this.unanswered += 1;
    this.most = Math.max(this.most, this.unanswered);
    const plan = this.plan.shift() ?? {};
    const id = this.nextId++;
    if (this.echoes) this.numbers.set(id, { source_addr: pdu.destination_addr, user_message_reference: pdu.user_message_reference });
    if (!this.quiet) tell(this, "submit", { id, ...fields(pdu) });
    const answer = () => {
      this.unanswered -= 1;
      const status = plan.status ?? 0;
      session.send(status ? pdu.response({ command_status: status }) : pdu.response({ message_id: plan.id ?? spelled(this, id) }));
    };
    if (plan.drop) { session.destroy(); this.unanswered = 0; return; }
    if (plan.receiptFirst) this.receipt(session, id, plan.receiptFirst);
    if (plan.silent) { this.unanswered -= 1; return; }
    if (plan.hold || this.hold) this.held.push(answer);
    else answer();
    for (const stat of plan.receipts ?? []) this.receipt(session, id, stat);
  }

  receipt(session, id, stat) {
    const text = `id:${inReceipt(this, id)} sub:001 dlvrd:001 submit date:2611212200 done date:2611212201 stat:${stat} err:000 text:x`;
    session.deliver_sm({ source_addr: "79160000001", destination_addr: "79160000002", esm_class: 4, short_message: Buffer.from(text, "latin1"), ...this.numbers.get(id) });
  }

  receivers() {
    return [...this.sessions].filter((session) => session.mode === "transceiver" || session.mode === "receiver");
  }

  obey(order) {
    if (order.set) { Object.assign(this, order.set); tell(this, "set"); }
    if (order.command) {
      const parameters = { ...order.parameters };
      for (const name of order.octets ?? []) parameters[name] = Buffer.from(parameters[name], "hex");
      for (const session of this.receivers()) session[order.command](parameters);
    }
    if (order.raw) for (const session of this.sessions) session.socket.write(Buffer.from(order.raw, "hex"));
    if (order.release) { this.hold = false; for (const answer of this.held.splice(0)) answer(); }
    if (order.deaf) for (const session of this.sessions) session.deaf = true; // what is said to it from now on is lost
    if (order.cut) for (const session of this.sessions) session.destroy();
    if (order.receipt) for (const session of this.receivers()) this.receipt(session, order.receipt.id, order.receipt.stat);
    if (order.close) { this.server.close(); for (const session of this.sessions) session.destroy(); tell(this, "stopped"); }
    if (order.listen) this.listen();
    if (order.report) tell(this, "report", { most: this.most, unanswered: this.unanswered, taken: this.nextId - 1000, sessions: this.sessions.size });
  }
}

function fields(pdu) {
  const names = ["source_addr_ton", "source_addr_npi", "source_addr", "dest_addr_ton", "dest_addr_npi", "destination_addr", "esm_class",
    "registered_delivery", "data_coding", "service_type", "sar_msg_ref_num", "sar_total_segments", "sar_segment_seqnum", "user_message_reference"];
  const told = Object.fromEntries(names.map((name) => [name, pdu[name]]));
  const said = pdu.short_message.message.length ? pdu.short_message : (pdu.message_payload ?? pdu.short_message);
  told.text = Buffer.isBuffer(said.message) ? said.message.toString("hex") : said.message;
  told.payload = pdu.message_payload !== undefined;
  told.udh = (said.udh ?? []).map((element) => element.toString("hex"));
  told.valid_seconds = pdu.validity_period instanceof Date ? Math.round((pdu.validity_period - Date.now()) / 1000) : null;
  return told;
}

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const order = JSON.parse(line);
  if (!smscs.has(order.smsc)) smscs.set(order.smsc, new Smsc(order.smsc, order));
  smscs.get(order.smsc).obey(order);
}).on("close", () => process.exit(0));
