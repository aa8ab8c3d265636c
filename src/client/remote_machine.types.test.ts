/** What compiles and what does not: each `@ts-expect-error` fails the type check if its line compiles. */

import { expect, it } from "vitest";
import type { RemoteMachine } from "./mod.ts";

it("RemoteMachine requires args with a required property in an add or set, but in no other mutation", () => {
  // Only compiled.
  const use = (remote: RemoteMachine<"Open" | "Closed", { Open: { who: string } }>) => [
    remote.add("Open", { who: "Ada" }, { timeoutMs: 5 }),
    remote.add("Closed"),
    remote.toggle("Open"),
    // @ts-expect-error "who" is missing
    remote.add("Open"),
    // @ts-expect-error "who" is a string
    remote.set("Open", { who: 1 }),
  ];
  expect(use).toBeTypeOf("function");
});
