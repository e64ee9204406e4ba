// Submission servers to be spoken to over TLS and logged in to, by the library smtp-server.
// Arguments: certificate, key. Says on its first line of output which port is which, as JSON, then
// every mail that it takes, a line of JSON each. Ends when its input does.
"use strict";

const fs = require("node:fs");
const { SMTPServer } = require("smtp-server");

const [certificate, key] = process.argv.slice(2);
const tls = { cert: fs.readFileSync(certificate), key: fs.readFileSync(key) };

function say(what) {
  process.stdout.write(JSON.stringify(what) + "\n");
}

function onAuth(auth, session, done) {
  const good = auth.method === "XOAUTH2" ? auth.accessToken === "good-token" : auth.password === "пароль";
  if (auth.username === "support@example.com" && good) {
    done(null, { user: auth.username });
  } else {
    done(null, { data: { status: "401", schemes: "bearer", scope: "mail" } });
  }
}

function onData(stream, session, done) {
  const chunks = [];
  stream.on("data", (chunk) => chunks.push(chunk));
  stream.on("end", () => {
    say({
      content: Buffer.concat(chunks).toString("base64"),
      secure: session.secure,
      user: session.user ?? null,
      from: session.envelope.mailFrom && session.envelope.mailFrom.address,
      to: session.envelope.rcptTo.map((one) => one.address),
    });
    done();
  });
}

const KINDS = {
  implicit: { secure: true, authMethods: ["PLAIN", "LOGIN", "XOAUTH2"] },
  starttls: { authMethods: ["PLAIN"] },
  login_only: { secure: true, authMethods: ["LOGIN"] },
  no_tls: { hideSTARTTLS: true, authMethods: ["PLAIN"], allowInsecureAuth: true },
  small: { authOptional: true, size: 2000, hideSMTPUTF8: true, disabledCommands: ["AUTH"] },
};

const ports = {};
for (const [name, options] of Object.entries(KINDS)) {
  const server = new SMTPServer({ ...tls, logger: false, onAuth, onData, ...options });
  server.on("error", () => {}); // a client that breaks off in the handshake
  server.listen(0, "127.0.0.1", () => {
    ports[name] = server.server.address().port;
    if (Object.keys(ports).length === Object.keys(KINDS).length) say(ports);
  });
}
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
