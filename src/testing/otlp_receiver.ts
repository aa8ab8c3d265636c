/** A collector for tests: receives OTLP/HTTP, keeps the records, and fails in the ways of collectors. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";
import { decodeLogs, decodeTraces, type OtlpLogRecord, type OtlpSpan } from "./otlp.ts";

/** `ok` accepts all, `refuse` responds 503, `broken` 500, `hang` never responds. */
export type ReceiverMode = "ok" | "refuse" | "broken" | "hang";

export interface ReceivedRequest {
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly bytes: number;
}

export class OtlpReceiver {
  readonly spans: OtlpSpan[] = [];
  readonly logs: OtlpLogRecord[] = [];
  /** All requests, also failed ones. */
  readonly requests: ReceivedRequest[] = [];
  /** Requests that could not be read. */
  readonly errors: Error[] = [];
  mode: ReceiverMode = "ok";
  readonly #server = createServer((request, response) => void this.#serve(request, response));

  /** Listens on a free port of the loopback. */
  static async start(mode: ReceiverMode = "ok"): Promise<OtlpReceiver> {
    const receiver = new OtlpReceiver();
    receiver.mode = mode;
    await new Promise<void>((resolve) => receiver.#server.listen(0, "127.0.0.1", resolve));
    return receiver;
  }

  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const { headers, url: path = "" } = request;
    this.requests.push({ path, headers, bytes: body.length });
    if (this.mode === "hang") return;
    if (this.mode !== "ok") {
      response.writeHead(this.mode === "refuse" ? 503 : 500).end();
      return;
    }
    try {
      const plain = headers["content-encoding"] === "gzip" ? gunzipSync(body) : body;
      const type = headers["content-type"] ?? "";
      if (path === "/v1/traces") this.spans.push(...decodeTraces(plain, type));
      else if (path === "/v1/logs" || path === "/otlp/v1/logs")
        this.logs.push(...decodeLogs(plain, type));
      else
        throw new RangeError(
          `Cannot receive ${path}: there are /v1/traces, /v1/logs and, as in Loki, /otlp/v1/logs`,
        );
      response.writeHead(200, { "content-type": type }).end(type.includes("json") ? "{}" : "");
    } catch (error) {
      this.errors.push(error as Error);
      response.writeHead(400).end();
    }
  }
}
