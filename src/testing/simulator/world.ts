/** A simulated tree: the starts and ends of its nodes, its network, and the checks of both. */

import { Checks } from "./checks.ts";
import { Counts } from "./counts.ts";
import { EventQueue } from "./events.ts";
import type { Exchange } from "./exchange.ts";
import { SimNetwork } from "./network.ts";
import { SimProcess } from "./process.ts";
import { type Random, randomByMoment } from "./random.ts";
import type { NodeSpec, Scenario } from "./scenario.ts";
import { createReplica, createRoot, type SimNode } from "./sim_node.ts";
import { Streams } from "./streams.ts";
import { createTracer } from "./tracing.ts";
import { Truth } from "./truth.ts";

/** How long a node that stops cleanly waits for its downstreams to move, in milliseconds. */
const DRAIN_MS = 300;

interface Slot {
  readonly spec: NodeSpec;
  readonly random: Random;
  /** Error of its wall clock. */
  readonly wallErrorMs: number;
  node: SimNode | undefined;
  lives: number;
  /** Whether requests get no response at all while no process listens, rather than being refused. */
  isDark: boolean;
  /** Counts the ends, so that only the last of them restarts the node. */
  downs: number;
  schema: number;
}

/** How a process ends. */
export interface End {
  readonly isClean: boolean;
  /** Whether its system closes its connections, so that peers notice. */
  readonly isNoticed: boolean;
  readonly downMs: number;
  /** For the root: index of its schema after the restart. */
  readonly schema?: number;
}

export interface WorldOptions {
  /** Receives a line for each event. */
  readonly log?: (line: string) => void;
}

export class World {
  readonly events = new EventQueue();
  readonly truth = new Truth();
  readonly counts = new Counts();
  readonly streams = new Streams(this.events);
  readonly network: SimNetwork;
  /** When a node last moved to another upstream. */
  movedAtMs = 0;
  readonly scenario: Scenario;
  readonly #log: ((line: string) => void) | undefined;
  readonly #checks: Checks;
  readonly #slots = new Map<string, Slot>();
  /** Nodes with events since the last check. */
  readonly #touched = new Set<SimNode>();
  /** Nodes that are stopping cleanly. */
  readonly #ending = new WeakSet<SimNode>();
  #isHealed = false;
  #failure: string | undefined = undefined;
  #digest = 0x811c_9dc5;

