import { connect } from "twinwire/inline";

import { show } from "./page.js";

show(connect);
