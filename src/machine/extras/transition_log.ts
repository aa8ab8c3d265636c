/**
 * A log of a machine's transitions for people: one line for each thing that happens, at one of four
 * levels of detail. Names come from the machine's user: no name can end a line or control a terminal.
 */

import type { Machine, Tracer, Transition } from "../machine.ts";
import type { Mutation } from "../mutation.ts";
import { EXCEPTION } from "../schema.ts";

/** The levels, each with the lines of those before it. */
export const TRANSITION_LOG_LEVELS = ["changes", "operations", "decisions", "everything"] as const;

/**
 * `changes`: states that moved, errors, a new schema, disposal. `operations`: mutations, handlers with their
 * durations, cancellations and their reasons, queued mutations. `decisions`: why states moved that were not
 * called, and what changed nothing. `everything`: the start and end of each transition and handler call.
 */
export type TransitionLogLevel = (typeof TRANSITION_LOG_LEVELS)[number];

export interface TransitionLogOptions {
  /** Default `changes`. */
  readonly level?: TransitionLogLevel;
  /** Receives each line, without a line end, and the lowest level at which it is written. Default: `console.log`. */
  readonly write?: (line: string, level: TransitionLogLevel) => void;
  /** Monotonic milliseconds, for durations. Default: `performance.now`. */
  readonly now?: () => number;
}

/** Most states that one line lists. */
const MAX_LISTED = 100;
/** Most characters of a name or message in a line. */
const MAX_TEXT = 1_000;

/**
 * Writes a line for each thing that happens in a machine from now on, such as `[add] Open`, then
 * `[state] +Open -Closed`. Lines do not name the machine. Returns a function that ends the log.
 * A refused mutation (full queue, disposed machine) never becomes a transition: only its result says so.
 * Throws `TypeError` if `write` or `now` is not a function, and `RangeError` for an unknown level.
 */
export function logTransitions<N extends string, A>(
  machine: Machine<N, A>,
  options: TransitionLogOptions = {},
): () => void {
  return machine.trace(createTransitionLog(options));
}

/** The tracer of {@linkcode logTransitions}, for `machine.trace()`. It serves one machine. */
export function createTransitionLog(options: TransitionLogOptions = {}): Tracer {
  const { level = "changes", write = defaultWrite, now = () => performance.now() } = options;
  if (!TRANSITION_LOG_LEVELS.includes(level)) {
    throw new RangeError(
      `Cannot log transitions: level is ${JSON.stringify(level)}, not one of ${TRANSITION_LOG_LEVELS.join(", ")}`,
    );
  }
  for (const [name, value] of Object.entries({ write, now })) {
    if (typeof value !== "function")
      throw new TypeError(`Cannot log transitions: ${name} is ${typeof value}, not a function`);
  }
  return createTracer({ write, now }, TRANSITION_LOG_LEVELS.indexOf(level));
}

function defaultWrite(line: string): void {
  console.log(line);
}

type Output = Required<Pick<TransitionLogOptions, "write" | "now">>;

/** The hooks that a level needs, so that the others cost nothing. */
function createTracer({ write, now }: Output, rank: number): Tracer {
  let startedAtMs = 0;
  let handlerStartedAtMs = 0;
  /** Whether the handler is passed over, because an earlier one ended the handling. */
  let isSkipped = false;
  /** The states of an auto mutation before relations and handlers dropped some. */
  let candidates: readonly string[] = [];

  const tracer: Tracer = {
    transitionStart(transition) {
      const { mutation } = transition;
      if (rank >= 3) {
        startedAtMs = now();
        write(`[start] ${escapeText(transition.id)}${describeQueue(transition)}`, "everything");
      }
      if (rank >= 1) write(describeMutation(mutation), "operations");
      if (rank >= 2) candidates = mutation.isAuto ? mutation.states : [];
      const error = errorOf(mutation);
      if (error !== undefined) write(`[error] ${describeError(error)}`, "changes");
    },
    transitionFinals(transition) {
      const { enters, exits } = transition;
      const moved = listMoved(enters, exits);
      if (moved !== "") write(`[state] ${moved}`, "changes");
      if (rank < 2) return;
      if (moved === "") write("[same] no state moved", "decisions");
      for (const reason of explainMoves(transition, candidates))
        write(`[because] ${reason}`, "decisions");
    },
    transitionEnd(transition) {
      const rolledBack = transition.isCanceled ? listRolledBack(transition) : "";
      if (rolledBack !== "") write(`[rollback] ${rolledBack}`, "changes");
      if (rank >= 1 && transition.rejected !== undefined) {
        const { state, by } = transition.rejected;
        const what =
          state === undefined ? listNames(transition.mutation.states) : formatName(state);
        write(`[cancel] ${what} by ${escapeText(by)}`, "operations");
      }
      if (rank < 3) return;
      const { id, timeSumBefore, timeSumAfter, isCanceled } = transition;
      const result = isCanceled ? "canceled" : "executed";
      const took = formatMs(now() - startedAtMs);
      const time = `time ${timeSumBefore} to ${timeSumAfter}`;
      write(`[end] ${escapeText(id)} ${result}, ${time}, ${took}`, "everything");
    },
    schemaChanged(machine) {
      write(`[schema] ${machine.names.length} states`, "changes");
    },
    machineDisposed() {
      write("[dispose]", "changes");
    },
  };
  if (rank < 1) return tracer;

  tracer.mutationQueued = (machine, mutation) => {
    // Auto mutations always follow; a mutation that runs at once is not in the queue.
    if (mutation.isAuto && rank < 3) return;
    const { queue } = machine;
    if (queue[0] !== mutation && queue.at(-1) !== mutation) return;
    const place = mutation.queueTick > 0 ? `, queue tick ${mutation.queueTick}` : ", next";
    const line = describeMutation(mutation).replace("[", "[queue:");
    write(`${line}${place}`, mutation.isAuto ? "everything" : "operations");
  };
  tracer.handlerStart = ({ isValid }, bindingId, handler) => {
    isSkipped = !isValid;
    if (isSkipped) return;
    if (rank >= 3) write(`[call] ${formatName(handler)} of ${formatName(bindingId)}`, "everything");
    handlerStartedAtMs = now();
  };
  tracer.handlerEnd = (_transition, _bindingId, handler) => {
    if (isSkipped) return;
    const took = formatMs(now() - handlerStartedAtMs);
    write(`[handler] ${formatName(handler)} ${took}`, "operations");
  };
  tracer.submachineCreated = (_parent, child) => {
    write(`[submachine] ${formatName(child.id)}`, "operations");
  };
  if (rank >= 3) tracer.queueEnd = () => write("[queue] empty", "everything");
  return tracer;
}

