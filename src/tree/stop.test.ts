import { describe, expect, it } from "vitest";
import { InFlight } from "./stop.ts";

describe("InFlight", () => {
  it("is idle once all work in flight has resolved or rejected", async () => {
    const inFlight = new InFlight();
    await inFlight.idle();
    const [first, second] = [Promise.withResolvers<number>(), Promise.withResolvers<number>()];
    const results = Promise.allSettled([
      inFlight.run(() => first.promise),
      inFlight.run(() => second.promise),
    ]);
    let isIdle = false;
    const idle = inFlight.idle().then(() => {
      isIdle = true;
    });
    first.reject(new Error("broken"));
    await Promise.resolve();
    expect(isIdle).toBe(false);
    second.resolve(2);
    await idle;
    expect((await results).map(({ status }) => status)).toEqual(["rejected", "fulfilled"]);
  });
});
