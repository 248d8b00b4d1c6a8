// The installed package in pages: bundled, served by Vite for development, and as it is. Each page makes a round trip.
import assert from "node:assert/strict";
import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { join } from "node:path";
import { before } from "node:test";

import { nodeResolve } from "@rollup/plugin-node-resolve";
import { importMetaAssets } from "@web/rollup-plugin-import-meta-assets";
import { build as esbuild } from "esbuild";
import { rollup } from "rollup";
import * as vite from "vite";
import * as vite7 from "vite-7";
import webpack from "webpack";

import { newPage } from "../lib/page.mjs";
import { built, startProgram } from "../lib/program.mjs";
import { story } from "../lib/story.mjs";
import { install } from "./installed.mjs";
import { listen, serve } from "./serve.mjs";

let folder;
before(async () => {
  folder = await install();
});

const page = (script) =>
  `<!doctype html>\n<link rel="icon" href="data:,">\n<body></body>\n<script type="module" src="${script}"></script>\n`;

/** Makes a folder for one page of an entry, and gives it and the entry's script. */
async function prepare(name, entry) {
  const out = join(folder, name);
  await mkdir(out);
  return { out, script: join(folder, "build", `${entry}.js`) };
}

/** Writes the page that loads a bundle, and serves it. */
async function published(t, out) {
  await writeFile(join(out, "index.html"), page("./page.js"));
  return `${await serve(t, out)}/`;
}

/** Opens a page, which makes its round trip, and gives the names of the modules that it loaded. */
async function visit(t, address) {
  const { origin } = new URL(address);
  const server = await startProgram(t, built("server"), ["--port", "0", "--www", folder, "--allow-origin", origin]);
  const { page } = await newPage(t);
  const modules = [];
  page.on("requestfinished", (request) => {
    const path = new URL(request.url()).pathname;
    if (path.endsWith(".wasm")) modules.push(path.split("/").pop());
  });
  await page.goto(`${address}?url=ws://127.0.0.1:${server.port}/ws&name=Ada`);
  await page.getByText(/./).waitFor();
  assert.equal(await page.textContent("body"), "joined as Ada");
  return modules;
}

const ONE = /^core_bg.*\.wasm$|^[0-9a-f]+\.wasm$/;

function hasOne(modules) {
  assert.equal(modules.length, 1, String(modules));
  assert.match(modules[0], ONE);
}

/** Makes Vite's page of an entry, and gives what configures Vite: nothing but places. */
async function vitePage(name, entry) {
  const { out } = await prepare(name, entry);
  await writeFile(join(out, "index.html"), page(`/build/${entry}.js`));
  return { root: folder, configFile: false, logLevel: "warn" };
}

/** Starts Vite's server for development, on a port that it wouldn't take by itself, and gives its address. */
async function develop(t, createServer, config) {
  const http = createHttpServer();
  const server = await createServer({ ...config, server: { middlewareMode: true, hmr: { server: http } } });
  t.after(() => server.close());
  return listen(t, http.on("request", server.middlewares));
}

for (const entry of ["main", "inline"]) {
  const judge = entry === "main" ? hasOne : (modules) => assert.deepEqual(modules, []);

  for (const [title, { build, createServer }] of [["Vite", vite], ["Vite 7", vite7]]) {
    story(`${title} serves ${entry} for development`, async (t) => {
      const name = `${title.replace(" ", "-")}-dev-${entry}`;
      const config = await vitePage(name, entry);
      // In its usual place, which the entry knows.
      t.after(() => rm(join(folder, "node_modules/.vite"), { recursive: true }));
      judge(await visit(t, `${await develop(t, createServer, config)}/${name}/`));
    });

    story(`${title} builds ${entry}`, async (t) => {
      const name = `${title.replace(" ", "-")}-${entry}`;
      const config = await vitePage(name, entry);
      const outDir = join(folder, name, "out");
      await build({ ...config, build: { outDir, rollupOptions: { input: join(folder, name, "index.html") } } });
      judge(await visit(t, `${await serve(t, outDir)}/${name}/`));
    });
  }

  story(`webpack builds ${entry}`, async (t) => {
    const { out, script } = await prepare(`webpack-${entry}`, entry);
    const output = { path: out, filename: "page.js" };
    const compiler = webpack({ mode: "production", entry: script, output, context: folder });
    const stats = await new Promise((done, fail) => compiler.run((error, stats) => (error ? fail(error) : done(stats))));
    assert.ok(!stats.hasErrors(), stats.toString());
    judge(await visit(t, await published(t, out)));
  });
}

story("esbuild builds inline", async (t) => {
  const { out, script } = await prepare("esbuild-inline", "inline");
  await esbuild({ entryPoints: [script], bundle: true, format: "esm", outfile: join(out, "page.js") });
  assert.deepEqual(await visit(t, await published(t, out)), []);
});

story("esbuild builds slim with its loader of files", async (t) => {
  const { out, script } = await prepare("esbuild-slim", "slim");
  const options = { loader: { ".wasm": "file" }, outfile: join(out, "page.js") };
  await esbuild({ entryPoints: [script], bundle: true, format: "esm", ...options });
  hasOne(await visit(t, await published(t, out)));
});

story("a bundle carries nothing of the package that it doesn't use", async () => {
  const contents = 'import { ApplicationError, connect } from "twinwire";\nexport { ApplicationError };\n';
  const { outputFiles } = await esbuild({
    stdin: { contents, resolveDir: folder },
    bundle: true,
    format: "esm",
    write: false,
  });
  assert.match(outputFiles[0].text, /ApplicationError = class/);
  assert.doesNotMatch(outputFiles[0].text, /wasm|WebSocket|FinalizationRegistry/);
});

async function rolledUp(out, script, plugins) {
  const bundle = await rollup({ input: script, plugins: [nodeResolve({ browser: true }), ...plugins] });
  await bundle.write({ dir: out, entryFileNames: "page.js" });
  await bundle.close();
}

story("Rollup builds inline", async (t) => {
  const { out, script } = await prepare("rollup-inline", "inline");
  await rolledUp(out, script, []);
  assert.deepEqual(await visit(t, await published(t, out)), []);
});

story("Rollup builds main with a plugin for files", async (t) => {
  const { out, script } = await prepare("rollup-main", "main");
  await rolledUp(out, script, [importMetaAssets()]);
  hasOne(await visit(t, await published(t, out)));
});

story("a page without a build step loads the package's files", async (t) => {
  const { out } = await prepare("plain", "main");
  await cp(join(folder, "build"), join(out, "build"), { recursive: true });
  await cp(join(folder, "node_modules/twinwire/dist"), join(out, "twinwire"), { recursive: true });
  const imports = 'import { connect } from "./twinwire/browser.js";\nimport { show } from "./build/page.js";\n';
  await writeFile(join(out, "page.js"), `${imports}show(connect);\n`);
  hasOne(await visit(t, await published(t, out)));
});
