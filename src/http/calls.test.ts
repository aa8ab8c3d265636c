import { describe, expect, it } from "vitest";
import { ReplicationError, type ReplicationErrorCode } from "../replication/mod.ts";
import { createFakeApi } from "../testing/fake_node.ts";

function setUp() {
  const { app, node } = createFakeApi();
  const post = (name: string, body?: string, headers: Record<string, string> = {}) =>
    app.request(`/calls/${name}`, {
      method: "POST",
      ...(body !== undefined && { body }),
      headers: { ...(body !== undefined && { "content-type": "application/json" }), ...headers },
    });
  return { node, post };
}

describe("POST /calls/:name", () => {
  it("passes args and trace context on, and returns result and version", async () => {
    const { node, post } = setUp();
    const seen: unknown[] = [];
    node.onCall = async (request) => {
      seen.push(request);
      return { resultJson: '{"bags":6}', version: "00c0ffee00c0ffee-8" };
    };
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const response = await post("manifest", '{"flight": 3}', { traceparent });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      result: { bags: 6 },
      version: "00c0ffee00c0ffee-8",
    });
    expect(seen).toMatchObject([{ name: "manifest", argsJson: '{"flight":3}' }]);
    expect((seen[0] as { traceContext: Uint8Array }).traceContext).toHaveLength(25);
  });

  it("calls without args and without a result", async () => {
    const { node, post } = setUp();
    node.onCall = async (request) => {
      expect(request.argsJson).toBeUndefined();
      return { version: "00c0ffee00c0ffee-8" };
    };
    expect(await (await post("ping")).json()).toEqual({ version: "00c0ffee00c0ffee-8" });
  });

  it.each<[ReplicationErrorCode, number, string]>([
    ["not_found", 404, "not-found"],
    ["invalid_argument", 422, "invalid-call"],
    ["failed_precondition", 409, "call-refused"],
    ["aborted", 409, "call-refused"],
    ["internal", 502, "upstream-failed"],
    ["unavailable", 503, "upstream-unavailable"],
    ["deadline_exceeded", 504, "deadline-exceeded"],
  ])("shows %s as %d %s", async (code, status, kind) => {
    const { node, post } = setUp();
    node.onCall = () => Promise.reject(new ReplicationError(code, "It is so"));
    const response = await post("manifest", "{}");
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ type: expect.stringContaining(kind) });
  });

  it.each([
    ["[1]", 422],
    ["null", 422],
    ["{", 400],
    [`{"a":${"[".repeat(70)}${"]".repeat(70)}}`, 422],
  ])("refuses the body %s", async (body, status) => {
    const { node, post } = setUp();
    node.onCall = () => Promise.reject(new Error("called"));
    expect((await post("manifest", body)).status).toBe(status);
  });
});
