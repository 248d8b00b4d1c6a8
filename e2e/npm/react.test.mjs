// The hooks for React in a page of Vite's server for development, with StrictMode and Fast Refresh, and in no page.
import assert from "node:assert/strict";
import { cp, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { join } from "node:path";
import { before } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";

import react from "@vitejs/plugin-react";
import { build, createServer } from "vite";
import { WebSocket } from "ws";

import { BROKEN, newPage } from "../lib/page.mjs";
import { built, startProgram } from "../lib/program.mjs";
import { story } from "../lib/story.mjs";
import { install, run } from "./installed.mjs";
import { listen, serve } from "./serve.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

let folder;
let app;
before(async () => {
  folder = await install();
  app = join(folder, "react");
  await cp(here("react"), app, { recursive: true });
  await cp(here("../../npm/test/chat.ts"), join(app, "kinds.ts"));
  await mkdir(join(folder, "node_modules/@types"), { recursive: true });
  for (const name of ["react", "react-dom", "@types/react", "@types/react-dom"]) {
    await symlink(here(`node_modules/${name}`), join(folder, "node_modules", name));
  }
});

/** Opens the page of the components, and waits until it is connected. */
async function open(t) {
  const opened = await visit(t);
  await status(opened.page, "open");
  return opened;
}

/** Serves the components for development, and opens their page; gives the sockets that it opens, too. */
async function visit(t, prepare) {
  const http = createHttpServer();
  const hot = { middlewareMode: true, hmr: { server: http } };
  const vite = await createServer({ root: app, configFile: false, logLevel: "warn", plugins: [react()], server: hot });
  t.after(() => vite.close());
  return load(t, await listen(t, http.on("request", vite.middlewares)), prepare);
}

/** Opens the page that is served there, with a server of its own. */
async function load(t, origin, prepare = async (_page) => {}) {
  const server = await startServer(t, origin, 0);
  const url = `ws://127.0.0.1:${server.port}/ws`;
  const { page } = await newPage(t, { expected: BROKEN });
  const sockets = [];
  page.on("websocket", (socket) => {
    if (socket.url() === url) sockets.push(socket);
  });
  await prepare(page);
  await page.goto(`${origin}/?url=${url}`);
  return { page, server, sockets, origin, url };
}

function startServer(t, origin, port) {
  return startProgram(t, built("server"), ["--port", String(port), "--www", folder, "--allow-origin", origin]);
}

const status = (page, state) => page.locator("output", { hasText: new RegExp(`^${state}$`) }).waitFor();
const show = (page, part) => page.getByLabel(part).check();
const hide = (page, part) => page.getByLabel(part).uncheck();

/** Waits until both lists have as many lines, and compares all of them. */
async function reads(page, lines) {
  const count = (number) => {
    const lists = [...document.querySelectorAll("ol")];
    return lists.length === 2 && lists.every(({ children }) => children.length >= number);
  };
  await page.waitForFunction(count, lines.length);
  for (const list of await page.locator("ol").all()) {
    assert.deepEqual(await list.locator("li").allTextContents(), lines);
  }
}

/** Somebody else in the lobby, in this process. */
async function enter(t, url) {
  const { connect } = await import(pathToFileURL(join(folder, "node_modules/twinwire/dist/node.js")));
  const { Enter, Join, Say, kinds } = await import(pathToFileURL(join(folder, "build/chat.js")));
  const onSessionReplaced = async (client) => {
    await client.call(Join, { name: "Bob" });
    await client.call(Enter, { room: "lobby" });
  };
  const bob = await connect(url, kinds, { webSocket: WebSocket, onSessionReplaced });
  t.after(() => bob.close());
  await onSessionReplaced(bob);
  return async (...lines) => {
    for (const text of lines) await bob.call(Say, { room: "lobby", text });
  };
}

story("components under StrictMode share one connection, which closes after the last one", async (t) => {
  const { page, sockets } = await open(t);
  await reads(page, []);
  assert.equal(sockets.length, 1);
  await hide(page, "status");
  await hide(page, "lines");
  const closed = sockets[0].waitForEvent("close");
  await hide(page, "speaker");
  await closed;
  await show(page, "status");
  await status(page, "open");
  assert.equal(sockets.length, 2);
});

story("components that are gone before the module is there leave no connection", async (t) => {
  let release;
  let asked;
  const held = new Promise((resolve) => (release = resolve));
  const { page, sockets } = await visit(t, async (page) => {
    await page.clock.install();
    asked = page.waitForRequest("**/*.wasm");
    await page.route("**/*.wasm", (route) => held.then(() => route.continue()));
  });
  await status(page, "connecting");
  await asked;
  for (const part of ["status", "lines", "speaker"]) await hide(page, part);
  await page.clock.runFor(1_000);
  release();
  await show(page, "status");
  await status(page, "open");
  assert.equal(sockets.filter((socket) => !socket.isClosed()).length, 1);
});

story("a page that is changed while it runs keeps its connection and its lines", async (t) => {
  const { page, sockets, url } = await open(t);
  const say = await enter(t, url);
  await say("one");
  await reads(page, ["one"]);
  const file = join(app, "page.tsx");
  const source = await readFile(file, "utf8");
  t.after(() => writeFile(file, source));
  // One more hook: Fast Refresh mounts the component anew, and all below it.
  const changed = source.replace("Before", "After").replace("const names", "useState(0);\n  const names");
  await writeFile(file, changed);
  await page.getByRole("heading", { name: "After" }).waitFor();
  await say("two");
  await reads(page, ["one", "two"]);
  await status(page, "open");
  assert.equal(sockets.length, 1);
});

story("a page that Vite has built reads what is said", async (t) => {
  const outDir = join(app, "out");
  await build({ root: app, configFile: false, logLevel: "warn", plugins: [react()], build: { outDir } });
  const { page, sockets, url } = await load(t, await serve(t, outDir));
  await status(page, "open");
  const say = await enter(t, url);
  await say("one", "two");
  await reads(page, ["one", "two"]);
  assert.equal(sockets.length, 1);
});

story("a room's lines keep their order when it is shown again, and when the server restarts", async (t) => {
  const { page, server, origin, url } = await open(t);
  const say = await enter(t, url);
  await say("one", "two", "three");
  await reads(page, ["one", "two", "three"]);
  await hide(page, "lines");
  await page.waitForFunction(() => window.left > 0);
  await say("four", "five");
  await show(page, "lines");
  await reads(page, ["one", "two", "three", "four", "five"]);
  await server.end();
  await status(page, "resuming");
  await startServer(t, origin, server.port);
  await status(page, "open");
  await page.locator("ol[title='joined new_epoch']").first().waitFor();
  await say("six");
  await reads(page, ["one", "two", "three", "four", "five", "six"]);
});

story("a call's outcome is a value, and the call of a component that goes is cancelled", async (t) => {
  const { page, url } = await open(t);
  await page.getByRole("button", { name: "join" }).click();
  await page.locator("samp", { hasText: "Ada" }).waitFor();
  await page.getByRole("button", { name: "join" }).click();
  await page.locator("samp", { hasText: "application" }).waitFor();
  await page.evaluate(() => window.client.pause());
  await status(page, "paused");
  await page.getByRole("button", { name: "say" }).click();
  await hide(page, "speaker");
  await page.evaluate(() => window.reconnect());
  await status(page, "open");
  const say = await enter(t, url);
  await say("from Bob");
  await reads(page, ["from Bob"]);
});

story("a connection that fails says why, and can be tried again", async (t) => {
  const { page, server, origin, url } = await open(t);
  await server.end();
  await page.goto(`${origin}/?timeout=500&url=${url}`);
  await status(page, "closed: no connection to .*");
  await startServer(t, origin, server.port);
  await page.evaluate(() => window.reconnect());
  await status(page, "open");
});

story("a render on the server does nothing but render", async () => {
  await run(app, here("../../npm/node_modules/.bin/tsc"), "-p", ".", "--noEmit", "false", "--outDir", "server");
  const script = `
    globalThis.WebSocket = globalThis.fetch = globalThis.setTimeout = () => { throw new Error("a side effect"); };
    globalThis.location = { search: "?url=/ws" };
    const { createElement } = await import("react");
    const { renderToString } = await import("react-dom/server");
    const { Page } = await import("./server/page.js");
    console.log(renderToString(createElement(Page)));
  `;
  const printed = await run(app, "node", "--input-type=module", "--eval", script);
  assert.match(printed, /<output>connecting<\/output><ol title="joining whole"><\/ol>/);
});

story("the hooks' types are inferred from the kinds, also in the examples of docs/typescript.md", async () => {
  const page = await readFile(here("../../docs/typescript.md"), "utf8");
  const examples = [...page.matchAll(/```tsx\n(.*?)```/gs)].map(([, text]) => text);
  assert.ok(examples.length > 0);
  await writeFile(join(app, "docs.tsx"), examples.join("\n"));
  await run(app, here("../../npm/node_modules/.bin/tsc"), "-p", ".");
});
