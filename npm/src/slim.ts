// The entry that finds no module by itself: its user says where it is.

import { connectBy } from "./client.js";
import { ConnectError } from "./errors.js";
import { type Source, load } from "./module.js";

export * from "./public.js";
export type { Source };

/**
 * Loads the WebAssembly module, `twinwire/core_bg.wasm`, from where the application has it. Only the first call counts,
 * unless it failed, with a {@link ConnectError}.
 */
export function init(source: Source | Promise<Source>): Promise<void> {
  return load(() => source);
}

export const connect = /* @__PURE__ */ connectBy((time) => load(missing, time));

function missing(): never {
  throw new ConnectError("module", "Twinwire has no core_bg.wasm: give its URL or bytes to `init` of twinwire/slim first");
}
