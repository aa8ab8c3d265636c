import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { decodeMutateRequest, encodeMutateRequest } from "../wire/mutation_messages.ts";
import type { MutationRequest } from "./mutation.ts";
import { RememberedResponses } from "./remembered_responses.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

const REPLY = { result: "executed", version: "00000000000000aa-1" } as const;
const REQUEST: MutationRequest = {
  type: "add",
  states: ["A", "B"],
  argsJson: `{"at":5,"1":"one","nested":{"list":[1,2]}}`,
  idempotencyKey: "k",
  traceContext: new Uint8Array(25).fill(1),
};

describe("RememberedResponses", () => {
  it("knows a request that comes again, also over other hops and in another trace", () => {
    const replies = new RememberedResponses(10);
    expect(replies.find(REQUEST)).toBeUndefined();
    replies.remember(REQUEST, REPLY);
    expect(replies.find(REQUEST)).toEqual(REPLY);
    const forwarded = decodeMutateRequest(encodeMutateRequest(REQUEST));
    expect(replies.find({ ...forwarded, traceContext: new Uint8Array(25) })).toEqual(REPLY);
  });

  it.each<[string, Partial<MutationRequest>]>([
    ["type", { type: "remove" }],
    ["states", { states: ["A"] }],
    ["order of states", { states: ["B", "A"] }],
    ["args", { argsJson: `{"at":6}` }],
    ["no args", { argsJson: "{}" }],
  ])("refuses a key that comes again with other %s", (_, other) => {
    const replies = new RememberedResponses(10);
    replies.remember(REQUEST, REPLY);
    expect(() => replies.find({ ...REQUEST, ...other })).toThrow(
      expect.objectContaining({
        code: "invalid_argument",
        message: 'Cannot run the mutation: its idempotency key "k" was used for another one',
      }),
    );
  });

  it("knows nothing of requests without a key", () => {
    const { idempotencyKey: _, ...request } = REQUEST;
    const replies = new RememberedResponses(10);
    replies.remember(request, REPLY);
    expect(replies.find(request)).toBeUndefined();
  });

  it("forgets the oldest key past its limit, and takes it for new", () => {
    const replies = new RememberedResponses(2);
    for (const idempotencyKey of ["a", "b", "c"])
      replies.remember({ ...REQUEST, idempotencyKey }, REPLY);
    const find = (idempotencyKey: string) =>
      replies.find({ ...REQUEST, type: "set", idempotencyKey });
    expect(find("a")).toBeUndefined();
    expect(() => find("b")).toThrow(/used for another/);
  });

  it("takes some 200 bytes a key", () => {
    const receive = () =>
      decodeMutateRequest(encodeMutateRequest({ ...REQUEST, idempotencyKey: crypto.randomUUID() }));
    const used = () => {
      collectGarbage();
      return process.memoryUsage().heapUsed;
    };
    for (let i = 0; i < 500; i++) receive();
    const replies = new RememberedResponses(10_000);
    const before = used();
    for (let i = 0; i < 10_000; i++) replies.remember(receive(), { ...REPLY });
    const bytes = (used() - before) / 10_000;
    expect(bytes).toBeLessThan(300);
    expect(replies.find({ ...REQUEST, idempotencyKey: "none" })).toBeUndefined();
  });
});
