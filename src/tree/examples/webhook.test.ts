import { describe, expect, it } from "vitest";
import { settle, VirtualTime } from "../../testing/virtual_time.ts";
import { type Notice, Webhook, type WebhookOptions } from "./webhook.ts";

const URL = "http://127.0.0.1:9000/hook";

/** A webhook whose server answers what `answers` says, one after another, then 200; "hang" never comes. */
function setUp(
  answers: (number | "hang" | "refused" | Response)[] = [],
  options: Partial<WebhookOptions> = {},
) {
  const time = new VirtualTime();
  const log: string[] = [];
  const requests: { at: number; request: Request; body: string }[] = [];
  const webhook = new Webhook({
    url: URL,
    time,
    random: () => 0.5,
    observer: {
      delivered: ({ key }, attempts) => void log.push(`${key} told, ${attempts}`),
      retried: ({ key }, attempt, reason, waitMs) =>
        void log.push(`${key} ${attempt}: ${reason}, ${waitMs} ms`),
      lost: ({ key }, reason) => void log.push(`${key} lost: ${reason}`),
    },
    async fetch(request) {
      requests.push({ at: time.monotonic(), request, body: await request.text() });
      const answer = answers.shift() ?? 200;
      if (answer === "refused")
        throw new TypeError("fetch failed", { cause: { code: "ECONNREFUSED" } });
      if (answer === "hang") {
        return await new Promise<Response>((_, reject) =>
          request.signal.addEventListener("abort", () => reject(request.signal.reason)),
        );
      }
      return typeof answer === "number" ? new Response(null, { status: answer }) : answer;
    },
    ...options,
  });
  return { webhook, time, log, requests };
}

const notice = (key: string): Notice => ({ key, body: { n: key }, traceparent: undefined });

describe("Webhook", () => {
  it("posts JSON under the notice's key, with what caused it", async () => {
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
    expect([log, webhook.pending]).toEqual([["k-1 told, 1"], 0]);
  });

  it("tries again what may pass, ever more seldom, under the same key", async () => {
    const { webhook, time, log, requests } = setUp([503, "refused", 429]);
    webhook.send(notice("a"));
    await time.advance(10_000);
    expect(log).toEqual([
      "a 1: status 503, 250 ms",
      "a 2: no connection (ECONNREFUSED), 500 ms",
      "a 3: status 429, 1000 ms",
      "a told, 4",
    ]);
    expect(requests.map(({ at }) => at)).toEqual([0, 250, 750, 1_750]);
    expect(requests.map(({ request }) => request.headers.get("idempotency-key"))).toEqual(
      Array(4).fill("a"),
    );
  });

  it("waits for as long as the server asks, up to a limit", async () => {
    const after = (seconds: string) =>
      new Response(null, { status: 503, headers: { "retry-after": seconds } });
    const { webhook, time, log } = setUp([after("3"), after("86400"), after("soon")]);
    webhook.send(notice("a"));
    await time.advance(60_000);
    expect(log).toEqual([
      "a 1: status 503, 3000 ms",
      "a 2: status 503, 30000 ms",
      "a 3: status 503, 1000 ms",
      "a told, 4",
    ]);
  });

  it("gives a server up that does not answer in time, and tries again", async () => {
    const { webhook, time, log, requests } = setUp(["hang"], { timeoutMs: 1_000 });
    webhook.send(notice("a"));
    await time.advance(999);
    expect(requests[0]!.request.signal.aborted).toBe(false);
    await time.advance(1_000);
    expect(requests[0]!.request.signal.aborted).toBe(true);
    expect(log).toEqual(["a 1: no answer within 1000 ms, 250 ms", "a told, 2"]);
    expect(time.pending).toBe(0);
  });

  it.each([400, 404, 302])("does not try status %i again", async (status) => {
    const { webhook, time, log } = setUp([status]);
    webhook.send(notice("a"));
    webhook.send(notice("b"));
    await time.advance(1_000);
    expect(log).toEqual([`a lost: status ${status}`, "b told, 1"]);
  });

  it("gives a notice up after so many tries, and goes on with the next", async () => {
    const { webhook, time, log } = setUp([500, 500, 500], { maxAttempts: 3 });
    webhook.send(notice("a"));
    webhook.send(notice("b"));
    await time.advance(10_000);
    expect(log.slice(2)).toEqual(["a lost: status 500, 3 times", "b told, 1"]);
  });

  it("keeps the order, one at a time", async () => {
    const { webhook, time, log, requests } = setUp([503]);
    for (const key of ["a", "b", "c"]) webhook.send(notice(key));
    await settle();
    expect([requests.length, webhook.pending]).toEqual([1, 3]);
    await time.advance(1_000);
    expect(log.slice(1)).toEqual(["a told, 2", "b told, 1", "c told, 1"]);
  });

  it("drops the oldest that waits when there are too many", async () => {
    const { webhook, time, log } = setUp(["hang"], { capacity: 2, timeoutMs: 100 });
    for (const key of ["a", "b", "c", "d"]) {
      webhook.send(notice(key));
      await settle();
    }
    expect(log).toEqual(["b lost: 2 others wait already"]);
    await time.advance(1_000);
    expect(log.slice(2)).toEqual(["a told, 2", "c told, 1", "d told, 1"]);
  });

  it("goes on for a while when it is closed, and says what it could not tell", async () => {
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
      "a lost: there was no more time",
      "b lost: there was no more time",
    ]);
    expect(time.pending).toBe(0);
  });

  it("is closed at once when nothing waits", async () => {
    const { webhook, time } = setUp();
    webhook.send(notice("a"));
    await settle();
    await webhook.close(2_000);
    expect(time.pending).toBe(0);
  });
});
