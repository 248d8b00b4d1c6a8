// Run in the package's folder: prints what of it weighs what, in KB of 1,000 bytes, and at last the bytes of all that a
// page loads, in brotli, unless it shares its connection.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";

const { buildSync } = createRequire(`${process.cwd()}/`)("esbuild");

/** Bundles entries as pages have them: what is imported only when it is needed has files of its own. */
function bundle(...entryPoints) {
  const options = { bundle: true, minify: true, format: "esm", target: "es2022", write: false };
  const { outputFiles, metafile } = buildSync({
    ...options,
    entryPoints,
    outdir: "bundle",
    splitting: true,
    metafile: true,
    // The rest is dropped as a bundler drops it.
    stdin: { contents: 'export { connect } from "./dist/browser.js";', resolveDir: ".", sourcefile: "page.js" },
  });
  const contents = new Map(outputFiles.map(({ path, contents }) => [basename(path), contents]));
  const load = (name, kinds, loaded = new Map()) => {
    loaded.set(name, contents.get(name));
    for (const { path, kind } of metafile.outputs[`bundle/${name}`].imports) {
      if (kinds.includes(kind) && !loaded.has(basename(path))) load(basename(path), kinds, loaded);
    }
    return loaded;
  };
  return load;
}

const load = bundle();
const page = load("stdin.js", ["import-statement"]);
const whole = load("stdin.js", ["import-statement", "dynamic-import"]);
const worker = buildSync({
  entryPoints: ["dist/worker.js"],
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  write: false,
});

const files = {
  module: [readFileSync("dist/core_bg.wasm")],
  "its script alone": [readFileSync("dist/core.js")],
  "a page's script": [...page.values()],
  "a sharing page's": [...whole].filter(([name]) => !page.has(name)).map(([, contents]) => contents),
  "a shared worker's": worker.outputFiles.map(({ contents }) => contents),
};

const kb = (bytes) => (bytes / 1000).toFixed(1).padStart(6);
const inBrotli = {};
for (const [name, parts] of Object.entries(files)) {
  const sum = (size) => parts.reduce((sum, part) => sum + size(part), 0);
  inBrotli[name] = sum((part) => brotliCompressSync(part).length);
  const gzip = sum((part) => gzipSync(part, { level: 9 }).length);
  console.log(`npm, ${name.padEnd(20)}${kb(sum((part) => part.length))} KB, ${kb(gzip)} in gzip, ${kb(inBrotli[name])} in brotli`);
}
console.log(inBrotli.module + inBrotli["a page's script"]);
