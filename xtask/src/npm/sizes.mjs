// Run in the package's folder: prints what of it weighs what, in KB of 1,000 bytes, and at last the bytes of all that a
// page loads, in brotli.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { brotliCompressSync, gzipSync } from "node:zlib";

const { buildSync } = createRequire(`${process.cwd()}/`)("esbuild");

const page = buildSync({
  stdin: { contents: 'export { connect } from "./dist/browser.js";', resolveDir: "." },
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  write: false,
});

const files = {
  module: readFileSync("dist/core_bg.wasm"),
  "its script alone": readFileSync("dist/core.js"),
  "a page's script": page.outputFiles[0].contents,
};

const kb = (bytes) => (bytes.length / 1000).toFixed(1).padStart(6);
const inBrotli = {};
for (const [name, bytes] of Object.entries(files)) {
  const brotli = brotliCompressSync(bytes);
  inBrotli[name] = brotli.length;
  console.log(`npm, ${name.padEnd(20)}${kb(bytes)} KB, ${kb(gzipSync(bytes, { level: 9 }))} in gzip, ${kb(brotli)} in brotli`);
}
console.log(inBrotli.module + inBrotli["a page's script"]);
