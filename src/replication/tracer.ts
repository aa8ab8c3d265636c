import type { DownstreamTracer } from "./down/tracer.ts";
import type { UpstreamTracer } from "./up/tracer.ts";

/** Hooks into both sides of a node: what telemetry and debuggers implement. */
export interface ReplicationTracer extends UpstreamTracer, DownstreamTracer {}
