// Node's entry: there fetch takes no files.

import { readFile } from "node:fs/promises";

import { connectBy } from "./client.js";
import { load } from "./module.js";

export * from "./public.js";

export const connect = /* @__PURE__ */ connectBy((time) =>
  load(() => readFile(new URL("./core_bg.wasm", import.meta.url)), time),
);