  constructor(scenario: Scenario, options: WorldOptions = {}) {
    this.scenario = scenario;
    this.#log = options.log;
    this.#checks = new Checks(
      scenario.nodes.map(({ name }) => name),
      this.truth,
      this.events,
      (message) => this.fail(message),
    );
    const profiles = new Map(scenario.nodes.map(({ name, profile }) => [name, profile]));
    this.network = new SimNetwork(this.events, scenario.seed, (client) => profiles.get(client)!, {
      accept: (address) => this.#accept(address),
      opened: (exchange) => {
        const node = this.#nodeOf(exchange.server!);
        if (node === undefined) return;
        const { stallTimeoutMs, heartbeatIntervalMs, pushIntervalMs } = node.spec;
        // It stalls at the next write, which is checked between two heartbeats.
        const limitMs = stallTimeoutMs + 2 * heartbeatIntervalMs + pushIntervalMs;
        this.streams.opened(exchange, node.publisher, limitMs);
      },
      taken: (exchange, piece) => this.streams.taken(exchange, piece.length),
      arrived: (exchange, piece) => this.#arrived(exchange, piece),
    });
    for (const spec of scenario.nodes) {
      const random = randomByMoment(scenario.seed, spec.name, () => this.events.nowMs);
      const wallErrorMs = random.int(-5_000, 5_000);
      this.#slots.set(spec.name, {
        spec,
        random,
        wallErrorMs,
        node: undefined,
        lives: 0,
        isDark: false,
        downs: 0,
        schema: 0,
      });
      this.events.at(spec.startAtMs, () => this.start(spec.name));
    }
  }

  /** The first failure. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** A hash of all bytes and times: equal for two runs only if they were the same. */
  get digest(): number {
    return this.#digest >>> 0;
  }

  get nodes(): SimNode[] {
    return [...this.#slots.values()].flatMap(({ node }) => (node === undefined ? [] : [node]));
  }

  node(name: string): SimNode | undefined {
    return this.#slots.get(name)?.node;
  }

  /** Whether every node is running and none is stopping. */
  get isUp(): boolean {
    return [...this.#slots.values()].every(
      ({ node }) => node !== undefined && !this.#ending.has(node),
    );
  }

  get root(): SimNode | undefined {
    return this.node(this.scenario.nodes[0]!.name);
  }

  fail(message: string): void {
    if (this.#failure !== undefined) return;
    this.#failure = message;
    this.log(() => `FAILED: ${message}`);
  }

  moved(): void {
    this.movedAtMs = this.events.nowMs;
  }

  log(line: () => string): void {
    this.#log?.(`${this.events.nowMs.toFixed(1).padStart(9)} ms  ${line()}`);
  }

  /** Runs until `untilMs`, until a failure, or until `isDone` returns true, which is called after each event. */
  async run(untilMs: number, isDone?: () => boolean): Promise<void> {
    while (this.#failure === undefined && (await this.events.step(untilMs))) {
      for (const node of this.#touched) this.#checks.afterEvent(node);
      this.#touched.clear();
      if (isDone?.()) return;
    }
  }

  /** Checks every node, also those without events. */
  sweep(): void {
    for (const node of this.nodes) {
      const upstream = this.#slots.get(node.replica?.address ?? "");
      this.#checks.atRest(node, 3 * (upstream?.spec.heartbeatIntervalMs ?? 0));
    }
    const wrong = this.streams.check();
    if (wrong !== undefined) this.fail(wrong);
  }

  /** Logs `line` and calls `run` after `delayMs`. */
  later(delayMs: number, line: string, run: () => void): void {
    this.events.at(this.events.nowMs + delayMs, () => {
      this.log(() => line);
      run();
    });
  }

  /** Starts a node that is down. */
  start(name: string): void {
    const slot = this.#slots.get(name)!;
    if (slot.node !== undefined) return;
    slot.isDark = false;
    slot.lives++;
    const { spec, random } = slot;
    const process = new SimProcess(name, this.events, {
      wallErrorMs: slot.wallErrorMs,
      monotonicStartMs: random.int(0, 1_000_000) - this.events.nowMs,
      onRun: () => {
        if (slot.node !== undefined) this.#touched.add(slot.node);
      },
    });
    this.log(() => `${name} starts`);
    slot.node =
      spec.upstreams.length === 0
        ? this.#createRoot(slot, process)
        : this.#createReplica(slot, process);
  }

  /** Ends a node's process, by a crash or a clean stop, and restarts it after `downMs`. */
  end(name: string, how: End): void {
    const slot = this.#slots.get(name)!;
    const { node } = slot;
    const downs = ++slot.downs;
    slot.schema = how.schema ?? slot.schema;
    const gone = () => {
      if (node !== undefined && slot.node === node) {
        slot.node = undefined;
        slot.isDark = !how.isNoticed;
        node.process.kill();
        this.network.processDied(node.process, how.isNoticed);
      }
      const downMs = this.#isHealed ? 0 : how.downMs;
      this.events.at(this.events.nowMs + downMs, () => {
        if (slot.downs === downs || this.#isHealed) this.start(name);
      });
    };
    if (node !== undefined && how.isClean) this.#closeCleanly(node, gone);
    else gone();
  }

  /** Asks its downstreams to move; once they have, or after {@linkcode DRAIN_MS}, closes its streams, and then ends it. */
  #closeCleanly(node: SimNode, gone: () => void): void {
    this.#ending.add(node);
    let isClosing = false;
    const close = () => {
      if (isClosing) return;
      isClosing = true;
      node.close();
      // Its last messages are sent before its connections close.
      this.events.at(this.events.nowMs + 5, gone);
    };
    node.process.resume("as due");
    node.process.post(() => void node.publisher.drain().then(close));
    this.events.at(this.events.nowMs + DRAIN_MS, () => node.process.post(close));
  }

  /** Ends all faults: every process runs, and every link delivers. */
  heal(): void {
    this.log(() => "all faults end");
    this.#isHealed = true;
    this.network.heal();
    for (const [name, slot] of this.#slots) {
      slot.downs++;
      slot.node?.process.resume("as due");
      this.start(name);
    }
  }

  #accept(address: string): ReturnType<ConstructorParameters<typeof SimNetwork>[3]["accept"]> {
    const slot = this.#slots.get(address)!;
    if (slot.node === undefined) return slot.isDark ? "is dark" : "refuses";
    return { process: slot.node.process, serve: slot.node.serve };
  }

  #arrived(exchange: Exchange, piece: Uint8Array): void {
    this.counts.add("piece");
    for (let i = 0; i < piece.length; i++)
      this.#digest = Math.imul(this.#digest ^ piece[i]!, 0x0100_0193);
    this.#digest = Math.imul(this.#digest ^ (this.events.nowMs * 1_000), 0x0100_0193);
    const replica = this.#nodeOf(exchange.client)?.replica;
    if (exchange.isStream && replica !== undefined) this.#checks.heard(replica);
  }

  #nodeOf(process: SimProcess): SimNode | undefined {
    const node = this.node(process.name);
    return node?.process === process ? node : undefined;
  }

  #createRoot(slot: Slot, process: SimProcess): SimNode {
    const { spec, random, lives } = slot;
    const root = createRoot({
      spec,
      process,
      schema: this.scenario.schemas[slot.schema]!,
      random,
      tracer: createTracer(this, process),
      onError: (error) => this.fail(`${spec.name}: ${error}`),
      onRun: (id, isCanceled) =>
        this.truth.recordRun(id, {
          life: lives,
          result: isCanceled ? "canceled" : "executed",
          epoch: root.clock.epoch,
          seq: root.clock.seq,
        }),
    });
    const record = () => {
      const wrong = this.truth.record(root.clock, this.events.nowMs);
      if (wrong !== undefined) this.fail(wrong);
    };
    record();
    root.clock.onChange(() => {
      record();
      this.log(() => `${spec.name} is at ${root.clock.version}`);
    });
    return root;
  }

  #createReplica(slot: Slot, process: SimProcess): SimNode {
    const { spec, random } = slot;
    return createReplica({
      spec,
      process,
      transport: this.network.transport(process),
      random,
      tracer: createTracer(this, process),
      onError: (error) => this.fail(`${spec.name}: ${error}`),
      onChange: ({ replica }, change) => {
        if (process.isAlive) this.#checks.served(spec, replica, change);
      },
    });
  }
}
