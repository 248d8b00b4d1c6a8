// As worker.ts, with a module that the bundler has put somewhere.
import { init } from "twinwire/slim";
import "twinwire/worker";

import wasm from "twinwire/core_bg.wasm";

await init(wasm);
