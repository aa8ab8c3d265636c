/** What the parts of one node's telemetry share. */

import type { TimeSource } from "../replication/mod.ts";
import type { EventLog } from "./event_log.ts";
import type { MetricSet } from "./metric_set.ts";
import type { Tracing } from "./tracing.ts";

export interface TelemetryServices {
  readonly metrics: MetricSet;
  /** Undefined: this node makes no spans and passes trace contexts through unchanged. */
  readonly tracing: Tracing | undefined;
  readonly log: EventLog;
  readonly time: TimeSource;
  /** Empty on a relay or leaf before its first clock. */
  readonly machineId: string;
}
