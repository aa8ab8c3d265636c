/** Performs the actions of a scenario on a simulated tree. */

import type { Mutations } from "./mutations.ts";
import { describeAction } from "./report.ts";
import type { Action, LinkName, MutateAction } from "./scenario.ts";
import type { World } from "./world.ts";

/** Schedules all actions of the scenario of `world`; its mutations go through `mutations`. */
export function scheduleActions(world: World, mutations: Mutations): void {
  for (const action of world.scenario.actions) {
    world.events.at(action.atMs, () => {
      world.log(() => describeAction(action));
      world.counts.add(action.type);
      world.sweep();
      perform(world, mutations, action);
    });
  }
}

function perform(world: World, mutations: Mutations, action: Action): void {
  const { network } = world;
  switch (action.type) {
    case "change":
      changeRoot(world, action.mutation, action.states);
      return;
    case "mutate":
      mutations.send(action);
      return;
    case "grow schema":
      growSchema(world);
      return;
    case "cut":
      network.cut(network.link(...action.link), action.noticedBy, action.isTorn);
      return;
    case "hold":
      hold(world, action.link, action.forMs);
      return;
    case "black hole":
      blackHole(world, action.link, action.forMs);
      return;
    case "corrupt":
      corrupt(world, action);
      return;
    case "carry":
      network.link(...action.link).profile = action.profile;
      return;
    case "crash":
      world.end(action.node, { ...action, isClean: false });
      return;
    case "stop":
      world.end(action.node, { ...action, isClean: true, isNoticed: true });
      return;
    case "set clock":
      world.node(action.node)?.process.setWall(action.byMs);
      return;
    case "pause": {
      const process = world.node(action.node)?.process;
      process?.pause();
      world.later(action.forMs, `${action.node} continues`, () => process?.resume(action.wake));
    }
  }
}

/** Changes the root's machine directly, as a feed does. */
function changeRoot(
  { root }: World,
  type: MutateAction["mutation"],
  states: readonly string[],
): void {
  root?.process.post(() => {
    const known = states.filter((state) => root.machine!.names.includes(state));
    if (known.length > 0) root.machine![type](known);
  });
}

function growSchema({ root }: World): void {
  root?.process.post(() => {
    const { schema, names } = root.machine!;
    const name = `S${names.length}`;
    root.machine!.setSchema({ ...schema, [name]: {} }, [...names, name]);
  });
}

function hold(world: World, name: LinkName, forMs: number): void {
  const link = world.network.link(...name);
  link.isHeld = true;
  world.later(forMs, `${link.name} delivers again`, () => {
    link.isHeld = false;
  });
}

function blackHole(world: World, name: LinkName, forMs: number): void {
  const link = world.network.link(...name);
  world.network.blackHole(link);
  world.later(forMs, `${link.name} is no longer a black hole`, () => {
    link.isBlackHole = false;
  });
}

function corrupt(world: World, action: Action & { readonly type: "corrupt" }): void {
  const link = world.network.link(...action.link);
  link.corruptOneIn = action.oneIn;
  if (action.isCut) world.network.cut(link, "both", false);
  world.later(action.forMs, `${link.name} stops flipping bits`, () => {
    link.corruptOneIn = 0;
  });
}
