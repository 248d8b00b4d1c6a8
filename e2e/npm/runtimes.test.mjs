// The installed package in runtimes without a page: each takes its own entry, and makes a round trip.
import assert from "node:assert/strict";
import { before } from "node:test";

import { tool } from "../clients/tools.mjs";
import { built, startProgram } from "../lib/program.mjs";
import { story } from "../lib/story.mjs";
import { install, run } from "./installed.mjs";

let folder;
before(async () => {
  folder = await install();
});

const RUNTIMES = [
  { runtime: "node", words: [], entry: "node.js", ws: [import.meta.resolve("ws")] },
  { runtime: "node22", words: [], entry: "node.js", ws: [] },
  { runtime: "bun", words: [], entry: "bun.js", ws: [] },
  { runtime: "deno", words: ["run", "--allow-net", "--allow-read"], entry: "deno.js", ws: [] },
];

for (const { runtime, words, entry, ws } of RUNTIMES) {
  const { program, missing } = tool(runtime);
  const tell = async (t) => {
    const server = await startProgram(t, built("server"), ["--port", "0", "--www", folder]);
    const url = `ws://127.0.0.1:${server.port}/ws`;
    const printed = await run(folder, program, ...words, "build/runtime.js", url, runtime, ...ws);
    assert.deepEqual(printed.trim().split("\n"), [entry, `joined as ${runtime}`]);
  };
  story(`${runtime} loads its entry and makes a round trip`, tell, missing);
}
