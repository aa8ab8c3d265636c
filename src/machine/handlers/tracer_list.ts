/** The tracers of a machine, and the calls of their hooks. */

import { toError } from "../errors.ts";
import type { Machine, Tracer, Transition } from "../machine.ts";
import type { Mutation } from "../mutation.ts";

/** Keeps a list per hook, so that a hook that no tracer implements costs only a look at an empty list. */
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

  /** `onError` receives what a tracer throws; the other tracers and the machine continue. */
  constructor(onError: (error: Error) => void) {
    this.#onError = onError;
  }

  get all(): readonly Tracer[] {
    return this.#tracers;
  }

  /** Adds a tracer. Returns a function that removes it. */
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

  /** For rarely used hooks: `call` calls one on each tracer. */
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
