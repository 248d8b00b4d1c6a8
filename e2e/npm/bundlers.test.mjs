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

import { tool } from "../clients/tools.mjs";
import { readInFirefox } from "../lib/firefox.mjs";
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

/** Starts a server for a page, and gives the page's address with what it is to do. */
async function asked(t, address) {
  const { origin } = new URL(address);
  const server = await startProgram(t, built("server"), ["--port", "0", "--www", folder, "--allow-origin", origin]);
  return `${address}?url=ws://127.0.0.1:${server.port}/ws&name=Ada`;
}

/** Opens a page, which makes its round trip, and gives the names of the modules that it loaded. */
async function visit(t, address) {
  const url = await asked(t, address);
  const { page } = await newPage(t);
  const modules = [];
  page.on("requestfinished", (request) => {
    const path = new URL(request.url()).pathname;
    if (path.endsWith(".wasm")) modules.push(path.split("/").pop());
  });
  await page.goto(url);
  await page.getByText(/./).waitFor();
  assert.equal(await page.textContent("body"), "joined as Ada");
  return modules;
}

/** Opens two tabs of a page that share a connection; gives the paths of what the first has loaded. */
async function visitTwice(t, address) {
  const { origin } = new URL(address);
  const server = await startProgram(t, built("server"), ["--port", "0", "--www", folder, "--allow-origin", origin]);
  const { page, newTab } = await newPage(t);
  const loaded = [];
  page.on("requestfinished", (request) => loaded.push(new URL(request.url()).pathname));
  const session = async (page) => {
    await page.goto(`${address}?url=ws://127.0.0.1:${server.port}/ws&name=Ada`);
    await page.getByText(/./).waitFor();
    return page.textContent("body");
  };
  const first = await session(page);
  assert.match(first, /^session [0-9a-f]{32}$/);
  assert.equal(await session(await newTab()), first);
  assert.equal(server.lines.filter((line) => /a socket opened/.test(line)).length, 1);
  return loaded;
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

/** Serves an entry's page by Vite for development, and gives its address. */
async function viteDevelops(t, { title, createServer }, entry) {
  const name = `${title.replaceAll(" ", "-")}-dev-${entry}`;
  const config = await vitePage(name, entry);
  // In its usual place, which the entry knows.
  t.after(() => rm(join(folder, "node_modules/.vite"), { recursive: true }));
  return `${await develop(t, createServer, config)}/${name}/`;
}

/** Builds an entry's page by Vite, and gives its address. */
async function viteBuilds(t, { title, build }, entry) {
  const name = `${title.replaceAll(" ", "-")}-${entry}`;
  const config = await vitePage(name, entry);
  const outDir = join(folder, name, "out");
  await build({ ...config, build: { outDir, rollupOptions: { input: join(folder, name, "index.html") } } });
  return `${await serve(t, outDir)}/${name}/`;
}

/** Builds an entry's page by webpack, and gives its address. */
async function webpackBuilds(t, entry) {
  const { out, script } = await prepare(`webpack-${entry}`, entry);
  const output = { path: out, filename: "page.js" };
  const compiler = webpack({ mode: "production", entry: script, output, context: folder });
  const stats = await new Promise((done, fail) => compiler.run((error, stats) => (error ? fail(error) : done(stats))));
  assert.ok(!stats.hasErrors(), stats.toString());
  return published(t, out);
}

const VITES = [{ title: "Vite", ...vite }, { title: "Vite 7", ...vite7 }];

for (const entry of ["main", "inline"]) {
  const judge = entry === "main" ? hasOne : (modules) => assert.deepEqual(modules, []);

  for (const vite of VITES) {
    story(`${vite.title} serves ${entry} for development`, async (t) => {
      judge(await visit(t, await viteDevelops(t, vite, entry)));
    });

    story(`${vite.title} builds ${entry}`, async (t) => {
      judge(await visit(t, await viteBuilds(t, vite, entry)));
    });
  }

  story(`webpack builds ${entry}`, async (t) => {
    judge(await visit(t, await webpackBuilds(t, entry)));
  });
}

for (const vite of VITES) {
  story(`tabs of a page that ${vite.title} serves for development share a connection`, async (t) => {
    await visitTwice(t, await viteDevelops(t, vite, "shared"));
  });

  story(`tabs of a page that ${vite.title} builds share a connection`, async (t) => {
    await visitTwice(t, await viteBuilds(t, vite, "shared"));
  });
}

story("tabs of a page that webpack builds share a connection", async (t) => {
  await visitTwice(t, await webpackBuilds(t, "shared"));
});

story("tabs of a page that esbuild builds share a connection, with a script of their own for the worker", async (t) => {
  const { out, script } = await prepare("esbuild-shared", "shared-by-own");
  const worker = join(folder, "build/worker-slim.js");
  const options = { bundle: true, format: "esm", loader: { ".wasm": "file" }, outdir: out };
  await esbuild({ entryPoints: { page: script, worker }, splitting: true, ...options });
  await visitTwice(t, await published(t, out));
});

story("tabs of a page that Rollup builds share a connection, with a script of their own for the worker", async (t) => {
  const { out, script } = await prepare("rollup-shared", "shared-by-own");
  await rolledUp(out, { page: script, worker: join(folder, "build/worker.js") }, [importMetaAssets()]);
  await visitTwice(t, await published(t, out));
});

story("tabs of a page without a build step share a connection, for which other pages load nothing", async (t) => {
  const isForSharing = (path) => /\/(shared|attachment|proxy|port|lock)\.js$/.test(path);
  const address = await published(t, await plain("plain-shared", "share", "share"));
  assert.equal((await visitTwice(t, address)).filter(isForSharing).length, 5);
  const { page } = await newPage(t);
  const loaded = [];
  page.on("requestfinished", (request) => loaded.push(new URL(request.url()).pathname));
  await page.goto(`${await published(t, await plain("plain-own", "show"))}?url=none:`);
  await page.getByText("ConnectError").waitFor();
  assert.ok(loaded.some((path) => path.endsWith("/client.js")), String(loaded));
  assert.deepEqual(loaded.filter(isForSharing), []);
});

for (const vite of VITES) {
  story(`${vite.title} serves main for development from a cache of its own place`, async (t) => {
    const name = `${vite.title.replaceAll(" ", "-")}-cached`;
    const config = { ...(await vitePage(name, "main")), cacheDir: join(folder, name, "cache") };
    hasOne(await visit(t, `${await develop(t, vite.createServer, config)}/${name}/`));
  });

  story(`tabs of a page that ${vite.title} serves for development from a cache of its own place share a connection`, async (t) => {
    const name = `${vite.title.replaceAll(" ", "-")}-cached-shared`;
    const config = { ...(await vitePage(name, "shared")), cacheDir: join(folder, name, "cache") };
    await visitTwice(t, `${await develop(t, vite.createServer, config)}/${name}/`);
  });
}

story("Firefox opens what Vite builds of main", async (t) => {
  const address = await viteBuilds(t, { title: "Vite in Firefox", build: vite.build }, "main");
  const { text, loaded } = await readInFirefox(t, await asked(t, address));
  assert.equal(text, "joined as Ada");
  hasOne(loaded.map((url) => url.split("/").pop()).filter((name) => name.endsWith(".wasm")));
}, tool("geckodriver").missing);

story("Firefox shares the connection of what Vite builds", async (t) => {
  const address = await viteBuilds(t, { title: "Vite in Firefox", build: vite.build }, "shared");
  const { text, loaded } = await readInFirefox(t, await asked(t, address));
  assert.match(text, /^session [0-9a-f]{32}$/);
  // The worker loads the module.
  assert.deepEqual(loaded.filter((url) => url.endsWith(".wasm")), []);
}, tool("geckodriver").missing);

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

async function rolledUp(out, input, plugins) {
  const bundle = await rollup({ input, plugins: [nodeResolve({ browser: true }), ...plugins] });
  await bundle.write({ dir: out, entryFileNames: "[name].js" });
  await bundle.close();
}

story("Rollup builds inline", async (t) => {
  const { out, script } = await prepare("rollup-inline", "inline");
  await rolledUp(out, { page: script }, []);
  assert.deepEqual(await visit(t, await published(t, out)), []);
});

story("Rollup builds main with a plugin for files", async (t) => {
  const { out, script } = await prepare("rollup-main", "main");
  await rolledUp(out, { page: script }, [importMetaAssets()]);
  hasOne(await visit(t, await published(t, out)));
});

/** Makes a page of the package's files as they are, which does what a script of the application exports; gives its folder. */
async function plain(name, does, script = "page") {
  const { out } = await prepare(name);
  await cp(join(folder, "build"), join(out, "build"), { recursive: true });
  await cp(join(folder, "node_modules/twinwire/dist"), join(out, "twinwire"), { recursive: true });
  const imports = `import { connect } from "./twinwire/browser.js";\nimport { ${does} } from "./build/${script}.js";\n`;
  await writeFile(join(out, "page.js"), `${imports}${does}(connect);\n`);
  return out;
}

story("a page without a build step loads the package's files", async (t) => {
  hasOne(await visit(t, await published(t, await plain("plain", "show"))));
});
