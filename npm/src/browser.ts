// The entry of pages, and of whatever else has `fetch` and names no condition of its own.

import { source } from "./address.js";
import { connectBy } from "./client.js";
import { load } from "./module.js";

export * from "./public.js";

export const connect = /* @__PURE__ */ connectBy((time) => load(source, time));
