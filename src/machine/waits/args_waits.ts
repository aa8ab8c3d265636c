/** Waits for the turn of a state's final handlers with certain args. */

import { rejected } from "./waits.ts";

type Args = Readonly<Record<string, unknown>>;

interface ArgsWait {
  state: number;
  readonly args: Args;
  readonly resolve: () => void;
}

export class ArgsWaits {
  #waits: ArgsWait[] = [];

  get count(): number {
    return this.#waits.length;
  }

  add(state: number, args: Args, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return rejected(signal.reason);
    const promise = new Promise<void>((resolve, reject) => {
      const onAbort = () => {
        this.#drop(wait);
        promise.catch(() => {});
        reject(signal!.reason);
      };
      const wait: ArgsWait = {
        state,
        args,
        resolve: () => {
          signal?.removeEventListener("abort", onAbort);
          resolve();
        },
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#waits.push(wait);
    });
    return promise;
  }

  /** Resolves the waits for `state` whose args are all contained in `args`. */
  process(state: number, args: Args | undefined): void {
    for (const wait of [...this.#waits]) {
      if (wait.state !== state) continue;
      if (!Object.entries(wait.args).every(([name, value]) => args?.[name] === value)) continue;
      this.#drop(wait);
      wait.resolve();
    }
  }

  /** Moves the waits to a new index order. */
  remap(toNew: (index: number) => number): void {
    for (const wait of this.#waits) wait.state = toNew(wait.state);
  }

  close(): void {
    for (const wait of this.#waits.splice(0)) wait.resolve();
  }

  #drop(wait: ArgsWait): void {
    const place = this.#waits.indexOf(wait);
    if (place >= 0) this.#waits.splice(place, 1);
  }
}
