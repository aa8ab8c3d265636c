/**
 * A slow, obvious machine for tests: queue, relations, negotiation, final handlers, errors and auto
 * states as rules on plain lists of names, written independently of the machine.
 */

import type { Schema, StateDefinition } from "./schema.ts";

export type ReferenceType = "add" | "remove" | "set";
type Relation = "require" | "add" | "remove" | "after";

interface ReferenceMutation {
  readonly type: ReferenceType;
  called: string[];
  readonly args: boolean;
  readonly isAuto: boolean;
  readonly isCheck: boolean;
  readonly appended: boolean;
  /** Whether it adds the error of an auto transition's handler. */
  readonly isFromAuto: boolean;
}

interface ReferenceTransition {
  readonly mutation: ReferenceMutation;
  readonly before: readonly string[];
  target: string[];
  enters: string[];
  exits: string[];
  isFinal: boolean;
  isAccepted: boolean;
  isCanceled: boolean;
  isHandlingOver: boolean;
}

/** Returns false to veto, throws to fail. */
export type ReferenceHandler = (name: string) => boolean;

export const UNENDING = "the reference does not end";

const unique = (list: readonly string[]) => [...new Set(list)];
const minus = (list: readonly string[], other: readonly string[]) =>
  list.filter((name) => !other.includes(name));

export class ReferenceMachine {
  readonly names: readonly string[];
  readonly #schema: Schema;
  readonly #places: Map<string, number>;
  readonly #bindings: { readonly names: ReadonlySet<string>; readonly run: ReferenceHandler }[] =
    [];
  readonly ticks: Record<string, number> = {};
  active: string[] = [];
  queueTick = 1;
  /** Auto mutations as they are queued; handlers may write to it as well. */
  readonly log: string[] = [];
  #queue: ReferenceMutation[] = [];
  #isRunning = false;
  #transitions = 0;
  #autoErrors = 0;

  /** `schema` is already parsed; `names` gives the index order. */
  constructor(schema: Schema, names: readonly string[]) {
    this.#schema = schema;
    this.names = names;
    for (const name of names) this.ticks[name] = 0;
    this.#places = this.#sortTopology() ?? new Map();
  }

  bind(names: Iterable<string>, run: ReferenceHandler): void {
    this.#bindings.push({ names: new Set(names), run });
  }

  get time(): number[] {
    return this.names.map((name) => this.ticks[name]!);
  }

  mutate(type: ReferenceType, states: readonly string[], args = false): string {
    const called = unique(states);
    const isActive = (name: string) => this.active.includes(name);
    if (type === "remove" && this.#isRunning && this.#queue.length === 0 && !called.some(isActive))
      return "executed";
    const isSame = (other: ReferenceMutation) =>
      other.type === type &&
      !other.args &&
      !other.isCheck &&
      other.called.length === called.length &&
      minus(called, other.called).length === 0;
    if (!args && !called.some((name) => this.#of(name).multi) && this.#queue.some(isSame))
      return "executed";
    this.#queue.push({
      type,
      called,
      args,
      isAuto: false,
      isCheck: false,
      isFromAuto: false,
      appended: true,
    });
    return this.#process();
  }

  toggle(states: readonly string[], args = false): string {
    const isAll = states.every((name) => this.active.includes(name));
    return this.mutate(isAll ? "remove" : "add", states, args);
  }

  addErr(state?: string): string {
    return this.mutate("add", state === undefined ? ["Exception"] : [state, "Exception"], true);
  }

  check(type: ReferenceType, states: readonly string[], args = false): string {
    return this.#prepend(type, unique(states), { args, isCheck: true });
  }

  #prepend(
    type: ReferenceType,
    called: string[],
    { args = false, isAuto = false, isCheck = false, isFromAuto = false },
  ): string {
    this.#queue.unshift({ type, called, args, isAuto, isCheck, isFromAuto, appended: false });
    return this.#process();
  }

