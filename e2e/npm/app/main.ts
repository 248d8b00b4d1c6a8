import { connect } from "twinwire";

import { show } from "./page.js";

show(connect);
