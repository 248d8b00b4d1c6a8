// The entry that holds the module in its script, in Base64: for bundlers that carry no other files along.

import { connectBy } from "./client.js";
import { base64 } from "./core_base64.js";
import { load } from "./module.js";

export * from "./public.js";

export const connect = /* @__PURE__ */ connectBy((time) => load(bytes, time));

function bytes(): BufferSource {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
