// RUNTIME runtime.js URL NAME [WS]: prints which file is the entry, and the outcome of a round trip. WS is the address
// of a package with a `WebSocket`, where the runtime has none.
import { connect } from "twinwire";

import { talk } from "./talk.js";

declare const process: { argv: string[] };

const [url = "", name = "", ws] = process.argv.slice(2);
console.log(import.meta.resolve("twinwire").split("/").pop());
const options = ws === undefined ? {} : { webSocket: (await import(ws)).WebSocket };
console.log(`joined as ${await talk(connect, url, name, options)}`);
