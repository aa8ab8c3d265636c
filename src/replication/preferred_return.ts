/** The way back: while a replica follows another upstream than its preferred one, that one is tried from time to time. */

import type { TimeSource } from "./time_source.ts";
import type { Received, UpstreamStream } from "./upstream_stream.ts";

export interface PreferredReturnOptions {
  readonly time: TimeSource;
  readonly random: () => number;
  /** Longest wait before a try, in milliseconds; half of it at least, so that many do not return at once. */
  readonly retryMs: number;
  /** Opens a stream from the preferred upstream, beside the one in use. */
  readonly open: () => UpstreamStream;
  /** Whether to follow a stream that starts so. May throw, for no. */
  readonly accept: (received: Received) => boolean;
  /** The stream is good; it is the receiver's from now on. */
  readonly onReady: (stream: UpstreamStream, first: Received) => void;
}

export class PreferredReturn {
  readonly #options: PreferredReturnOptions;
  #cancel: () => void = () => {};
  #isStopped = false;

  constructor(options: PreferredReturnOptions) {
    this.#options = options;
    this.#wait();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  #wait(): void {
    const { time, random, retryMs } = this.#options;
    this.#cancel = time.setTimer(retryMs * (0.5 + random() / 2), () => void this.#try());
  }

  async #try(): Promise<void> {
    const { open, accept, onReady } = this.#options;
    const stream = open();
    this.#cancel = () => stream.close();
    try {
      const first = await stream.next();
      // Heartbeats before its clock mean that it has none for us: the next try may find one.
      if (first?.message.start !== undefined && accept(first) && !this.#isStopped) {
        this.#cancel = () => {};
        onReady(stream, first);
        return;
      }
    } catch {
      // It is still away: the stream in use goes on, and the next try follows.
    }
    stream.close();
    if (!this.#isStopped) this.#wait();
  }
}
