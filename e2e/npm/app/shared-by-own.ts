import { connect } from "twinwire";

import { share } from "./share.js";

share(connect, { worker: (name) => new SharedWorker("./worker.js", { type: "module", name }) });
