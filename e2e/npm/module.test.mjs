// How the installed package loads its module, in Node.
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before } from "node:test";

import { built, startProgram } from "../lib/program.mjs";
import { story } from "../lib/story.mjs";
import { install, run } from "./installed.mjs";

let folder;
let bytes;
before(async () => {
  folder = await install();
  bytes = await readFile(join(folder, "node_modules/twinwire/dist/core_bg.wasm"));
});

/** Runs a script of the application in a process of its own, and gives the lines that it prints. */
async function node(script, ...words) {
  const printed = await run(folder, "node", "--input-type=module", "--eval", script, ...words);
  return printed.trim().split("\n");
}

story("importing an entry touches nothing of the runtime", async () => {
  const script = `
    const names = ["fetch", "WebAssembly", "WebSocket", "document", "location"];
    for (const name of names) {
      Object.defineProperty(globalThis, name, { get() { throw new Error(name + " was touched"); } });
    }
    const before = Object.getOwnPropertyNames(globalThis).join();
    for (const entry of ["twinwire", "twinwire/slim", "twinwire/inline", "twinwire/worker"]) await import(entry);
    for (const entry of ["browser", "bun", "deno"]) await import("./node_modules/twinwire/dist/" + entry + ".js");
    console.log(Object.getOwnPropertyNames(globalThis).join() === before);`;
  // It ends by itself too: a timer or a socket would keep it.
  assert.deepEqual(await node(script), ["true"]);
});

/** Tries sources one after the other with the slim entry, and prints how each went. */
const INIT = `
  import { readFile } from "node:fs/promises";
  import { init } from "twinwire/slim";
  for (const name of process.argv.slice(1)) {
    const bytes = await readFile(name);
    const source = name.endsWith(".html") ? new Response(bytes, { headers: { "Content-Type": "text/html" } }) : bytes;
    await init(source).then(() => console.log("loaded"), (error) => console.log(error.name, error.code, error.message));
  }`;

story("a module of another version or build is an error that names both, and the next one is tried", async () => {
  const { version } = JSON.parse(await readFile(join(folder, "node_modules/twinwire/package.json")));
  const place = bytes.lastIndexOf(`${version}+`);
  const build = bytes.toString("latin1", place);
  const versions = { "other.wasm": `9.9.9${build.slice(version.length)}`, "older.wasm": build.replace(/.{4}$/, "zzzz") };
  for (const [name, other] of Object.entries(versions)) {
    await writeFile(join(folder, name), Buffer.concat([bytes.subarray(0, place), Buffer.from(other)]));
  }
  await writeFile(join(folder, "none.wasm"), bytes.subarray(0, bytes.lastIndexOf("twinwire") - 3));
  const right = "node_modules/twinwire/dist/core_bg.wasm";
  const names = [...Object.keys(versions), "none.wasm", right];
  const told = await node(INIT, ...names);
  const found = [...Object.values(versions).map((other) => `version ${other}`), "an unknown version"];
  const expected = found.map(
    (found) =>
      `ConnectError module Twinwire's core_bg.wasm is of ${found}, its JavaScript of version ${build}: ` +
      "serve both from one package",
  );
  assert.deepEqual(told, [...expected, "loaded"]);
});

story("a page in the module's place is an error that says what to do", async () => {
  const [told] = await node(INIT, "index.html");
  assert.match(told, /isn't at .*text\/html\): have your bundler copy it/);
});

story("slim without a module says what to call", async () => {
  const script = `
    import { connect } from "twinwire/slim";
    await connect("ws://127.0.0.1:1/ws", []).catch((error) => console.log(error.message));`;
  const [told] = await node(script);
  assert.match(told, /to `init` of twinwire\/slim first$/);
});

story("entries share one module", async (t) => {
  const server = await startProgram(t, built("server"), ["--port", "0", "--www", folder]);
  const script = `
    import { connect } from "twinwire";
    import { init } from "twinwire/slim";
    import { kinds } from "./build/chat.js";
    const { WebSocket } = await import(process.argv[2]);
    const client = await connect(process.argv[1], kinds, { webSocket: WebSocket });
    await init(new Uint8Array(0));
    await client.close();
    console.log("shared");`;
  const url = `ws://127.0.0.1:${server.port}/ws`;
  assert.deepEqual(await node(script, url, import.meta.resolve("ws")), ["shared"]);
});
