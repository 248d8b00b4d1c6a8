import { connect } from "twinwire";

import { share } from "./share.js";

share(connect);
