/** Sends mutations to the nodes of a simulated tree, and checks their responses. */

import { type MutationResponse, ReplicationError } from "../../replication/mod.ts";
import type { SimProcess } from "./process.ts";
import type { MutateAction } from "./scenario.ts";
import type { SimNode } from "./sim_node.ts";
import type { World } from "./world.ts";

export class Mutations {
  readonly #world: World;
  readonly #sent: MutateAction[] = [];
  /** Mutations without a response, with the process that waits. */
  readonly #open = new Map<string, SimProcess>();

  constructor(world: World) {
    this.#world = world;
  }

  /** Sends a mutation to each of its nodes that is running. */
  send(action: MutateAction): void {
    this.#sent.push(action);
    for (const name of action.nodes) {
      const node = this.#world.node(name);
      node?.process.post(() => void this.#sendFrom(node, action));
    }
  }

  /** Whether no process waits for a response. */
  get isIdle(): boolean {
    return ![...this.#open.values()].some(({ isAlive }) => isAlive);
  }

  /** Checks the number of runs, and that none is pending; call it at the end. */
  check(): void {
    for (const { id, hasKey } of this.#sent) {
      const { inOneLife, total } = this.#world.truth.runsOf(id);
      const runs = hasKey ? inOneLife : total;
      if (runs > 1) this.#world.fail(`Mutation ${id} ran ${runs} times`);
    }
    for (const [name, process] of this.#open) {
      if (process.isAlive) this.#world.fail(`Mutation ${name} has not ended`);
    }
  }

  /** As the HTTP API of a node does, with a deadline. */
  async #sendFrom(node: SimNode, action: MutateAction): Promise<void> {
    const { id, mutation, states, hasKey, timeoutMs } = action;
    const world = this.#world;
    const name = `${id} by ${node.spec.name}`;
    this.#open.set(name, node.process);
    const abort = new AbortController();
    const cancel = node.process.time.setTimer(timeoutMs, () =>
      abort.abort(new ReplicationError("deadline_exceeded", `It took more than ${timeoutMs} ms`)),
    );
    let response: MutationResponse | undefined;
    try {
      response = await node.mutate(
        {
          type: mutation,
          states,
          argsJson: JSON.stringify({ id }),
          ...(hasKey && { idempotencyKey: id }),
        },
        { signal: abort.signal, timeoutMs },
      );
    } catch (thrown) {
      const error = ReplicationError.from(thrown);
      world.counts.add(`mutation ${error.code}`);
      world.log(() => `${name}: ${error.message}`);
      if (error.code === "internal") world.fail(`Mutation ${name} failed by ${thrown}`);
    }
    cancel();
    this.#open.delete(name);
    if (response === undefined) return;
    const { result, version } = response;
    world.counts.add(`mutation ${result}`);
    world.log(() => `${name}: ${result} at ${version}`);
    const wrong = world.truth.disproves(id, response);
    if (wrong !== undefined) world.fail(`Mutation ${name} ${wrong}`);
  }
}
