import { describe, expect, it } from "vitest";
import { parseTraceparent } from "../replication/mod.ts";
import { createFakeApi, createFakeNode, EPOCH } from "../testing/fake_node.ts";
import { createHttpApi } from "./http_api.ts";
import { type HttpApiOptions, HttpProblem, type Route } from "./mod.ts";

const TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const MUTATION = {
  method: "POST",
  headers: { "content-type": "application/json", traceparent: TRACEPARENT },
  body: JSON.stringify({ type: "add", states: ["Ready"] }),
};

/** A tracer that records its calls. */
function createRecorder(traceContext?: Uint8Array) {
  const log: string[] = [];
  const tracer: HttpApiOptions["tracer"] = {
    onRequest: ({ request, route }) => {
      log.push(`start ${request.method} ${route}`);
      return {
        traceContext,
        end: ({ status, error }) => log.push(`end ${status}${error ? ` ${error}` : ""}`),
      };
    },
  };
  return { log, tracer };
}

describe("createHttpApi()", () => {
  it.each(["/", "/state", "/states/", "/states/Start/x", "/mutations/1", "/STATES"])(
    "has nothing at %s",
    async (path) => {
      const response = await createFakeApi().app.request(path);
      expect(response.status).toBe(404);
      expect(response.headers.get("content-type")).toBe("application/problem+json");
      expect(response.headers.get("x-content-type-options")).toBe("nosniff");
      expect(await response.json()).toMatchObject({
        type: "urn:tree-state-source:problem:not-found",
        status: 404,
        instance: path,
      });
    },
  );

  it.each([
    ["POST", "/states", "GET, HEAD, OPTIONS"],
    ["DELETE", "/states/Start", "GET, HEAD, OPTIONS"],
    ["PUT", "/states/stream", "GET, HEAD, OPTIONS"],
    ["GET", "/mutations", "POST, OPTIONS"],
    ["HEAD", "/mutations", "POST, OPTIONS"],
    ["PATCH", "/readyz", "GET, HEAD, OPTIONS"],
  ])("refuses %s %s", async (method, path, allow) => {
    const { app } = createFakeApi();
    const response = await app.request(path, { method });
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe(allow);
    if (method !== "HEAD") {
      expect(await response.json()).toMatchObject({
        type: "urn:tree-state-source:problem:method-not-allowed",
        detail: `Cannot ${method} ${path}: allowed are ${allow}`,
      });
    }
    const options = await app.request(path, { method: "OPTIONS" });
    expect(options.status).toBe(204);
    expect(options.headers.get("allow")).toBe(allow);
  });

  it("hides an unexpected error from the client, and reports it", async () => {
    const node = createFakeNode();
    const reported: unknown[] = [];
    const { log, tracer } = createRecorder();
    const app = createHttpApi(node, { tracer, onError: (error) => reported.push(error) });
    const bug = new TypeError("secret");
    node.onMutate = () => Promise.reject(bug);
    const response = await app.request("/mutations", MUTATION);
    expect(response.status).toBe(500);
    const text = await response.text();
    expect(text).not.toMatch(/secret|TypeError|\.ts/);
    expect(JSON.parse(text)).toMatchObject({ status: 500, instance: "/mutations" });
    expect(reported).toEqual([bug]);
    expect(log).toEqual(["start POST /mutations", "end 500 TypeError: secret"]);
  });

  it.each([{ maxBodyBytes: 0 }, { streamBufferBytes: 1.5 }, { maxStreams: Number.NaN }])(
    "refuses the options %j",
    (options) => {
      expect(() => createHttpApi(createFakeNode(), options)).toThrow(RangeError);
    },
  );
});

describe("createHttpApi() with a tracer", () => {
  it("calls it with each request's route and status", async () => {
    const node = createFakeNode();
    const { log, tracer } = createRecorder();
    const app = createHttpApi(node, { tracer });
    await app.request("/states/Start");
    await app.request("/states/Nope");
    await app.request("/nowhere/1");
    await app.request("/states", { method: "HEAD" });
    await app.request("/states", { method: "POST" });
    expect(log).toEqual([
      "start GET /states/:name",
      "end 200",
      "start GET /states/:name",
      "end 404",
      "start GET undefined",
      "end 404",
      "start HEAD /states",
      "end 200",
      "start POST /states",
      "end 405",
    ]);
  });

  it("ends a stream's trace when the stream ends", async () => {
    const { log, tracer } = createRecorder();
    const { app } = createFakeApi({ tracer });
    const response = await app.request("/states/stream");
    expect(log).toEqual(["start GET /states/stream"]);
    const reader = response.body!.getReader();
    await reader.read();
    await reader.cancel();
    expect(log).toEqual(["start GET /states/stream", "end 200"]);
  });

  it("passes its trace context to the mutation instead of the client's", async () => {
    const node = createFakeNode();
    const own = new Uint8Array(25).fill(7);
    await createHttpApi(node, createRecorder(own)).request("/mutations", MUTATION);
    await createHttpApi(node, createRecorder()).request("/mutations", MUTATION);
    expect(node.mutations.map(({ request }) => request.traceContext)).toEqual([
      own,
      parseTraceparent(TRACEPARENT),
    ]);
  });

  it("responds even if it throws, and reports the error", async () => {
    const reported: string[] = [];
    const onError = (error: unknown) => reported.push(String(error));
    const onRequest = () => {
      throw new Error("start");
    };
    const end = () => {
      throw new Error("end");
    };
    for (const tracer of [{ onRequest }, { onRequest: () => ({ end }) }]) {
      const { app } = createFakeApi({ tracer, onError });
      expect((await app.request("/states")).status).toBe(200);
    }
    expect(reported).toEqual(["Error: start", "Error: end"]);
  });
});

