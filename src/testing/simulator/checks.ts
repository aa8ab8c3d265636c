/** Checks every replica after each event: SPEC.md of replication, "Invariants". */

import type { Replica } from "../../replication/mod.ts";
import type { EventQueue } from "./events.ts";
import type { NodeSpec } from "./scenario.ts";
import { MACHINE_ID, type SimNode } from "./sim_node.ts";
import type { Truth, Version } from "./truth.ts";

/** Rounding error of sums of virtual times, in milliseconds. */
const ROUNDING_MS = 1e-6;

/** What was observed of one replica so far. */
interface Watched {
  /** The version that it served last. */
  version: Version;
  /** The last proof that was checked: the time at which the replica says that its clock was the root's newest. */
  provenAtMs: number;
  path: readonly string[];
  /** When the last bytes of a stream arrived. */
  heardAtMs: number;
}

export class Checks {
  readonly #names: readonly string[];
  readonly #truth: Truth;
  readonly #events: EventQueue;
  readonly #fail: (message: string) => void;
  readonly #watched = new WeakMap<Replica, Watched>();

  /** `names` are the names of all nodes, the root first. */
  constructor(
    names: readonly string[],
    truth: Truth,
    events: EventQueue,
    fail: (message: string) => void,
  ) {
    this.#names = names;
    this.#truth = truth;
    this.#events = events;
    this.#fail = fail;
  }

  /** Called while a replica's clock changes, before any other listener. */
  served({ name, prefixes }: NodeSpec, replica: Replica, change: "advance" | "reset"): void {
    const { clock } = replica;
    const wrong =
      change === "reset" || prefixes !== undefined
        ? this.#truth.mismatch(clock, prefixes)
        : this.#truth.mismatchInEpoch(clock);
    if (wrong !== undefined) {
      this.#fail(`${name} ${wrong}`);
      return;
    }
    const { epoch, seq } = clock;
    const watched = this.#watch(replica);
    if (watched.version.epoch !== "" && this.#truth.compare({ epoch, seq }, watched.version) < 0)
      this.#fail(
        `${name} goes back from ${watched.version.epoch}-${watched.version.seq} to ${clock.version}`,
      );
    watched.version = { epoch, seq };
  }

  heard(replica: Replica): void {
    this.#watch(replica).heardAtMs = this.#events.nowMs;
  }

  /** Called after each event of a replica's process, when its promises have settled. */
  afterEvent(node: SimNode): void {
    const { replica, process } = node;
    if (replica === undefined || process.isPaused || process.isCatchingUp) return;
    const { name } = node.spec;
    const watched = this.#watch(replica);
    const { nowMs } = this.#events;
    const provenAtMs = nowMs - replica.ageMs();
    if (Math.abs(provenAtMs - watched.provenAtMs) > ROUNDING_MS) {
      watched.provenAtMs = provenAtMs;
      this.#checkProof(name, replica, provenAtMs);
    }
    if (replica.path !== watched.path) {
      watched.path = replica.path;
      this.#checkPath(name, replica);
    }
  }

  #checkPath(name: string, { path, machineId }: Replica): void {
    const isWrong = (other: string) => other === name || !this.#names.includes(other);
    if (path[0] !== this.#names[0] || path.some(isWrong))
      this.#fail(`${name} follows a path that does not exist: ${path.join(" → ")}`);
    if (machineId !== MACHINE_ID) this.#fail(`${name} follows another machine, ${machineId}`);
  }

  #checkProof(name: string, { clock }: Replica, provenAtMs: number): void {
    if (provenAtMs > this.#events.nowMs + ROUNDING_MS)
      this.#fail(`${name} claims a proof from the future`);
    const newer = this.#truth.newerBefore(provenAtMs - ROUNDING_MS, clock);
    if (newer !== undefined) {
      this.#fail(
        `${name} claims that ${clock.version} was the newest ${(this.#events.nowMs - provenAtMs).toFixed(1)} ms ago: the root had ${newer}`,
      );
    }
  }

  /** Called at intervals for each node, also if nothing happens to it. */
  atRest(node: SimNode, silenceLimitMs: number): void {
    const { replica, process } = node;
    if (replica === undefined || process.isPaused || process.isCatchingUp) return;
    if (replica.status !== "live") return;
    const silentMs = this.#events.nowMs - this.#watch(replica).heardAtMs;
    if (silentMs > silenceLimitMs + 1)
      this.#fail(`${node.spec.name} is live after ${silentMs.toFixed(1)} ms without a byte`);
  }

  #watch(replica: Replica): Watched {
    let watched = this.#watched.get(replica);
    if (watched === undefined) {
      watched = {
        version: { epoch: "", seq: 0 },
        provenAtMs: Number.NEGATIVE_INFINITY,
        path: replica.path,
        heardAtMs: 0,
      };
      this.#watched.set(replica, watched);
    }
    return watched;
  }
}
