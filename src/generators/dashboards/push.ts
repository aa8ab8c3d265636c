/** Sends dashboards to a running Grafana over its HTTP API, into their own folder. */

import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";

const FOLDER = { uid: "tree-state-source", title: "tree-state-source" };
/** A Grafana that does not respond in this time is unreachable. */
const TIMEOUT_MS = 10_000;

export interface PushOptions {
  /** URL of Grafana; a path in it is kept. */
  readonly url: string;
  /** Of a service account with the role Editor. */
  readonly token: string;
  readonly timeoutMs?: number;
}

/** `unusable`: URL or token cannot be used; `unreachable`: no response; `refused`: an error response. */
export type GrafanaErrorCode = "unusable" | "unreachable" | "refused";

/** Why nothing, or not everything, was pushed. The message says what to do. */
export class GrafanaError extends Error {
  override readonly name = "GrafanaError";
  readonly code: GrafanaErrorCode;

  constructor(code: GrafanaErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * Creates or replaces each dashboard, in order, and resolves to where they are. Pushing twice changes nothing.
 * Rejects with {@linkcode GrafanaError}; the dashboards before the failing one are then stored.
 */
export async function pushDashboards(
  dashboards: readonly Dashboard[],
  options: PushOptions,
): Promise<{ title: string; path: string }[]> {
  const grafana = connect(options);
  const folder = await grafana("POST", "/api/folders", FOLDER);
  // 409 and 412: the folder exists.
  if (!folder.ok && folder.status !== 409 && folder.status !== 412) throw refusal("folder", folder);
  const pushed = [];
  for (const dashboard of dashboards) {
    const response = await grafana("POST", "/api/dashboards/db", {
      dashboard: { ...dashboard, id: null },
      folderUid: FOLDER.uid,
      message: "npm run gen:dashboards -- --push",
      overwrite: true,
    });
    if (!response.ok) throw refusal(`dashboard "${dashboard.title}"`, response);
    const { url = "" } = (response.body ?? {}) as { url?: string };
    pushed.push({ title: dashboard.title ?? "", path: url });
  }
  return pushed;
}

interface GrafanaResponse {
  readonly ok: boolean;
  readonly status: number;
  /** JSON, or undefined where there is none. */
  readonly body: unknown;
}

type Call = (method: string, path: string, body: unknown) => Promise<GrafanaResponse>;

function connect({ url, token, timeoutMs = TIMEOUT_MS }: PushOptions): Call {
  if (url === "") {
    throw new GrafanaError(
      "unusable",
      "Cannot push: GRAFANA_URL is missing, such as http://127.0.0.1:3000",
    );
  }
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new GrafanaError("unusable", `Cannot push: GRAFANA_URL "${url}" is not an http(s) URL`);
  }
  if (token === "" || !/^[\x21-\x7e]+$/.test(token)) {
    const state = token === "" ? "is missing" : "has characters that no token has";
    throw new GrafanaError(
      "unusable",
      `Cannot push: GRAFANA_TOKEN ${state}; make one in Grafana under Administration, Service accounts, with the role Editor`,
    );
  }
  const base = url.replace(/\/+$/, "");
  return async (method, path, body) => {
    try {
      const response = await fetch(`${base}${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify(body),
        // A redirect leads to a login page, which is not a response of the API.
        redirect: "manual",
        signal: AbortSignal.timeout(timeoutMs),
      });
      return { ok: response.ok, status: response.status, body: parse(await response.text()) };
    } catch (error) {
      throw new GrafanaError(
        "unreachable",
        `Cannot reach Grafana at ${base}: ${reasonOf(error, timeoutMs)}`,
        { cause: error },
      );
    }
  };
}

function refusal(what: string, { status, body }: GrafanaResponse): GrafanaError {
  const { message = "" } = (body ?? {}) as { message?: string };
  const hint =
    status === 401
      ? "GRAFANA_TOKEN is not valid there"
      : status === 403
        ? "the token may not edit dashboards; its service account needs the role Editor"
        : status === 404 || (status >= 300 && status < 400)
          ? "GRAFANA_URL does not lead to a Grafana's API"
          : message;
  return new GrafanaError(
    "refused",
    `Cannot push ${what}: Grafana responded ${status}${hint === "" ? "" : `, ${hint}`}`,
  );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function reasonOf(error: unknown, timeoutMs: number): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return `no response in ${timeoutMs / 1000} s`;
  const { cause } = error as { cause?: { code?: string; message?: string } };
  return cause?.code ?? cause?.message ?? error.message;
}
