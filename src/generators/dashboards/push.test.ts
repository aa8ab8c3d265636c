import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { generateDashboards } from "../dashboards.ts";
import { allDashboards } from "./mod.ts";
import { GrafanaError, pushDashboards } from "./push.ts";

interface Request {
  readonly line: string;
  readonly authorization: string | undefined;
  readonly body: Record<string, unknown>;
}

type Respond = (request: Request, response: ServerResponse) => void;

/** How Grafana responds to a token that may edit dashboards. */
const friendly: Respond = ({ line, body }, response) => {
  if (line.endsWith("/api/folders")) return json(response, 200, { uid: body.uid });
  const { uid, title } = body.dashboard as { uid: string; title: string };
  json(response, 200, { uid, url: `/d/${uid}/${title.toLowerCase()}`, status: "success" });
};

let requests: Request[];
let respond: Respond;
let url: string;
let close: () => Promise<void>;

beforeEach(async () => {
  requests = [];
  respond = friendly;
  const server = createServer(async (incoming, response) => {
    const request = await read(incoming);
    requests.push(request);
    respond(request, response);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  close = async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  };
});

afterEach(() => close());

async function read(incoming: IncomingMessage): Promise<Request> {
  let text = "";
  for await (const chunk of incoming) text += chunk;
  return {
    line: `${incoming.method} ${incoming.url}`,
    authorization: incoming.headers.authorization,
    body: text === "" ? {} : JSON.parse(text),
  };
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

function push(options: { url?: string; token?: string; timeoutMs?: number } = {}) {
  return pushDashboards(allDashboards(), { url, token: "glsa_token", ...options });
}

async function failure(pushed: Promise<unknown>): Promise<GrafanaError> {
  const error = await pushed.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(GrafanaError);
  return error as GrafanaError;
}

describe("pushDashboards()", () => {
  it("creates the folder, then replaces each dashboard in it, with the token", async () => {
    const pushed = await push();
    expect(requests.map(({ line }) => line)).toEqual([
      "POST /api/folders",
      ...allDashboards().map(() => "POST /api/dashboards/db"),
    ]);
    expect(new Set(requests.map(({ authorization }) => authorization))).toEqual(
      new Set(["Bearer glsa_token"]),
    );
    const [folder, first] = requests;
    expect(first!.body).toMatchObject({
      dashboard: { uid: "tst-tree", id: null, title: "Tree" },
      folderUid: folder!.body.uid,
      overwrite: true,
    });
    expect(pushed[0]).toEqual({ title: "Tree", path: "/d/tst-tree/tree" });
    expect(pushed).toHaveLength(4);
  });

  it.each([409, 412])("continues if the folder exists (%d)", async (status) => {
    respond = (request, response) =>
      request.line === "POST /api/folders"
        ? json(response, status, { message: "a folder with that UID already exists" })
        : friendly(request, response);
    expect(await push()).toHaveLength(4);
  });

  it("keeps the path of GRAFANA_URL", async () => {
    await push({ url: `${url}/grafana/` });
    expect(requests[0]!.line).toBe("POST /grafana/api/folders");
  });

  it.each([
    [401, "GRAFANA_TOKEN is not valid there"],
    [403, "its service account needs the role Editor"],
    [404, "GRAFANA_URL does not lead to a Grafana's API"],
    [400, "Dashboard title cannot be empty"],
  ])("says what to do about %d", async (status, hint) => {
    respond = (_request, response) =>
      json(response, status, { message: "Dashboard title cannot be empty" });
    const error = await failure(push());
    expect(error.code).toBe("refused");
    expect(error.message).toContain(`Grafana responded ${status}, `);
    expect(error.message).toContain(hint);
    expect(requests).toHaveLength(1);
  });

  it("does not accept a redirect to a login page", async () => {
    respond = ({ line }, response) => {
      if (line === "GET /login") response.writeHead(200).end("<html>Welcome to Grafana</html>");
      else response.writeHead(302, { location: "/login" }).end();
    };
    const error = await failure(push());
    expect(error.message).toBe(
      "Cannot push folder: Grafana responded 302, GRAFANA_URL does not lead to a Grafana's API",
    );
    expect(requests.map(({ line }) => line)).toEqual(["POST /api/folders"]);
  });

  it("names the refused dashboard, and sends none after it", async () => {
    respond = (request, response) => {
      const { uid } = (request.body.dashboard ?? {}) as { uid?: string };
      if (uid === "tst-node") response.writeHead(500).end("<html>no JSON</html>");
      else friendly(request, response);
    };
    const error = await failure(push());
    expect(error.message).toBe('Cannot push dashboard "Node": Grafana responded 500');
    expect(requests).toHaveLength(3);
  });

  it("reports that nothing responds", async () => {
    const gone = url;
    await close();
    const error = await failure(push({ url: gone }));
    expect(error.code).toBe("unreachable");
    expect(error.message).toBe(`Cannot reach Grafana at ${gone}: ECONNREFUSED`);
  });

  it("times out when Grafana accepts the request and does not respond", async () => {
    respond = () => {};
    const error = await failure(push({ timeoutMs: 100 }));
    expect(error.message).toBe(`Cannot reach Grafana at ${url}: no response in 0.1 s`);
  });

  it.each([
    [{ url: "" }, "GRAFANA_URL is missing"],
    [{ url: "grafana:3000" }, "is not an http(s) URL"],
    [{ url: "//x" }, "is not an http(s) URL"],
    [{ token: "" }, "GRAFANA_TOKEN is missing"],
    [{ token: "a b\n" }, "has characters that no token has"],
  ])("refuses %o before it sends anything", async (options, hint) => {
    const error = await failure(push(options));
    expect(error.code).toBe("unusable");
    expect(error.message).toContain(hint);
    expect(requests).toEqual([]);
  });
});

describe("npm run gen:dashboards", () => {
  let root: string;
  let lines: string[];
  let errors: string[];
  const run = (args: string[], env: Record<string, string> = {}) =>
    generateDashboards(args, {
      root,
      env,
      writeLine: (line) => lines.push(line),
      writeErrorLine: (line) => errors.push(line),
    });

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "dashboards-"));
    lines = [];
    errors = [];
  });
  afterEach(() => rmSync(root, { recursive: true }));

  it("writes the files and sends nothing", async () => {
    expect(await run([], { GRAFANA_URL: url, GRAFANA_TOKEN: "t" })).toBe(0);
    expect(lines).toEqual([
      expect.stringMatching(/^Wrote 5 files: dashboards\/grafana\/tree.json/),
    ]);
    expect(requests).toEqual([]);
  });

  it("pushes with --push and says where each dashboard is", async () => {
    expect(await run(["--push"], { GRAFANA_URL: url, GRAFANA_TOKEN: "t" })).toBe(0);
    expect(lines.slice(1)).toContain('Pushed "Tree": /d/tst-tree/tree');
    expect(lines).toHaveLength(5);
  });

  it("exits with 2 without GRAFANA_URL, with 1 when Grafana refuses", async () => {
    expect(await run(["--push"])).toBe(2);
    respond = (_request, response) => json(response, 401, {});
    expect(await run(["--push"], { GRAFANA_URL: url, GRAFANA_TOKEN: "t" })).toBe(1);
    expect(errors).toEqual([
      "Cannot push: GRAFANA_URL is missing, such as http://127.0.0.1:3000",
      "Cannot push folder: Grafana responded 401, GRAFANA_TOKEN is not valid there",
    ]);
  });

  it("refuses unknown arguments, and prints help", async () => {
    expect(await run(["--pull"])).toBe(2);
    expect(errors[0]).toContain('"--pull"');
    expect(await run(["--help"])).toBe(0);
    expect(lines.join("\n")).toContain("GRAFANA_TOKEN");
  });
});
