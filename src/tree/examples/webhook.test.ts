import { describe, expect, it } from "vitest";
import { settle, VirtualTime } from "../../testing/virtual_time.ts";
import { type Notice, Webhook, type WebhookOptions } from "./webhook.ts";

const URL = "http://127.0.0.1:9000/hook";

/** A webhook whose server sends these responses in turn, then 200; "hang" sends none. */
function setUp(
  responses: (number | "hang" | "refused" | Response)[] = [],
  options: Partial<WebhookOptions> = {},
) {
  const time = new VirtualTime();
  const log: string[] = [];
  const requests: { at: number; request: Request; body: string }[] = [];
  const webhook = new Webhook({
    url: URL,
    time,
    random: () => 0.5,
    tracer: {
      delivered: ({ key }, attempts) => void log.push(`${key} delivered, ${attempts}`),
      retried: ({ key }, attempt, reason, waitMs) =>
        void log.push(`${key} ${attempt}: ${reason}, ${waitMs} ms`),
      lost: ({ key }, reason) => void log.push(`${key} lost: ${reason}`),
    },
    async fetch(request) {
      requests.push({ at: time.monotonic(), request, body: await request.text() });
      const response = responses.shift() ?? 200;
      if (response === "refused")
        throw new TypeError("fetch failed", { cause: { code: "ECONNREFUSED" } });
      if (response === "hang") {
        return await new Promise<Response>((_, reject) =>
          request.signal.addEventListener("abort", () => reject(request.signal.reason)),
        );
      }
      return typeof response === "number" ? new Response(null, { status: response }) : response;
    },
    ...options,
  });
  return { webhook, time, log, requests };
}

const notice = (key: string): Notice => ({ key, body: { n: key }, traceparent: undefined });

describe("Webhook", () => {
  it("posts JSON with the notice's key and its cause", async () => {
    const { webhook, log, requests } = setUp();
    webhook.send({ key: "k-1", body: { flight: "Flight1" }, traceparent: "00-a-b-01" });
    await settle();
    const [{ request, body }] = requests as [(typeof requests)[0]];
    expect([request.method, request.url, body]).toEqual(["POST", URL, '{"flight":"Flight1"}']);
    expect(request.redirect).toBe("manual");
    expect(Object.fromEntries(request.headers)).toEqual({
      "content-type": "application/json",
      "idempotency-key": "k-1",
      traceparent: "00-a-b-01",
    });
    expect([log, webhook.pending]).toEqual([["k-1 delivered, 1"], 0]);
  });

  it("retries a failure that may pass, with growing waits, under the same key", async () => {
    const { webhook, time, log, requests } = setUp([503, "refused", 429]);
    webhook.send(notice("a"));
    await time.advance(10_000);
    expect(log).toEqual([
      "a 1: status 503, 250 ms",
      "a 2: no connection (ECONNREFUSED), 500 ms",
      "a 3: status 429, 1000 ms",
      "a delivered, 4",
    ]);
    expect(requests.map(({ at }) => at)).toEqual([0, 250, 750, 1_750]);
    expect(requests.map(({ request }) => request.headers.get("idempotency-key"))).toEqual(
      Array(4).fill("a"),
    );
  });

  it("waits as long as the server requests, up to a limit", async () => {
    const after = (seconds: string) =>
      new Response(null, { status: 503, headers: { "retry-after": seconds } });
    const { webhook, time, log } = setUp([after("3"), after("86400"), after("soon")]);
    webhook.send(notice("a"));
    await time.advance(60_000);
    expect(log).toEqual([
      "a 1: status 503, 3000 ms",
      "a 2: status 503, 30000 ms",
      "a 3: status 503, 1000 ms",
      "a delivered, 4",
    ]);
  });

  it("aborts a request without a response in time, and retries", async () => {
    const { webhook, time, log, requests } = setUp(["hang"], { timeoutMs: 1_000 });
    webhook.send(notice("a"));
    await time.advance(999);
    expect(requests[0]!.request.signal.aborted).toBe(false);
    await time.advance(1_000);
    expect(requests[0]!.request.signal.aborted).toBe(true);
    expect(log).toEqual(["a 1: no response within 1000 ms, 250 ms", "a delivered, 2"]);
    expect(time.pending).toBe(0);
  });

  it.each([400, 404, 302])("does not retry status %i", async (status) => {
    const { webhook, time, log } = setUp([status]);
    webhook.send(notice("a"));
    webhook.send(notice("b"));
    await time.advance(1_000);
    expect(log).toEqual([`a lost: status ${status}`, "b delivered, 1"]);
  });

  it("drops a notice after maxAttempts, and continues with the next", async () => {
    const { webhook, time, log } = setUp([500, 500, 500], { maxAttempts: 3 });
    webhook.send(notice("a"));
    webhook.send(notice("b"));
    await time.advance(10_000);
    expect(log.slice(2)).toEqual(["a lost: status 500, 3 times", "b delivered, 1"]);
  });

  it("sends notices in order, one at a time", async () => {
    const { webhook, time, log, requests } = setUp([503]);
    for (const key of ["a", "b", "c"]) webhook.send(notice(key));
    await settle();
    expect([requests.length, webhook.pending]).toEqual([1, 3]);
    await time.advance(1_000);
    expect(log.slice(1)).toEqual(["a delivered, 2", "b delivered, 1", "c delivered, 1"]);
  });

  it("drops the oldest waiting notice when there are too many", async () => {
    const { webhook, time, log } = setUp(["hang"], { capacity: 2, timeoutMs: 100 });
    for (const key of ["a", "b", "c", "d"]) {
      webhook.send(notice(key));
      await settle();
    }
    expect(log).toEqual(["b lost: 2 others are already waiting"]);
    await time.advance(1_000);
    expect(log.slice(2)).toEqual(["a delivered, 2", "c delivered, 1", "d delivered, 1"]);
  });

  it("continues for graceMs after close(), and reports what it could not send", async () => {
    const { webhook, time, log } = setUp([503, "hang"], { timeoutMs: 60_000 });
    webhook.send(notice("a"));
    webhook.send(notice("b"));
    await settle();
    let isClosed = false;
    const closed = webhook.close(2_000).then(() => {
      isClosed = true;
    });
    webhook.send(notice("c"));
    await time.advance(1_999);
    expect([isClosed, webhook.pending]).toEqual([false, 2]);
    await time.advance(1);
    await closed;
    expect(log).toEqual([
      "a 1: status 503, 250 ms",
      "c lost: the sender has stopped",
      "a lost: the sender stopped first",
      "b lost: the sender stopped first",
    ]);
    expect(time.pending).toBe(0);
  });

  it("closes immediately when nothing waits", async () => {
    const { webhook, time } = setUp();
    webhook.send(notice("a"));
    await settle();
    await webhook.close(2_000);
    expect(time.pending).toBe(0);
  });
});
