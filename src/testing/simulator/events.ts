/** The simulator's one queue of events: virtual time moves from one to the next, and promises settle in between. */

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

  /** How many events have been made. */
  get count(): number {
    return this.#number;
  }

  /** Runs `run` at `dueMs`, after what is due then already. Returns its removal. */
  at(dueMs: number, run: () => void): () => void {
    const event: Event = { dueMs: Math.max(dueMs, this.#nowMs), number: this.#number++, run };
    this.#push(event);
    return () => {
      event.run = undefined;
    };
  }

  /** Runs the next event due by `untilMs`. False if there is none: then it is `untilMs`. */
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

/** One turn of the event loop: all that waits for promises alone has run by then. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
