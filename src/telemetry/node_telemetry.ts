/** All telemetry of one node, tied to its parts: what `src/tree` wires up. */

import type { Machine } from "../machine/mod.ts";
import type { Downstream, Replica, TimeSource, VersionedClock } from "../replication/mod.ts";
import type { TelemetryBackend } from "./backend.ts";
import type { EventLog } from "./event_log.ts";
import { HandlerTelemetry } from "./handler_telemetry.ts";
import { HttpTelemetry } from "./http_telemetry.ts";
import { MachineTelemetry } from "./machine_telemetry.ts";
import { type Counter, MetricSet } from "./metric_set.ts";
import { measureClock, measureDownstreams, measureUpstream } from "./node_metrics.ts";
import { ReplicationTelemetry } from "./replication_telemetry.ts";
import { METRIC_ERRORS } from "./semconv.ts";
import { Tracing } from "./tracing.ts";

export interface NodeTelemetryOptions {
  /** Without one, metrics are kept for nobody, and nothing is traced. */
  readonly backend: TelemetryBackend | undefined;
  readonly log: EventLog;
  readonly time: TimeSource;
  readonly machineId: string;
  /** The node upstream, host:port; empty on the root. */
  readonly upstream: () => string;
  /** Reads the trace context of a `traceparent` header; undefined for one that is not valid. */
  readonly parseTraceparent: (header: string) => Uint8Array | undefined;
}

/** What takes the trace contexts of changes downstream: a publisher. */
export interface Carrier {
  set traceContexts(contexts: readonly Uint8Array[]);
  readonly downstreams: ReadonlySet<Downstream>;
}

export class NodeTelemetry {
  readonly metrics: MetricSet;
  readonly replication: ReplicationTelemetry;
  readonly http: HttpTelemetry;
  readonly #options: NodeTelemetryOptions;
  readonly #tracing: Tracing | undefined;
  #carrier: Carrier | undefined = undefined;
  #machineErrors: Counter | undefined = undefined;

  constructor(options: NodeTelemetryOptions) {
    this.#options = options;
    const { backend, time } = options;
    const metrics = backend?.metrics ?? new MetricSet();
    const tracing = backend?.tracers && new Tracing(backend.tracers, time);
    this.metrics = metrics;
    this.#tracing = tracing;
    const carry = (contexts: readonly Uint8Array[]) => this.#carry(contexts);
    this.replication = new ReplicationTelemetry({ ...options, metrics, tracing, carry });
    this.http = new HttpTelemetry({ ...options, metrics, tracing });
  }

  /** Hops from the root, once they are known and whenever they change. */
  setLevel(level: number): void {
    this.#options.backend?.setLevel(level);
  }

  /** Follows the machine of the root, whose clock travels as `clock`. To be called once, if at all. */
  followMachine(machine: Machine, clock: VersionedClock): void {
    const { metrics } = this;
    this.#machineErrors = metrics.counter(METRIC_ERRORS);
    new MachineTelemetry({
      ...this.#options,
      metrics,
      tracing: this.#tracing,
      clock,
      carry: (contexts) => this.#carry(contexts),
    }).follow(machine, (listener) => clock.onChange(listener));
  }

  /** Told by the machine, also before {@linkcode followMachine}. */
  countMachineError(): void {
    if (this.#machineErrors !== undefined) this.#machineErrors.value++;
  }

  /** For the handlers of a relay or leaf. To be called once, if at all. */
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

  /** Follows the node's clock, and the publisher that takes trace contexts downstream from now on. To be called once. */
  followClock(clock: VersionedClock, ageMs: () => number, carrier: Carrier): void {
    this.#carrier = carrier;
    this.replication.follow(clock);
    measureClock(this.metrics, clock, ageMs);
    measureDownstreams(this.metrics, carrier);
  }

  #carry(traceContexts: readonly Uint8Array[]): void {
    if (this.#carrier !== undefined) this.#carrier.traceContexts = traceContexts;
  }
}
