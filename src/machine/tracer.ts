/** Hooks into a machine: what telemetry, history and debuggers implement. */

import { toError } from "./errors.ts";
import type { Machine } from "./machine.ts";
import type { Mutation } from "./mutation.ts";
import type { Transition } from "./transition.ts";

/**
 * All hooks are optional; a machine pays only for those that somebody attached. They run inside the
 * machine's own run: mutations made in them are queued, and what they throw becomes the machine's
 * `err` without touching the transition.
 * A {@linkcode Transition} and its {@linkcode Mutation} are valid during the call only.
 */
export interface Tracer {
  /** A mutation entered the queue: appended, or put in front (auto, check, recovered error). */
  mutationQueued?(machine: Machine, mutation: Mutation): void;
  /** After resolving and the verdict of the relations, before any handler; also for a transition that is canceled already. */
  transitionStart?(transition: Transition): void;
  /** Around every handler found, also one that is not run as its transition is over. */
  handlerStart?(transition: Transition, bindingId: string, handler: string): void;
  handlerEnd?(transition: Transition, bindingId: string, handler: string): void;
  /** The ticks have moved, final handlers come next. Neither for checks nor for canceled transitions. */
  transitionFinals?(transition: Transition): void;
  transitionEnd?(transition: Transition): void;
  /** The queue is drained. */
  queueEnd?(machine: Machine): void;
  /** The index order was set. */
  statesVerified?(machine: Machine): void;
  /** The schema was replaced. */
  schemaChanged?(machine: Machine): void;
  /** A machine with this one as its `parent` was made. */
  submachineCreated?(parent: Machine, child: Machine): void;
  /** Disposal has begun. */
  machineDisposed?(machine: Machine): void;
}

/** A machine's tracers, hook by hook, so that one that nobody implements costs a look at an empty list. */
export class TracerList {
  readonly #onError: (error: Error) => void;
  readonly #tracers: Tracer[] = [];
  #mutationQueued: Tracer[] = [];
  #transitionStart: Tracer[] = [];
  #handlerStart: Tracer[] = [];
  #handlerEnd: Tracer[] = [];
  #transitionFinals: Tracer[] = [];
  #transitionEnd: Tracer[] = [];
  #queueEnd: Tracer[] = [];

  /** `onError` is told what a tracer throws; the other tracers and the machine go on. */
  constructor(onError: (error: Error) => void) {
    this.#onError = onError;
  }

  get all(): readonly Tracer[] {
    return this.#tracers;
  }

  /** Adds a tracer, returns its removal. */
  add(tracer: Tracer): () => void {
    this.#tracers.push(tracer);
    this.#sort();
    return () => {
      const place = this.#tracers.indexOf(tracer);
      if (place >= 0) this.#tracers.splice(place, 1);
      this.#sort();
    };
  }

  mutationQueued(machine: Machine, mutation: Mutation): void {
    for (const tracer of this.#mutationQueued) {
      try {
        tracer.mutationQueued!(machine, mutation);
      } catch (thrown) {
        this.#onError(toError(thrown));
      }
    }
  }

  transitionStart(transition: Transition): void {
    for (const tracer of this.#transitionStart) {
      try {
        tracer.transitionStart!(transition);
      } catch (thrown) {
        this.#onError(toError(thrown));
      }
    }
  }

  handlerStart(transition: Transition, bindingId: string, handler: string): void {
    for (const tracer of this.#handlerStart) {
      try {
        tracer.handlerStart!(transition, bindingId, handler);
      } catch (thrown) {
        this.#onError(toError(thrown));
      }
    }
  }

  handlerEnd(transition: Transition, bindingId: string, handler: string): void {
    for (const tracer of this.#handlerEnd) {
      try {
        tracer.handlerEnd!(transition, bindingId, handler);
      } catch (thrown) {
        this.#onError(toError(thrown));
      }
    }
  }

  transitionFinals(transition: Transition): void {
    for (const tracer of this.#transitionFinals) {
      try {
        tracer.transitionFinals!(transition);
      } catch (thrown) {
        this.#onError(toError(thrown));
      }
    }
  }

  transitionEnd(transition: Transition): void {
    for (const tracer of this.#transitionEnd) {
      try {
        tracer.transitionEnd!(transition);
      } catch (thrown) {
        this.#onError(toError(thrown));
      }
    }
  }

  queueEnd(machine: Machine): void {
    for (const tracer of this.#queueEnd) {
      try {
        tracer.queueEnd!(machine);
      } catch (thrown) {
        this.#onError(toError(thrown));
      }
    }
  }

  /** For the hooks that come rarely: `call` calls one on each tracer. */
  each(call: (tracer: Tracer) => void): void {
    for (const tracer of this.#tracers) {
      try {
        call(tracer);
      } catch (thrown) {
        this.#onError(toError(thrown));
      }
    }
  }

  #sort(): void {
    const having = (hook: keyof Tracer) =>
      this.#tracers.filter((tracer) => tracer[hook] !== undefined);
    this.#mutationQueued = having("mutationQueued");
    this.#transitionStart = having("transitionStart");
    this.#handlerStart = having("handlerStart");
    this.#handlerEnd = having("handlerEnd");
    this.#transitionFinals = having("transitionFinals");
    this.#transitionEnd = having("transitionEnd");
    this.#queueEnd = having("queueEnd");
  }
}
