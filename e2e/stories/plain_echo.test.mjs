// A page of nothing but the browser's own WebSocket, against the example of the plain endpoint.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";

import { logged, newPage } from "../lib/page.mjs";
import { built, startProgram } from "../lib/program.mjs";
import { story } from "../lib/story.mjs";

/** Written as people write it; only the port, which is 9501 there, is the example's own. */
const barePage = (port) => `<!doctype html>
<meta charset="utf-8">
<link rel="icon" href="data:,">
<script>
  var ws = new WebSocket("ws://localhost:${port}");
  ws.onopen = function () {
    console.log("open");
    ws.send("client:hello,服务端");
  };
  ws.onmessage = function (event) {
    console.log("message: " + event.data);
    setTimeout(function () { ws.close(); }, 5000);
  };
  ws.onclose = function (event) {
    console.log("close: " + event.code + " " + event.wasClean);
  };
</script>`;

async function serve(t, html) {
  const server = createServer((_, response) => {
    response.writeHead(200, { "content-type": "text/html" }).end(html);
  });
  t.after(() => server.close());
  await once(server.listen(0, "127.0.0.1"), "listening");
  return `http://127.0.0.1:${server.address().port}`;
}

story("a bare page says hello, is answered, and closes five seconds later", async (t) => {
  const echo = await startProgram(t, built("plainEcho"), ["--port", "0"]);
  const address = await serve(t, barePage(echo.port));
  const { page, log } = await newPage(t);

  await page.goto(address);
  await logged(page, log, /^message: /);
  const answered = Date.now();
  await logged(page, log, /^close: /);

  // What a close without a code looks like in a browser: 1005, and clean.
  assert.deepEqual(log, ["open", "message: this is server", "close: 1005 true"]);
  await echo.line(/#1 shook hands/);
  await echo.line(/#1 sent "client:hello,服务端", 22 bytes of text/);
  await echo.line(/#1 closed, code 1005, reason "", clean true/);
  const waited = Date.now() - answered;
  assert.ok(waited >= 4_500, `closed after ${waited} ms`);
});

/** Chromium cuts what is longer than 131,000 bytes into several frames. */
const longPage = (port) => `<!doctype html>
<meta charset="utf-8">
<link rel="icon" href="data:,">
<script>
  var ws = new WebSocket("ws://localhost:${port}");
  var answers = 0;
  ws.onopen = function () {
    ws.send("x".repeat(300000));
    ws.send("last");
  };
  ws.onmessage = function () {
    answers += 1;
    if (answers === 2) ws.close(4000, "done");
  };
  ws.onclose = function (event) {
    console.log("close: " + event.code + " " + event.wasClean);
  };
</script>`;

story("a text of 300,000 characters is one message", async (t) => {
  const echo = await startProgram(t, built("plainEcho"), ["--port", "0"]);
  const address = await serve(t, longPage(echo.port));
  const { page, log } = await newPage(t);

  await page.goto(address);
  await logged(page, log, /^close: /);

  assert.deepEqual(log, ["close: 4000 true"]);
  await echo.line(/#1 closed, code 4000, reason "done", clean true/);
  const sent = echo.lines.map((line) => line.match(/#1 sent .*/)?.[0]).filter(Boolean);
  const begin = "x".repeat(100);
  assert.deepEqual(sent, [
    `#1 sent "${begin}", 300000 bytes of text`,
    '#1 sent "last", 4 bytes of text',
  ]);
});
