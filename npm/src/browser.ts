// The entry of pages, and of whatever else has `fetch` and names no condition of its own.

import { connectBy } from "./client.js";
import { load } from "./module.js";

export * from "./public.js";

export const connect = /* @__PURE__ */ connectBy((time) => load(address, time));

function address(): string {
  // Vite before 8 leaves the address as it is in development, where it moves the package's scripts to another folder.
  return new URL("./core_bg.wasm", import.meta.url).href.replace("/.vite/deps/", "/twinwire/dist/");
}
