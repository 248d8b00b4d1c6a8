import { connect, init } from "twinwire/slim";

import wasm from "twinwire/core_bg.wasm";
import { show } from "./page.js";

await init(wasm);
show(connect);
