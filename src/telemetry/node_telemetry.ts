/** All telemetry of one node, tied to its parts: what `src/tree` wires up. */

import type { Downstream, Replica, TimeSource, VersionedClock } from "../replication/mod.ts";
import type { TelemetryBackend } from "./backend.ts";
import type { EventLog } from "./event_log.ts";
import { HandlerTelemetry } from "./handler_telemetry.ts";
import { HttpTelemetry } from "./http_telemetry.ts";
import { MachineTelemetry } from "./machine_telemetry.ts";
import { MetricSet } from "./metric_set.ts";
import { measureClock, measureDownstreams, measureUpstream } from "./node_metrics.ts";
import { ReplicationTelemetry } from "./replication_telemetry.ts";
import { Tracing } from "./tracing.ts";

export interface NodeTelemetryOptions {
  /** Without one, metrics are kept but not exported, and nothing is traced. */
  readonly backend: TelemetryBackend | undefined;
  readonly log: EventLog;
  readonly time: TimeSource;
  readonly machineId: string;
}

export class NodeTelemetry {
  readonly metrics: MetricSet;
  readonly replication: ReplicationTelemetry;
  readonly http: HttpTelemetry;
  readonly #options: NodeTelemetryOptions;
  readonly #tracing: Tracing | undefined;

  constructor(options: NodeTelemetryOptions) {
    this.#options = options;
    const { backend, time } = options;
    const metrics = backend?.metrics ?? new MetricSet();
    const tracing = backend?.tracers && new Tracing(backend.tracers, time);
    this.metrics = metrics;
    this.#tracing = tracing;
    this.replication = new ReplicationTelemetry({ ...options, metrics, tracing });
    this.http = new HttpTelemetry({ ...options, metrics, tracing });
  }

  /** Sets the hops from the root, once they are known and whenever they change. */
  setLevel(level: number): void {
    this.#options.backend?.setLevel(level);
  }

  /** For the machine of the root, and its source. Call it once, if at all. */
  createMachineTelemetry(): MachineTelemetry {
    return new MachineTelemetry({
      ...this.#options,
      metrics: this.metrics,
      tracing: this.#tracing,
    });
  }

  /** For the handlers of a relay or leaf. Call it once, if at all. */
  createHandlerTelemetry(): HandlerTelemetry {
    return new HandlerTelemetry({
      ...this.#options,
      metrics: this.metrics,
      tracing: this.#tracing,
    });
  }

  followUpstream(replica: Replica): void {
    measureUpstream(this.metrics, replica);
  }

  /** Follows the node's clock, and those that receive it from this node. Call it once. */
  followClock(
    clock: VersionedClock,
    ageMs: () => number,
    publisher: { readonly downstreams: ReadonlySet<Downstream> },
  ): void {
    this.replication.follow(clock);
    measureClock(this.metrics, clock, ageMs);
    measureDownstreams(this.metrics, publisher);
  }
}
