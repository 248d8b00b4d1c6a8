// Bun's entry.

import { connectBy } from "./client.js";
import { load } from "./module.js";

export * from "./public.js";

export const connect = /* @__PURE__ */ connectBy((time) =>
  load(() => new URL("./core_bg.wasm", import.meta.url), time),
);
