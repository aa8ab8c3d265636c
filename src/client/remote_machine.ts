/**
 * A machine that runs at the root of a tree, as one object here: reads, waits and final handlers on a copy of
 * its clock, and mutations that the root runs.
 */

import type {
  AddParams,
  ArgsFor,
  CallArgs,
  CallResult,
  Names,
  ServedCalls,
  WaitOptions,
} from "../machine/mod.ts";
import { ReplicaMachine, type ReplicaMachineOptions } from "../replica_machine/mod.ts";
import {
  CAN_ADD_CALL,
  CAN_REMOVE_CALL,
  type CallRequest,
  encodeArgs,
  isTraceContext,
  type LinkStatus,
  type MutationRequest,
  type MutationResponse,
  type Replica,
  ReplicationError,
  sleep,
  type TimeSource,
  withDeadline,
} from "../replication/mod.ts";

export interface RemoteMutationOptions {
  /** Longest time in milliseconds until the mutation has run and its version is here. Default 10,000. */
  readonly timeoutMs?: number;
  /** Gives up waiting; the root may run the mutation nevertheless. */
  readonly signal?: AbortSignal;
  /** The root runs a key once. Default: a new random key, with which lost responses are requested again. */
  readonly idempotencyKey?: string;
  /** W3C trace context: 16 bytes trace id, 8 bytes span id, 1 byte flags. */
  readonly traceContext?: Uint8Array;
  /** The cause, as pipes and handlers pass it on: its trace context is used, if it is one. */
  readonly context?: unknown;
}

/** As {@linkcode RemoteMutationOptions}; a call has no idempotency key. */
export type RemoteCallOptions = Omit<RemoteMutationOptions, "idempotencyKey">;

/** Calls whose names and args are not known at compile time. */
export type AnyCalls = Readonly<
  Record<string, (args: Readonly<Record<string, unknown>> | undefined) => unknown>
>;

/** What the root says of a mutation that was only checked. */
export type CheckResult = Pick<MutationResponse, "result" | "rejected">;

/** What {@linkcode RemoteMachine} is made with, besides what a machine on a replica takes. */
export interface RemoteMachineOptions<N extends string = string> extends ReplicaMachineOptions<N> {
  readonly time: TimeSource;
  /** Default deadline of mutations, in milliseconds. */
  readonly mutationTimeoutMs: number;
  /** Runs after the replica has closed: ends the transport. */
  readonly onClose?: () => Promise<void>;
}

/** Wait before a mutation without a response is sent again, in milliseconds. */
const RETRY_PAUSE_MS = 100;

