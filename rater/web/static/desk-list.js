// Show the times of the list of studies in the time zone of the device.

import { showLocalTimes } from "./local-times.js";

showLocalTimes(document);