/** `[add] Open`, `[check:add] Open`, `[auto] Closed`. */
function describeMutation({ isAuto, isCheck, type, states }: Mutation): string {
  const kind = isAuto ? "auto" : isCheck ? `check:${type}` : type;
  return `[${kind}] ${listNames(states)}`.trimEnd();
}

function describeQueue({ mutation, queueLength }: Transition): string {
  const tick = mutation.queueTick > 0 ? `, queue tick ${mutation.queueTick}` : "";
  return queueLength > 0 ? `${tick}, ${queueLength} behind it` : tick;
}

/** The error that a mutation adds; undefined for other mutations. */
function errorOf({ type, states, args }: Mutation): unknown {
  return type === "add" && states.includes(EXCEPTION) ? args?.error : undefined;
}

function describeError(error: unknown): string {
  return escapeText(error instanceof Error ? error.message : String(error));
}

/** `+Open -Closed`. */
function listMoved(enters: readonly string[], exits: readonly string[]): string {
  const signed = [
    ...enters.map((name) => `+${formatName(name)}`),
    ...exits.map((name) => `-${formatName(name)}`),
  ];
  return limited(signed);
}

/** The states that an error took back: their ticks moved again after the transition's own move. */
function listRolledBack({ machine, timeAfter, phase }: Transition): string {
  if (phase !== "final") return "";
  const time = machine.time();
  const moved = machine.names.filter((_, index) => time[index] !== timeAfter[index]);
  return listMoved(
    moved.filter((name) => machine.is(name)),
    moved.filter((name) => !machine.is(name)),
  );
}

/** Why states moved that the mutation did not call, and why auto states did not move, by the relations of the schema. */
function* explainMoves(
  { machine, mutation, enters, exits, targetStates }: Transition,
  candidates: readonly string[],
): Iterable<string> {
  const { schema } = machine;
  const target = new Set(targetStates);
  const called = new Set(mutation.states);
  const findTarget = (relation: "add" | "remove", name: string) =>
    targetStates.find((state) => schema[state]?.[relation]?.includes(name));
  const findLoss = (name: string): string | undefined => {
    const remover = findTarget("remove", name);
    if (remover !== undefined) return `relation Remove of ${formatName(remover)}`;
    const missing = schema[name]?.require?.find((state) => !target.has(state));
    return missing && `relation Require of ${formatName(name)}, ${formatName(missing)} is missing`;
  };
  for (const name of enters) {
    if (called.has(name)) continue;
    const source = findTarget("add", name);
    if (source !== undefined) yield `+${formatName(name)} by relation Add of ${formatName(source)}`;
  }
  for (const name of exits) {
    if (mutation.type === "remove" && called.has(name)) continue;
    const why = findLoss(name) ?? (mutation.type === "set" ? "set of other states" : undefined);
    if (why !== undefined) yield `-${formatName(name)} by ${why}`;
  }
  for (const name of candidates) {
    if (!target.has(name)) yield `no ${formatName(name)} by ${findLoss(name) ?? "a handler"}`;
  }
}

function formatMs(ms: number): string {
  return `${ms.toFixed(ms < 10 ? 2 : 0)} ms`;
}

function listNames(names: readonly string[]): string {
  return limited(names.map(formatName));
}

function limited(items: readonly string[]): string {
  const rest = items.length - MAX_LISTED;
  if (rest <= 0) return items.join(" ");
  return `${items.slice(0, MAX_LISTED).join(" ")} and ${rest} more`;
}

/** A name as it is if it is one visible word, otherwise in quotes. */
function formatName(name: string): string {
  return /^[^\s"\\\p{C}]+$/u.test(name) && name.length <= MAX_TEXT
    ? name
    : escapeText(JSON.stringify(name));
}

/** Replaces what ends a line, controls a terminal or turns the direction of text by `\u…`. */
function escapeText(text: string): string {
  const short = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
  return short.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, (sign) =>
    Array.from(
      { length: sign.length },
      (_, i) => `\\u${sign.charCodeAt(i).toString(16).padStart(4, "0")}`,
    ).join(""),
  );
}
