// The README's start for TypeScript, as it stands there, against the server that stands there.
import assert from "node:assert/strict";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";

import * as vite from "vite";

import { newPage } from "../lib/page.mjs";
import { built, startProgram } from "../lib/program.mjs";
import { story } from "../lib/story.mjs";
import { install, run } from "./installed.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

let folder;
const files = new Map();
before(async () => {
  folder = await install();
  const readme = await readFile(here("../../README.md"), "utf8");
  for (const [, block] of readme.matchAll(/```(?:ts|rust)\n(.*?)```/gs)) {
    for (const text of block.split(/^(?=\/\/ \w+\/)/m)) {
      const [, name] = text.match(/^\/\/ ([\w/.]+\.(?:ts|rs))\b/) ?? [];
      if (name !== undefined) files.set(name, text);
    }
  }
});

story("the README's three files are short", () => {
  const names = [...files.keys()].sort();
  assert.deepEqual(names, ["page/src/main.ts", "page/vite.config.ts", "shared/tests/typescript.rs"]);
  for (const [name, text] of files) assert.ok(text.split("\n").length < 20, name);
});

story("the README's page greets", async (t) => {
  const server = await startProgram(t, built("goodbye"), ["--port", "0"]);
  const page = join(folder, "page");
  await mkdir(join(page, "src"), { recursive: true });
  await writeFile(join(page, "src/main.ts"), files.get("page/src/main.ts"));
  await cp(here("../../npm/test/greet.ts"), join(page, "src/kinds.ts"));
  const options = ["--strict", "--noEmit", "--target", "esnext", "--module", "esnext", "--moduleResolution", "bundler"];
  const tsc = here("../../npm/node_modules/.bin/tsc");
  await run(page, tsc, ...options, "--ignoreConfig", "src/main.ts");
  const script = '<script type="module" src="/src/main.ts"></script>';
  await writeFile(join(page, "index.html"), `<!doctype html>\n<link rel="icon" href="data:,">\n<body></body>\n${script}\n`);
  // The port is the test's own.
  const config = files.get("page/vite.config.ts").replace("9501", String(server.port));
  await writeFile(join(page, "vite.config.mjs"), config);
  const { default: configured } = await import(pathToFileURL(join(page, "vite.config.mjs")));
  const development = await vite.createServer({
    ...configured,
    root: page,
    configFile: false,
    logLevel: "warn",
    server: { ...configured.server, host: "127.0.0.1", port: 0 },
  });
  await development.listen();
  t.after(() => development.close());
  const address = development.resolvedUrls.local[0];
  const { page: tab } = await newPage(t);
  await tab.goto(address);
  await tab.getByText("Hello, Ada!").waitFor();
});

story("the examples of docs/typescript.md compile", async () => {
  const page = await readFile(here("../../docs/typescript.md"), "utf8");
  const examples = [...page.matchAll(/```ts\n(.*?)```/gs)].map(([, text]) => text);
  assert.ok(examples.length > 5);
  const docs = join(folder, "docs");
  await mkdir(docs);
  await cp(here("../../npm/test/chat.ts"), join(docs, "kinds.ts"));
  await writeFile(join(docs, "all.ts"), examples.join("\n"));
  const options = ["--strict", "--noEmit", "--target", "esnext", "--module", "nodenext", "--types", ""];
  await run(docs, here("../../npm/node_modules/.bin/tsc"), ...options, "--ignoreConfig", "all.ts");
});
