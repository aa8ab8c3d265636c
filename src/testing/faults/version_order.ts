/** Checks that the versions of one node never go back. */

import { splitVersion } from "./root_record.ts";

export class VersionOrder {
  /** Epochs that the node showed, the current one last. */
  #epochs: string[] = [];
  #seq = 0;

  /** Takes the current version of the node. Returns how it went back, or undefined. */
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

  /** Forgets all versions, as after a restart of the node. */
  forget(): void {
    this.#epochs = [];
    this.#seq = 0;
  }
}