describe("createHttpApi() with extra routes", () => {
  const metrics: Route = {
    method: "GET",
    path: "/metrics",
    handle: (c) => c.text("up 1\n"),
  };
  const teapot: Route = {
    method: "POST",
    path: "/metrics",
    handle: () => {
      throw new HttpProblem(415, "unsupported-media-type", "Cannot brew: it is tea");
    },
  };

  it("serves them like its own routes", async () => {
    const { log, tracer } = createRecorder();
    const { app } = createFakeApi({ extraRoutes: [metrics, teapot], tracer });
    expect(await (await app.request("/metrics")).text()).toBe("up 1\n");
    expect((await app.request("/metrics", { method: "POST" })).status).toBe(415);
    const response = await app.request("/metrics", { method: "PUT" });
    expect(response.headers.get("allow")).toBe("GET, HEAD, POST, OPTIONS");
    expect(log.slice(0, 2)).toEqual(["start GET /metrics", "end 200"]);
  });

  it("accepts a response with immutable headers", async () => {
    const handle = () => Response.redirect("http://localhost/board/", 302);
    const { app } = createFakeApi({
      extraRoutes: [{ method: "GET", path: "/board", handle }],
    });
    const response = await app.request("/board");
    expect(response.status).toBe(302);
    expect(response.headers.get("location")).toBe("http://localhost/board/");
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  });
});

describe("createHttpApi() with CORS", () => {
  const ORIGIN = "https://board.example";
  const ask = (corsOrigins: readonly string[], path: string, init: RequestInit = {}) =>
    createFakeApi({ corsOrigins }).app.request(path, {
      ...init,
      headers: { origin: ORIGIN, ...(init.headers as Record<string, string>) },
    });

  it("lets the listed origins read all responses, problems and 304 included", async () => {
    for (const [path, headers, status] of [
      ["/states", {}, 200],
      ["/states", { "if-none-match": `"${EPOCH}-7"` }, 304],
      ["/states/Nope", {}, 404],
      ["/nowhere", {}, 404],
      ["/states/stream", {}, 200],
    ] as const) {
      const response = await ask(["https://a.example", ORIGIN], path, { headers });
      expect(response.status).toBe(status);
      expect(response.headers.get("access-control-allow-origin")).toBe(ORIGIN);
      expect(response.headers.get("access-control-expose-headers")).toContain("machine-age-ms");
      expect(response.headers.get("vary")?.toLowerCase()).toContain("origin");
      await response.body?.cancel();
    }
  });

  it("keeps vary: accept when it adds vary: origin", async () => {
    const response = await ask([ORIGIN], "/states");
    expect(response.headers.get("vary")?.toLowerCase().split(/, */).sort()).toEqual([
      "accept",
      "origin",
    ]);
  });

  it("responds to a preflight for a mutation", async () => {
    const init = {
      method: "OPTIONS",
      headers: {
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
      },
    };
    const response = await ask([ORIGIN], "/mutations", init);
    expect(response.status).toBe(204);
    expect(response.headers.get("access-control-allow-origin")).toBe(ORIGIN);
    expect(response.headers.get("access-control-allow-methods")).toContain("POST");
    expect(response.headers.get("access-control-allow-headers")).toContain("idempotency-key");
    const refused = await ask(["https://a.example"], "/mutations", init);
    expect(refused.headers.get("access-control-allow-origin")).toBeNull();
  });

  it("allows no unlisted origin, none by default, and any for *", async () => {
    const allowOf = async (origins: readonly string[]) =>
      (await ask(origins, "/states")).headers.get("access-control-allow-origin");
    expect(await allowOf(["https://a.example"])).toBeNull();
    expect(await allowOf([])).toBeNull();
    expect(await allowOf(["*"])).toBe("*");
  });

  it("lists the methods of a path for a plain OPTIONS", async () => {
    const response = await ask([ORIGIN], "/mutations", { method: "OPTIONS" });
    expect(response.headers.get("allow")).toBe("POST, OPTIONS");
  });
});
