// The endpoints behind nginx and HAProxy, with the configuration that the documentation gives.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { WebSocket } from "ws";

import { port, tool } from "./tools.mjs";

/** Longer than a proxy takes on a busy machine, in milliseconds. */
const LIMIT = 60_000;

const PAGE = new URL("../../docs/behind_a_proxy.md", import.meta.url);

/** The configuration of a proxy, with the documentation's ports and files replaced by the test's. */
async function documented(language, replacements) {
  const page = await readFile(PAGE, "utf8");
  const block = page.split(`\`\`\`${language}\n`)[1]?.split("```")[0];
  assert.ok(block, `${PAGE.pathname} has a block of ${language}`);
  let configuration = block;
  for (const [text, by] of replacements) {
    assert.ok(configuration.includes(text), `${text} is in the configuration`);
    configuration = configuration.replaceAll(text, by);
  }
  return configuration;
}

/** A port that was free a moment ago. */
async function freePort() {
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address();
  await promisify(server.close.bind(server))();
  return port;
}

/** A folder with a certificate and its key for chat.example, in one file. */
async function folderWithCertificate(t) {
  const folder = await mkdtemp(join(tmpdir(), "twinwire-proxy-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const [key, certificate] = [join(folder, "key.pem"), join(folder, "certificate.pem")];
  const words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=chat.example";
  const names = ["-addext", "subjectAltName=DNS:chat.example", "-keyout", key, "-out", certificate];
  await promisify(execFile)("openssl", [...words.split(" "), ...names]);
  const both = join(folder, "chat.example.pem");
  await writeFile(both, (await readFile(certificate)) + (await readFile(key)));
  return folder;
}

/** Starts a proxy, and waits until it takes connections. */
async function start(t, name, words, listens) {
  const child = spawn(tool(name).program, words, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
  const ended = once(child, "close");
  t.after(async () => {
    child.kill("SIGTERM");
    await ended;
  });
  while (child.exitCode === null) {
    const socket = connect(listens, "127.0.0.1");
    const reached = await once(socket, "connect").then(() => true, () => false);
    socket.destroy();
    if (reached) return;
    // Refused at once: the next attempt is another turn of the loop.
    await new Promise(setImmediate);
  }
  throw new Error(`${name} ended:\n${output}`);
}

/** Shakes hands through the proxy as a page of `origin`; gives the status, or what the endpoint says. */
async function knock(listens, path, subprotocol, origin) {
  const socket = new WebSocket(`wss://127.0.0.1:${listens}${path}`, [subprotocol], {
    origin,
    headers: { host: `chat.example:${listens}` },
    servername: "chat.example",
    rejectUnauthorized: false,
  });
  const [event] = await Promise.race([
    once(socket, "open").then(() => ["open"]),
    new Promise((resolve) => {
      socket.on("unexpected-response", (_, response) => resolve([response.statusCode]));
    }),
    once(socket, "error").then(([error]) => Promise.reject(error)),
  ]);
  if (event !== "open") {
    socket.on("error", () => {});
    socket.terminate();
    return event;
  }
  socket.send("through the proxy");
  const [message, isBinary] = await once(socket, "message");
  socket.close(1000);
  await once(socket, "close");
  return isBinary ? "binary" : message.toString();
}

/** What holds behind either proxy. */
async function check(listens) {
  const own = `https://chat.example:${listens}`;
  assert.equal(await knock(listens, "/plain", "chat", own), "through the proxy");
  assert.equal(await knock(listens, "/ws", "twinwire.0.json", own), "binary");
  for (const [path, subprotocol] of [["/plain", "chat"], ["/ws", "twinwire.0.json"]]) {
    assert.equal(await knock(listens, path, subprotocol, `http://chat.example:${listens}`), 403);
    assert.equal(await knock(listens, path, subprotocol, "https://chat.example"), 403);
    assert.equal(await knock(listens, path, subprotocol, "https://evil.example"), 403);
    assert.equal(await knock(listens, path, subprotocol, `http://127.0.0.1:${port()}`), 403);
  }
}

test("pages reach both endpoints through nginx, as documented", { skip: tool("nginx").missing, timeout: LIMIT }, async (t) => {
  const folder = await folderWithCertificate(t);
  const listens = await freePort();
  const site = await documented("nginx", [
    ["listen 443 ssl", `listen 127.0.0.1:${listens} ssl`],
    ["127.0.0.1:9501", `127.0.0.1:${port()}`],
    ["/etc/ssl/", `${folder}/`],
  ]);
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  const paths = temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join("\n");
  const configuration = `daemon off; pid ${folder}/nginx.pid; error_log stderr warn;
    events {} http { access_log off; ${paths}\n${site}}`;
  const file = join(folder, "nginx.conf");
  await writeFile(file, configuration);
  await start(t, "nginx", ["-p", folder, "-e", "stderr", "-c", file], listens);
  await check(listens);
});

test("pages reach both endpoints through HAProxy, as documented", { skip: tool("haproxy").missing, timeout: LIMIT }, async (t) => {
  const folder = await folderWithCertificate(t);
  const listens = await freePort();
  const configuration = await documented("haproxy", [
    ["bind :443 ssl", `bind 127.0.0.1:${listens} ssl`],
    ["127.0.0.1:9501", `127.0.0.1:${port()}`],
    ["/etc/ssl/", `${folder}/`],
  ]);
  const file = join(folder, "haproxy.cfg");
  await writeFile(file, configuration);
  await start(t, "haproxy", ["-db", "-f", file], listens);
  await check(listens);
});
