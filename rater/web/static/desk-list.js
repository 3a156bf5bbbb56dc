// Show the times of the lists of studies and of participants in the time zone of the device.

import { showLocalTimes } from "./local-times.js";

showLocalTimes(document);
