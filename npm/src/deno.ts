// Deno's entry. It reads the module by fetch, which needs the permission to read it.

import { connectBy } from "./client.js";
import { load } from "./module.js";

export * from "./public.js";

export const connect = /* @__PURE__ */ connectBy((time) =>
  load(() => new URL("./core_bg.wasm", import.meta.url), time),
);