export class RemoteMachine<N extends string = string, A = unknown, C extends ServedCalls = AnyCalls>
  extends ReplicaMachine<N>
  implements AsyncDisposable
{
  readonly #replica: Replica;
  readonly #options: RemoteMachineOptions<N>;

  constructor(replica: Replica, options: RemoteMachineOptions<N>) {
    super(replica.clock, options);
    this.#replica = replica;
    this.#options = options;
  }

  /** The same machine with typed args: `(await connect(…)).withArgs<{ Delayed: { minutes: number } }>()`. */
  withArgs<T extends { [K in N]?: object }>(): RemoteMachine<N, T, C> {
    return this as unknown as RemoteMachine<N, T, C>;
  }

  /** The same machine with typed calls: `(await connect(…)).withCalls<typeof calls>()`, where `calls` is what the root serves. */
  withCalls<T extends ServedCalls>(): RemoteMachine<N, A, T> {
    return this as unknown as RemoteMachine<N, A, T>;
  }

  // The copy, and the link that feeds it.

  /** `<epoch>-<seq>` of this copy; `-0` before the first clock. */
  get version(): string {
    return `${this.epoch}-${this.seq}`;
  }

  /** Id of the machine at the root; empty before the first clock. */
  get machineId(): string {
    return this.#replica.machineId;
  }

  /** host:port of the node that this copy follows, or tries next. */
  get address(): string {
    return this.#replica.address;
  }

  get status(): LinkStatus {
    return this.#replica.status;
  }

  /** Milliseconds since this copy was last proven to be the root's clock; Infinity before the first clock. */
  ageMs(): number {
    return this.#replica.ageMs();
  }

  /**
   * Resolves when this copy is at `version` or later in its epoch. A version of another epoch is waited for
   * as well: the root may have started again.
   */
  whenVersion(version: string, options: WaitOptions = {}): Promise<void> {
    const [, epoch = "", seq = ""] = /^([0-9a-f]{16})-(\d{1,16})$/.exec(version) ?? [];
    if (epoch === "") {
      throw new TypeError(
        `Cannot wait for version "${version}": it is not an epoch of 16 hex digits, a dash and a seq`,
      );
    }
    const hasReached = () => this.epoch === epoch && this.seq >= Number(seq);
    return this.#whenClock(hasReached, options.signal);
  }

  // Mutations. The root runs them; they resolve when this copy shows their version.

  /** Has the root activate states, along with the states they imply. See {@linkcode RemoteMutationOptions}. */
  add<S extends N>(
    states: Names<S>,
    ...[args, options]: AddParams<A, S, RemoteMutationOptions>
  ): Promise<MutationResponse> {
    return this.#mutate("add", states, args, options);
  }

  /** Has the root deactivate states, and the states that require them. */
  remove<S extends N>(
    states: Names<S>,
    args?: ArgsFor<A, S>,
    options?: RemoteMutationOptions,
  ): Promise<MutationResponse> {
    return this.#mutate("remove", states, args, options);
  }

  /** Has the root activate these states and deactivate all others. */
  set<S extends N>(
    states: Names<S>,
    ...[args, options]: AddParams<A, S, RemoteMutationOptions>
  ): Promise<MutationResponse> {
    return this.#mutate("set", states, args, options);
  }

  /** Has the root remove the states if all of them are active there, otherwise add them. */
  toggle<S extends N>(
    states: Names<S>,
    args?: ArgsFor<A, S>,
    options?: RemoteMutationOptions,
  ): Promise<MutationResponse> {
    return this.#mutate("toggle", states, args, options);
  }

  /** Adds `Exception`, and `state` if the error has its own state, with `{ error: { name, message } }` among the args. */
  addErr(
    error: unknown,
    state: N = "Exception" as N,
    args: Readonly<Record<string, unknown>> = {},
    options?: RemoteMutationOptions,
  ): Promise<MutationResponse> {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    const states = [...new Set([state, "Exception" as N])];
    return this.#mutate("add", states, { ...args, error: { name, message } }, options);
  }

  /** Whether the root would execute an add of these states, according to its relations and negotiation handlers; changes nothing. */
  canAdd<S extends N>(
    states: Names<S>,
    args?: ArgsFor<A, S>,
    options?: RemoteCallOptions,
  ): Promise<CheckResult> {
    return this.#check(CAN_ADD_CALL, states, args, options);
  }

  /** Whether the root would execute a remove of these states; otherwise as {@linkcode canAdd}. */
  canRemove<S extends N>(
    states: Names<S>,
    args?: ArgsFor<A, S>,
    options?: RemoteCallOptions,
  ): Promise<CheckResult> {
    return this.#check(CAN_REMOVE_CALL, states, args, options);
  }

  // Calls.

  /**
   * Runs a function that the machine at the root serves, at most once. Rejects with `ReplicationError`:
   * `not_found` for an unknown name, the code of the function's `CallError`, `internal` for its other errors.
   */
  async call<K extends keyof C & string>(
    name: K,
    args?: CallArgs<C[K]>,
    options: RemoteCallOptions = {},
  ): Promise<CallResult<C[K]>> {
    if (args !== undefined && !isRecord(args))
      throw new TypeError(`Cannot call "${name}": args are not an object, but ${typeof args}`);
    const { time, mutationTimeoutMs } = this.#options;
    const { timeoutMs = mutationTimeoutMs, signal, traceContext } = options;
    const request: CallRequest = {
      name,
      ...(args !== undefined && { argsJson: encodeArgs(args as Record<string, unknown>) }),
      ...(traceContext !== undefined && { traceContext }),
    };
    const toError = () =>
      new ReplicationError(
        "deadline_exceeded",
        `Cannot return the result of "${name}" within ${timeoutMs} ms: it may run nevertheless`,
      );
    const { resultJson } = await withDeadline(
      (deadline) => this.#replica.call(request, { signal: deadline, timeoutMs }),
      { time, timeoutMs, toError, signal },
    );
    return (resultJson === undefined ? undefined : JSON.parse(resultJson)) as CallResult<C[K]>;
  }

  /** Stops following, ends handlers and waits, and closes the connection. */
  override async close(): Promise<void> {
    await super.close();
    await this.#replica.close();
    await this.#options.onClose?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #mutate(
    type: MutationRequest["type"],
    states: Names<N>,
    args: unknown,
    options: RemoteMutationOptions = {},
  ): Promise<MutationResponse> {
    const request = this.#toRequest(type, states, args, options);
    const { time, mutationTimeoutMs } = this.#options;
    const { timeoutMs = mutationTimeoutMs, signal } = options;
    let response: MutationResponse | undefined;
    const toError = () =>
      new ReplicationError(
        "deadline_exceeded",
        response === undefined
          ? `Cannot confirm the mutation within ${timeoutMs} ms: the root may run it nevertheless`
          : `The mutation was ${response.result} at version ${response.version}, which this copy did not reach within ${timeoutMs} ms: it is at ${this.version}`,
      );
    return await withDeadline(
      async (deadline) => {
        response = await this.#send(request, timeoutMs, deadline);
        await this.whenVersion(response.version, { signal: deadline });
        return response;
      },
      { time, timeoutMs, toError, signal },
    );
  }

  async #check(
    name: string,
    states: Names<N>,
    args: unknown,
    options: RemoteCallOptions | undefined,
  ): Promise<CheckResult> {
    const list = typeof states === "string" ? [states] : states;
    return (await this.call(
      name as keyof C & string,
      { states: list, args } as never,
      options,
    )) as CheckResult;
  }

  #toRequest(
    type: MutationRequest["type"],
    states: Names<N>,
    args: unknown,
    options: RemoteMutationOptions,
  ): MutationRequest {
    const { idempotencyKey = crypto.randomUUID(), context } = options;
    const { traceContext = isTraceContext(context) ? context : undefined } = options;
    const list = typeof states === "string" ? [states] : Array.isArray(states) ? states : undefined;
    if (list === undefined || list.some((state) => typeof state !== "string")) {
      throw new TypeError(
        `Cannot ${type} states: they are not a name or a list of names, but ${typeof states}`,
      );
    }
    if (args !== undefined && !isRecord(args))
      throw new TypeError(`Cannot ${type} states: args are not an object, but ${typeof args}`);
    return {
      type,
      states: list,
      ...(args !== undefined && { argsJson: encodeArgs(args as Record<string, unknown>) }),
      idempotencyKey,
      ...(traceContext !== undefined && { traceContext }),
    };
  }

  /** Sends the mutation again while the root cannot be reached: its key makes repeats safe. */
  async #send(
    request: MutationRequest,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<MutationResponse> {
    const { time } = this.#options;
    const startedAtMs = time.monotonic();
    for (;;) {
      try {
        const leftMs = timeoutMs - (time.monotonic() - startedAtMs);
        return await this.#replica.mutate(request, { signal, timeoutMs: leftMs });
      } catch (thrown) {
        const error = ReplicationError.from(thrown);
        if (error.code !== "unavailable" || signal.aborted || this.signal.aborted) throw error;
        await sleep(time, RETRY_PAUSE_MS, signal);
        signal.throwIfAborted();
      }
    }
  }

  #whenClock(isReached: () => boolean, signal: AbortSignal | undefined): Promise<void> {
    if (isReached()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => {
        unlisten();
        signal?.removeEventListener("abort", onAbort);
        this.signal.removeEventListener("abort", onClosed);
        settle();
      };
      const onAbort = () => end(() => reject(signal!.reason));
      const onClosed = () =>
        end(() => reject(new ReplicationError("canceled", "The remote machine was closed")));
      const unlisten = this.#replica.clock.onChange(() => {
        if (isReached()) end(resolve);
      });
      signal?.addEventListener("abort", onAbort, { once: true });
      this.signal.addEventListener("abort", onClosed, { once: true });
      if (signal?.aborted) onAbort();
    });
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