  #process(): string {
    if (this.#isRunning) return "queued";
    this.#isRunning = true;
    let result: string | undefined;
    try {
      while (this.#queue.length > 0) {
        const mutation = this.#queue.shift()!;
        if (mutation.appended) this.queueTick++;
        // Errors and mutations can cause each other forever; such a case proves nothing.
        if (++this.#transitions > 400) throw new Error(UNENDING);
        const isExecuted = this.#transit(mutation);
        result ??= isExecuted ? "executed" : "canceled";
      }
    } finally {
      this.#isRunning = false;
    }
    return result!;
  }

  #transit(mutation: ReferenceMutation): boolean {
    const before = [...this.active];
    const timeBefore = this.time.join();
    const transition: ReferenceTransition = {
      mutation,
      before,
      target: this.#resolve(mutation.type, mutation.called, before),
      enters: [],
      exits: [],
      isFinal: false,
      isAccepted: true,
      isCanceled: false,
      isHandlingOver: false,
    };
    const rejected = minus(mutation.called, transition.target);
    if (mutation.type !== "remove") {
      transition.isAccepted = mutation.isAuto
        ? rejected.length < mutation.called.length
        : rejected.length === 0 ||
          (mutation.isCheck && mutation.called.some((name) => this.#of(name).multi === true));
    }
    transition.isCanceled = !transition.isAccepted;
    if (transition.isAccepted) {
      this.#plan(transition);
      if (this.#bindings.length > 0) transition.isCanceled = !this.#negotiate(transition);
    }
    if (mutation.isCheck) return !transition.isCanceled;
    if (mutation.isAuto && !transition.isCanceled) {
      mutation.called = mutation.called.filter((name) => transition.target.includes(name));
      transition.target = this.#resolve("add", mutation.called, before);
      this.#plan(transition);
    }
    if (!transition.isCanceled) {
      this.#setActive(mutation.called, transition.target);
      transition.isFinal = true;
      if (this.#bindings.length > 0) {
        this.#callFinals(transition);
        if (!transition.isCanceled && !this.#call("AnyState", "Any", transition))
          transition.isCanceled = true;
      }
    }
    const isHealth =
      mutation.type === "add" &&
      ["Healthcheck", "Heartbeat"].includes(mutation.called.join()) &&
      mutation.called.length === 1;
    const isChanged = this.time.join() !== timeBefore;
    if (mutation.isAuto) this.#autoErrors = transition.isHandlingOver ? this.#autoErrors + 1 : 0;
    // The one deliberate difference from the original, which would go on forever.
    const givesUp = mutation.isFromAuto && this.#autoErrors >= 10;
    if (!transition.isCanceled && isChanged && !mutation.isAuto && !isHealth && !givesUp) {
      const candidates = this.#candidates();
      if (candidates.length > 0) {
        this.log.push(`auto ${candidates}`);
        this.#prepend("add", candidates, { isAuto: true });
      }
    }
    transition.isHandlingOver = true;
    return !transition.isCanceled;
  }

  #candidates(): string[] {
    return this.names.filter(
      (name) =>
        this.#of(name).auto &&
        !this.active.includes(name) &&
        !this.active.some((other) => this.#list(other, "remove").includes(name)),
    );
  }

  #plan(transition: ReferenceTransition): void {
    const { mutation, before, target } = transition;
    transition.exits = this.#sort(minus(before, target));
    transition.enters = target.filter(
      (name) => !before.includes(name) || (this.#of(name).multi && mutation.called.includes(name)),
    );
  }

  #negotiate(transition: ReferenceTransition): boolean {
    const { mutation, before } = transition;
    const isDroppable = (name: string) => mutation.isAuto && this.#of(name).auto === true;
    const drop = (name: string) => {
      transition.target = transition.target.filter((other) => other !== name);
    };
    for (const name of transition.exits) {
      if (!this.#call(`${name}Exit`, name, transition)) return false;
    }
    for (const name of transition.enters) {
      if (this.#call(`${name}Enter`, name, transition)) continue;
      if (!isDroppable(name)) return false;
      drop(name);
    }
    if (mutation.type !== "remove" && !this.#askSelf(transition, isDroppable)) return false;
    const asked = transition.target;
    for (const from of before) {
      for (const to of asked) {
        if (from === to || this.#call(`${from}${to}`, to, transition)) continue;
        if (!isDroppable(to)) return false;
        drop(to);
      }
    }
    if (mutation.isAuto && transition.target.length === 0) return false;
    return this.#call("AnyEnter", "", transition);
  }

  #askSelf(transition: ReferenceTransition, isDroppable: (name: string) => boolean): boolean {
    const { before } = transition;
    let hasPassed = true;
    for (let i = 0; i < transition.target.length; i++) {
      const name = transition.target[i]!;
      if (!before.includes(name) || !this.#isBound(`${name}${name}`)) continue;
      hasPassed = this.#call(`${name}${name}`, name, transition);
      if (hasPassed) continue;
      if (!isDroppable(name)) return false;
      // The list shrinks during the loop, which therefore skips the next state.
      transition.target = transition.target.filter((_, place) => place !== i);
    }
    return hasPassed;
  }

  #callFinals(transition: ReferenceTransition): void {
    const { exits, enters } = transition;
    for (const [suffix, names] of [
      ["End", exits],
      ["State", enters],
    ] as const) {
      for (const name of names) {
        const last = suffix === "End" ? "" : name;
        if (this.#call(`${name}${suffix}`, last, transition)) continue;
        this.#rollBack(transition, last);
        transition.isCanceled = true;
        return;
      }
    }
  }

  #isBound(handler: string): boolean {
    return this.#bindings.some(({ names }) => names.has(handler));
  }

  /** Calls a handler in every binding that has it. `last` is the state at which a rollback starts. */
  #call(handler: string, last: string, transition: ReferenceTransition): boolean {
    for (const { names, run } of this.#bindings) {
      if (!names.has(handler)) continue;
      if (!transition.isAccepted || transition.isHandlingOver) return false;
      try {
        const passes = run(handler);
        if (!passes && !/(State|End)$/.test(handler)) return false;
      } catch (thrown) {
        if ((thrown as Error).message === UNENDING) throw thrown;
        if (transition.mutation.called.includes("Exception")) return false;
        if (transition.isFinal) this.#rollBack(transition, last);
        transition.isAccepted = false;
        transition.isHandlingOver = true;
        const isFromAuto = transition.mutation.isAuto;
        this.#prepend("add", ["Exception"], { args: true, isFromAuto });
        return false;
      }
    }
    return true;
  }

  #rollBack({ mutation, enters, exits }: ReferenceTransition, last: string): void {
    const moved = [...exits, ...enters];
    const place = moved.indexOf(last);
    const dropped = place < 0 ? [] : moved.slice(place);
    this.#setActive(mutation.called, minus(this.active, dropped));
  }

  #setActive(called: readonly string[], target: readonly string[]): void {
    for (const name of target) {
      if (!this.active.includes(name)) this.ticks[name]!++;
      else if (called.includes(name) && this.#of(name).multi) this.ticks[name]! += 2;
    }
    for (const name of minus(this.active, target)) this.ticks[name]!++;
    this.active = [...target];
  }

  #of(name: string): StateDefinition {
    return this.#schema[name] ?? {};
  }

  #list(name: string, relation: Relation): readonly string[] {
    return this.#of(name)[relation] ?? [];
  }

  #resolve(type: ReferenceType, called: readonly string[], before: readonly string[]): string[] {
    const imply = (list: readonly string[]): string[] =>
      list.concat(
        list
          .filter((name) => !before.includes(name) || this.#of(name).multi)
          .flatMap((name) => this.#list(name, "add"))
          .filter((name) => type !== "remove" || !called.includes(name)),
      );
    const wanted = { add: called.concat(before), remove: minus(before, called), set: called }[type];
    const list = this.#require(unique(imply(unique(wanted))));
    const blocked = new Set<string>();
    const kept: string[] = [];
    for (const name of list.toReversed()) {
      const isBlocked = list.some(
        (other) => !blocked.has(other) && this.#list(other, "remove").includes(name),
      );
      if (isBlocked) blocked.add(name);
      else kept.push(name);
    }
    const removed = kept.flatMap((name) => this.#list(name, "remove"));
    return this.#sort(this.#require(unique(minus(imply(kept), removed)).toReversed()));
  }

  #require(list: readonly string[]): string[] {
    const met = list.filter((name) => minus(this.#list(name, "require"), list).length === 0);
    return met.length === list.length ? met : this.#require(met);
  }

  #sort(list: readonly string[]): string[] {
    const place = (name: string) => this.#places.get(name) ?? -1;
    const sorted = list.toSorted((a, b) => place(a) - place(b));
    const isLess = (a: string, b: string) =>
      !this.#list(a, "after").includes(b) && this.#list(b, "after").includes(a);
    // Insertion sort, which equals the original for up to 20 states.
    for (let i = 1; i < sorted.length; i++) {
      for (let j = i; j > 0 && isLess(sorted[j]!, sorted[j - 1]!); j--)
        [sorted[j - 1], sorted[j]] = [sorted[j]!, sorted[j - 1]!];
    }
    return sorted;
  }

  #sortTopology(): Map<string, number> | undefined {
    const places = new Map<string, number>();
    const known = (name: string) =>
      this.#list(name, "require").filter((other) => this.names.includes(other));
    const visit = (name: string, path: readonly string[]): boolean => {
      if (path.includes(name)) return false;
      if (places.has(name)) return true;
      if (!known(name).every((other) => visit(other, [...path, name]))) return false;
      places.set(name, places.size);
      return true;
    };
    const isSorted = this.names
      .filter((name) => known(name).length > 0)
      .every((name) => visit(name, []));
    return isSorted ? places : undefined;
  }
}
