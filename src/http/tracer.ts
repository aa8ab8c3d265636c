/** The hook by which telemetry sees requests; nothing here knows OpenTelemetry. */

/** Is told of each request. What it throws is the observer's own error: it goes to `onError`, not to the client. */
export interface HttpTracer {
  onRequest(request: TracedRequest): RequestTrace | undefined;
}

export interface TracedRequest {
  /** As sent; use {@linkcode route}, not the URL, where values must be few. */
  readonly request: Request;
  /** The pattern that matched, such as `/states/:name`; undefined if none did. */
  readonly route: string | undefined;
}

/** One request under way, for the observer. */
export interface RequestTrace {
  /** Trace context of the request's span, as in `MutationRequest`; mutations carry it to the root. Without it the client's own goes on. */
  readonly traceContext?: Uint8Array | undefined;
  /** Called once: when the answer is made, or when its stream has ended. */
  end(outcome: RequestOutcome): void;
}

export interface RequestOutcome {
  /** 499 if the client went away before the answer. */
  readonly status: number;
  /** What was thrown, if the status is 500 or above. */
  readonly error?: unknown;
}
