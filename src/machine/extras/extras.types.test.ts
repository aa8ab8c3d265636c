/**
 * Types of pipes, groups and history. Each `@ts-expect-error` fails the type check if its line
 * compiles; code that evades the compiler gets an error at run time.
 */

import { describe, expect, it } from "vitest";
import {
  BASIC,
  CONNECTED,
  createMachine,
  DISPOSED,
  defineGroups,
  defineSchema,
  mergeSchemas,
  pipe,
  pipeMany,
  recordHistory,
  syncStates,
} from "../mod.ts";

const MERGED = mergeSchemas(BASIC, CONNECTED, DISPOSED, defineSchema({ Work: {} }));
const source = createMachine(MERGED, { id: "source" });
const typed = createMachine(MERGED, { id: "typed" }).withArgs<{ Work: { job: number } }>();
const target = createMachine(BASIC, { id: "target" });

describe("the types of pipes, groups and history", () => {
  it("include the states of merged schemas, with or without typed args", () => {
    pipe(source, "Work", target, "Start");
    pipe(typed, "Work", target, { added: "Start" });
    const groups = defineGroups(MERGED, { Life: ["Healthcheck", "Heartbeat"] });
    const history = recordHistory(typed, { notCalled: ["Heartbeat"] });
    typed.add("Work", { job: 1 });
    expect(history.lastActivation("Work")?.called).toEqual(["Work"]);
    expect(source.activeStates(groups.Life)).toEqual([]);
  });

  it("refuse misspelt states", () => {
    // @ts-expect-error no such state in the source
    expect(() => pipe(source, "Wrok", target, "Ready")).toThrow('state "Wrok"');
    // @ts-expect-error no such state in the target
    expect(() => pipe(source, "Work", target, "Redy")).toThrow('state "Redy"');
    // @ts-expect-error no such state in the target
    expect(() => pipeMany(source, target, { Work: { removed: "Redy" } })).toThrow('state "Redy"');
    // @ts-expect-error no such state in the source
    expect(() => syncStates(source, target, ["Wrok"], ["Ready"])).toThrow('state "Wrok"');
    // @ts-expect-error no such state
    expect(() => defineGroups(MERGED, { Life: ["Pulse"] })).toThrow('states "Pulse"');
    // @ts-expect-error no such state
    expect(() => recordHistory(source, { states: ["Wrok"] })).toThrow('state "Wrok"');
    // @ts-expect-error no such state
    expect(() => recordHistory(source).find({ active: ["Wrok"] })).toThrow('states "Wrok"');
  });
});
