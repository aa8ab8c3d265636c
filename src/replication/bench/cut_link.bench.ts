/** How long a replica takes to follow again after its link is cut. */

import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { toTable } from "../../testing/bench_page.ts";
import { nowNs, startChild } from "./child.bench.ts";
import { type Part, quantile, section } from "./figures.bench.ts";
import type { NodeCommands } from "./node_process.bench.ts";
import type { ReplicaCommands } from "./replica_process.bench.ts";

const REPLICAS = 20;
/** The longest wait after a first failure: `BackoffOptions.minMs`. */
const FIRST_STEP_MS = 100;
/** How long connecting may then take. */
const CONNECT_MS = 25;
/** Longer than a link must hold for its loss to count as a first failure. */
const HOLD_MS = 1_300;

/** A cable between the replicas and their upstream. */
class Cable {
  readonly #target: number;
  readonly #server = createServer((near) => this.#join(near));
  readonly #pairs = new Set<readonly [Socket, Socket]>();

  constructor(target: number) {
    this.#target = target;
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  /** Resets all connections on both sides. */
  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.resetAndDestroy();
    this.#pairs.clear();
  }

  /** Drops what the open connections send from now on, without closing them. */
  silence(): void {
    for (const pair of this.#pairs) {
      for (const socket of pair) socket.unpipe().removeAllListeners("close").resume();
    }
    this.#pairs.clear();
  }

  #join(near: Socket): void {
    const far = connect({ host: "127.0.0.1", port: this.#target, noDelay: true });
    near.setNoDelay();
    near.pipe(far).pipe(near);
    this.#pairs.add([near, far]);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on("error", () => {});
      one.on("close", () => other.destroy());
    }
  }

  close(): void {
    this.cut();
    this.#server.close();
  }
}

interface Heal {
  /** Milliseconds until the link is live again: from the cut, and from its detection. */
  readonly fromCut: number[];
  readonly fromLoss: number[];
}

export async function measureCutLink(): Promise<Part> {
  const root = startChild<NodeCommands>("node_process.bench.ts");
  const replicas = startChild<ReplicaCommands>("replica_process.bench.ts");
  const { port } = await root.call.start();
  const cable = new Cable(port);
  await replicas.call.follow("rep", `127.0.0.1:${await cable.listen()}`, REPLICAS);
  const heal = async (rounds: number, act: () => void): Promise<Heal> => {
    const result: Heal = { fromCut: [], fromLoss: [] };
    for (let i = 0; i < rounds; i++) {
      await new Promise((resolve) => setTimeout(resolve, HOLD_MS));
      await replicas.call.forget();
      const cutNs = nowNs();
      act();
      for (const { lostNs, liveNs } of await replicas.call.healed()) {
        result.fromCut.push((liveNs - cutNs) / 1e6);
        result.fromLoss.push((liveNs - lostNs) / 1e6);
      }
    }
    return result;
  };
  const cut = await heal(5, () => cable.cut());
  const silenced = await heal(2, () => cable.silence());
  cable.close();
  await Promise.all([root.stop(), replicas.stop()]);
  const ms = (samples: readonly number[], share: number) => quantile(samples, share).toFixed(1);
  const row = (what: string, { fromCut, fromLoss }: Heal) => [
    what,
    String(fromCut.length),
    ...[0.5, 1].map((share) => ms(fromCut, share)),
    ...[0.5, 1].map((share) => ms(fromLoss, share)),
  ];
  const limit = FIRST_STEP_MS + CONNECT_MS;
  const aim = { unit: "ms", digits: 1, limit, is: "most" } as const;
  return {
    aims: [
      { ...aim, what: "cut link, until live again, p99", value: quantile(cut.fromCut, 0.99) },
      {
        ...aim,
        what: "silent link, from its detection, p99",
        value: quantile(silenced.fromLoss, 0.99),
      },
    ],
    markdown: section(
      "A cut link",
      `Milliseconds until the link of each of ${REPLICAS} replicas is live again:`,
      toTable(
        ["link", "cuts", "from the cut, p50", "max", "from its detection, p50", "max"],
        [row("reset on both sides", cut), row("silent", silenced)],
      ),
      `A reset is detected at once, silence after three heartbeat intervals (1.5 s). The limits allow for one
step of the backoff, up to ${FIRST_STEP_MS} ms, and ${CONNECT_MS} ms to connect.`,
    ),
  };
}
