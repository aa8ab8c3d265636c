/** The telemetry of one node, connected to its parts by `src/tree`. */

import type { Publisher, Replica, VersionedClock } from "../replication/mod.ts";
import type { TelemetryBackend } from "./backend.ts";
import type { EventLog } from "./event_log.ts";
import { HandlerTelemetry } from "./handler_telemetry.ts";
import { HttpTelemetry } from "./http_telemetry.ts";
import { MachineTelemetry } from "./machine_telemetry.ts";
import { MetricSet } from "./metric_set.ts";
import { measureClock, measureDownstreams, measureUpstream } from "./node_metrics.ts";
import { ReplicationTelemetry } from "./replication_telemetry.ts";
import type { TelemetryServices } from "./services.ts";
import { Tracing } from "./tracing.ts";

export interface NodeTelemetryOptions
  extends Omit<TelemetryServices, "metrics" | "tracing" | "machineId"> {
  /** A function where the id comes from upstream. Read for each span. */
  readonly machineId: string | (() => string);
  /** Undefined: the node counts its metrics but exports none, and traces nothing. */
  readonly backend: TelemetryBackend | undefined;
}

export class NodeTelemetry {
  readonly metrics: MetricSet;
  readonly replication: ReplicationTelemetry;
  readonly http: HttpTelemetry;
  readonly #backend: TelemetryBackend | undefined;
  readonly #services: TelemetryServices;

  constructor({ backend, machineId, ...options }: NodeTelemetryOptions) {
    this.#backend = backend;
    this.metrics = backend?.metrics ?? new MetricSet();
    const tracing = backend?.tracers && new Tracing(backend.tracers, options.time);
    this.#services = {
      ...options,
      metrics: this.metrics,
      tracing,
      get machineId() {
        return typeof machineId === "string" ? machineId : machineId();
      },
    };
    this.replication = new ReplicationTelemetry(this.#services);
    this.http = new HttpTelemetry(this.#services);
  }

  /** Sets the number of hops from the root. Call it when level and machine id are known, and after each change. */
  setLevel(level: number): void {
    this.#setMachineId();
    this.#backend?.setLevel(level);
  }

  /** For the root's machine and source, with the log for its transitions. Call it at most once. */
  createMachineTelemetry(log: EventLog = this.#services.log): MachineTelemetry {
    const { metrics, tracing, time } = this.#services;
    return new MachineTelemetry({ metrics, tracing, time, log });
  }

  /** For the local handlers of a relay or leaf. Call it at most once. */
  createHandlerTelemetry(): HandlerTelemetry {
    return new HandlerTelemetry(this.#services);
  }

  followUpstream(replica: Replica): void {
    measureUpstream(this.metrics, replica);
  }

  /** Follows the node's clock and its downstreams. Call it once. */
  followClock(
    clock: VersionedClock,
    ageMs: () => number,
    publisher: Pick<Publisher, "downstreams">,
  ): void {
    // Another machine is another epoch, also where the link to the node upstream stays.
    this.replication.follow(clock, () => this.#setMachineId());
    measureClock(this.metrics, clock, ageMs);
    measureDownstreams(this.metrics, publisher);
  }

  #setMachineId(): void {
    this.#backend?.setMachineId(this.#services.machineId);
  }
}
