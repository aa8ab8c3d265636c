/** What the root's clock was at each of its versions, recorded from its event stream: what every other node's answers are held against. */

/** Versions that are remembered: a replica that is further behind than this cannot be checked. */
const MAX_VERSIONS = 50_000;

export type Verdict =
  | "equal"
  | "different"
  /** The root showed no such version to us: it was killed before it could, or versions were merged on the way. */
  | "unknown";

export class RootRecord {
  readonly url: string;
  readonly #hashes = new Map<string, string>();
  #clocks: Record<string, number> = {};
  #epochs = new Set<string>();
  #version = "";

  constructor(url: string) {
    this.url = url;
  }

  get version(): string {
    return this.#version;
  }

  get epochs(): number {
    return this.#epochs.size;
  }

  /** Number of versions recorded that are still remembered. */
  get size(): number {
    return this.#hashes.size;
  }

  /** Follows the root, through all its lives, until `signal` aborts. */
  async follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const headers = this.#version === "" ? {} : { "last-event-id": this.#version };
        const response = await fetch(`${this.url}/states/stream`, { signal, headers });
        if (response.ok && response.body !== null) await this.#read(response.body);
      } catch {
        // It is away: killed, or not up yet.
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Whether the root had exactly these ticks at this version. */
  check(version: string, clocks: Readonly<Record<string, number>>): Verdict {
    const hash = this.#hashes.get(version);
    if (hash === undefined) return "unknown";
    return hash === hashOf(clocks) ? "equal" : "different";
  }

  async #read(body: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text += value;
      const events = text.split("\n\n");
      text = events.pop()!;
      for (const event of events) this.#take(event);
    }
  }

  #take(event: string): void {
    const data = /^data: (.*)$/m.exec(event)?.[1];
    if (data === undefined) return;
    const { version, clocks } = JSON.parse(data) as {
      version: string;
      clocks: Record<string, number>;
    };
    if (event.startsWith("event: snapshot")) this.#clocks = clocks;
    else Object.assign(this.#clocks, clocks);
    this.#version = version;
    this.#epochs.add(version.split("-")[0]!);
    this.#hashes.set(version, hashOf(this.#clocks));
    if (this.#hashes.size > MAX_VERSIONS) this.#hashes.delete(this.#hashes.keys().next().value!);
  }
}

function hashOf(clocks: Readonly<Record<string, number>>): string {
  return Object.values(clocks).join(",");
}
