import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { decodeMutateRequest, encodeMutateRequest } from "../wire/message_codec.ts";
import type { MutationRequest } from "./mutation.ts";
import { RememberedResponses } from "./remembered_responses.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

const RESPONSE = { result: "executed", version: "00000000000000aa-1" } as const;
const REQUEST: MutationRequest = {
  type: "add",
  states: ["A", "B"],
  argsJson: `{"at":5,"1":"one","nested":{"list":[1,2]}}`,
  idempotencyKey: "k",
  traceContext: new Uint8Array(25).fill(1),
};

describe("RememberedResponses", () => {
  it("recognizes a repeated request, also over other hops and in another trace", () => {
    const responses = new RememberedResponses(10);
    expect(responses.find(REQUEST)).toBeUndefined();
    responses.remember(REQUEST, RESPONSE);
    expect(responses.find(REQUEST)).toEqual(RESPONSE);
    const forwarded = decodeMutateRequest(encodeMutateRequest(REQUEST));
    expect(responses.find({ ...forwarded, traceContext: new Uint8Array(25) })).toEqual(RESPONSE);
  });

  it.each<[string, Partial<MutationRequest>]>([
    ["type", { type: "remove" }],
    ["states", { states: ["A"] }],
    ["order of states", { states: ["B", "A"] }],
    ["args", { argsJson: `{"at":6}` }],
    ["no args", { argsJson: "{}" }],
  ])("refuses a repeated key with other %s", (_, other) => {
    const responses = new RememberedResponses(10);
    responses.remember(REQUEST, RESPONSE);
    expect(() => responses.find({ ...REQUEST, ...other })).toThrow(
      expect.objectContaining({
        code: "invalid_argument",
        message: 'Cannot run the mutation: its idempotency key "k" was used for another one',
      }),
    );
  });

  it("does not remember requests without a key", () => {
    const { idempotencyKey: _, ...request } = REQUEST;
    const responses = new RememberedResponses(10);
    responses.remember(request, RESPONSE);
    expect(responses.find(request)).toBeUndefined();
  });

  it("forgets the oldest key beyond its limit, and accepts it as new", () => {
    const responses = new RememberedResponses(2);
    for (const idempotencyKey of ["a", "b", "c"])
      responses.remember({ ...REQUEST, idempotencyKey }, RESPONSE);
    const find = (idempotencyKey: string) =>
      responses.find({ ...REQUEST, type: "set", idempotencyKey });
    expect(find("a")).toBeUndefined();
    expect(() => find("b")).toThrow(/used for another/);
  });

  it("takes some 200 bytes per key", () => {
    const receive = () =>
      decodeMutateRequest(encodeMutateRequest({ ...REQUEST, idempotencyKey: crypto.randomUUID() }));
    const used = () => {
      collectGarbage();
      return process.memoryUsage().heapUsed;
    };
    for (let i = 0; i < 500; i++) receive();
    const responses = new RememberedResponses(10_000);
    const before = used();
    for (let i = 0; i < 10_000; i++) responses.remember(receive(), { ...RESPONSE });
    const bytes = (used() - before) / 10_000;
    expect(bytes).toBeLessThan(300);
    expect(responses.find({ ...REQUEST, idempotencyKey: "none" })).toBeUndefined();
  });
});
