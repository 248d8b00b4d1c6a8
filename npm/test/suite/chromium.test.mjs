// The suite in a page in Chromium, by the WebSocket that pages have, and by that of a worker that tabs share.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname } from "node:path";
import { test } from "node:test";

import { BROKEN, newPage } from "../../../e2e/lib/page.mjs";
import { listen } from "../../../e2e/npm/serve.mjs";
import { names } from "./cases.mjs";
import { port } from "./node.mjs";

const ROOT = new URL("../../", import.meta.url);

const TYPES = { ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm" };

/** What Chromium says of addresses that refuse, besides. */
const REFUSED = [/^Failed to load resource: the server responded with a status of (403|404|503) /];

/** Serves the package's folder, and an empty page. */
function serve(t) {
  const server = createServer(async ({ url }, response) => {
    const [path] = url.split("?");
    const file = new URL(`.${path}`, ROOT);
    const bytes = path === "/" ? "" : await readFile(file).catch(() => undefined);
    response.writeHead(bytes === undefined ? 404 : 200, { "Content-Type": TYPES[extname(path)] ?? "text/html" });
    response.end(bytes);
  });
  return listen(t, server);
}

test("in Chromium", { timeout: 300_000 }, (t) => runAll(t, false));
test("in Chromium, by a shared worker", { timeout: 300_000 }, (t) => runAll(t, true));

async function runAll(t, shared) {
  const { page } = await newPage(t, { expected: [...BROKEN, ...REFUSED] });
  page.on("console", (message) => {
    if (message.text().startsWith("figures: ")) console.log(message.text());
  });
  await page.goto(await serve(t));
  await page.evaluate(async ({ shared, ...ports }) => {
    const reports = [];
    addEventListener("error", (event) => {
      reports.push(event.message);
      event.preventDefault();
    });
    const { run } = await import("/test/suite/cases.mjs");
    const source = async () => (await fetch("/dist/core_bg.wasm")).arrayBuffer();
    const place = { source, ...ports, reports, shared };
    globalThis.runCase = (name) => run(name, place);
  }, { peer: port(""), wire: port("WIRE"), breaking: port("BREAKING"), shared });
  for (const name of names) {
    await t.test(name, { timeout: 60_000 }, () => page.evaluate((name) => globalThis.runCase(name), name));
  }
}
