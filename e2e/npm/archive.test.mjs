// The archive as a registry takes it.
import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { before } from "node:test";

import { built } from "../lib/program.mjs";
import { story } from "../lib/story.mjs";
import { install, run } from "./installed.mjs";

let folder;
before(async () => {
  folder = join(await install(), "node_modules/twinwire");
});

/** Each file beside what the sources are compiled to. */
const FILES = [
  "LICENSE-APACHE",
  "LICENSE-MIT",
  "README.md",
  "dist/core.d.ts",
  "dist/core.js",
  "dist/core_base64.d.ts",
  "dist/core_base64.js",
  "dist/core_bg.wasm",
  "dist/core_bg.wasm.d.ts",
  "package.json",
  "src/runtimes.d.ts",
];

story("the archive holds sources, what they are compiled to, the module, and no stray file", async () => {
  const files = [];
  for (const path of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (path.isFile()) files.push(join(path.parentPath, path.name).slice(folder.length + 1));
  }
  const sources = files.filter((file) => /^src\/\w+\.ts$/.test(file));
  const compiled = sources.flatMap((source) => {
    const name = source.replace(/^src/, "dist").replace(/\.ts$/, "");
    return [source, `${name}.js`, `${name}.js.map`, `${name}.d.ts`, `${name}.d.ts.map`];
  });
  assert.ok(sources.length > 10, String(sources));
  assert.deepEqual(files.sort(), [...FILES, ...compiled].sort());
});

story("what the archive's maps name is in the archive", async () => {
  const dist = join(folder, "dist");
  const maps = (await readdir(dist)).filter((name) => name.endsWith(".map"));
  for (const name of maps) {
    const { sources } = JSON.parse(await readFile(join(dist, name), "utf8"));
    for (const source of sources) await readFile(join(dist, source));
  }
  assert.ok(maps.length > 20, String(maps));
});

story("publint and @arethetypeswrong/cli have nothing to say", async () => {
  const tool = (name) => join(import.meta.dirname, "node_modules/.bin", name);
  await run(folder, tool("publint"), "--strict", built("npmArchive"));
  await run(folder, tool("attw"), "--profile", "esm-only", built("npmArchive"));
});
