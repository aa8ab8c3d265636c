/** The single queue of events of a simulation: virtual time jumps from event to event, and promises settle in between. */

interface Event {
  readonly dueMs: number;
  readonly number: number;
  run: (() => void) | undefined;
}

export class EventQueue {
  #nowMs = 0;
  #number = 0;
  /** A binary heap, the next event first. */
  readonly #heap: Event[] = [];

  /** Virtual milliseconds since the start. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Number of events so far. */
  get count(): number {
    return this.#number;
  }

  /** Calls `run` at `dueMs`, after the events that are already due then. Returns a function that removes it. */
  at(dueMs: number, run: () => void): () => void {
    const event: Event = { dueMs: Math.max(dueMs, this.#nowMs), number: this.#number++, run };
    this.#push(event);
    return () => {
      event.run = undefined;
    };
  }

  /** Runs the next event due by `untilMs`. If there is none, advances to `untilMs` and returns false. */
  async step(untilMs: number): Promise<boolean> {
    for (;;) {
      const next = this.#heap[0];
      if (next === undefined || next.dueMs > untilMs) {
        this.#nowMs = Math.max(this.#nowMs, untilMs);
        return false;
      }
      this.#pop();
      if (next.run === undefined) continue;
      this.#nowMs = next.dueMs;
      next.run();
      await settled();
      return true;
    }
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let place = heap.length;
    heap.push(event);
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[place] = heap[parent]!;
      place = parent;
    }
    heap[place] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[place] = heap[child]!;
      place = child;
    }
    heap[place] = last;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.number < b.number);
}

/** One turn of the event loop, in which everything runs that waits only for promises. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
