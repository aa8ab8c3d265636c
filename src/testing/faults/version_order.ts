/** Whether the versions that one node shows only ever go forward. */

import { splitVersion } from "./root_record.ts";

export class VersionOrder {
  /** Epochs that the node showed, the present one last. */
  #epochs: string[] = [];
  #seq = 0;

  /** Takes the version that the node shows now. Returns how it went back, undefined if it did not. */
  next(version: string): string | undefined {
    const { epoch, seq } = splitVersion(version);
    const before = this.#seq;
    this.#seq = seq;
    if (epoch === this.#epochs.at(-1))
      return seq < before ? `went back from seq ${before} to ${seq}` : undefined;
    if (this.#epochs.includes(epoch)) return `went back to epoch ${epoch}`;
    this.#epochs.push(epoch);
    return undefined;
  }

  /** The node's next process begins anew. */
  forget(): void {
    this.#epochs = [];
    this.#seq = 0;
  }
}
