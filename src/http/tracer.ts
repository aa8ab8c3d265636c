/** The hooks by which telemetry sees requests; nothing here knows OpenTelemetry. */

/** Receives the start of each request. An error that the tracer throws goes to `onError`, not to the client. */
export interface HttpTracer {
  onRequest(request: TracedRequest): RequestTrace | undefined;
}

export interface TracedRequest {
  /** As sent. For attributes with few values, use {@linkcode route} and not its URL. */
  readonly request: Request;
  /** The pattern that matched, such as `/states/:name`; undefined if none did. */
  readonly route: string | undefined;
}

/** Receives the end of one request. */
export interface RequestTrace {
  /** Trace context of the request's span, for `MutationRequest`. Without it, mutations carry the client's. */
  readonly traceContext?: Uint8Array | undefined;
  /** Called once: when the response is complete, or when its stream has ended. */
  end(outcome: RequestOutcome): void;
}

export interface RequestOutcome {
  /** 499 if the client left before the response. */
  readonly status: number;
  /** The error that was thrown, if the status is 500 or above. */
  readonly error?: unknown;
}
