/** HTTP for the tests' clients: complete responses, and rejections for errors of the connection. */

import { type Agent, request } from "node:http";

/** A node as its clients see it. */
export interface HttpNode {
  readonly name: string;
  /** URL of its HTTP API: http://host:port. */
  readonly url: string;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  json<T>(): T;
}

export interface HttpRequest {
  readonly method?: "GET" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Reuses connections; without an agent, each request opens one. */
  readonly agent?: Agent;
  readonly signal?: AbortSignal;
}

/** Rejects without a complete response: refused, reset, cut off, aborted. */
export function httpRequest(url: string, options: HttpRequest = {}): Promise<HttpResponse> {
  const { method = "GET", headers = {}, body, agent = false, signal } = options;
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent, ...(signal && { signal }) }, (response) => {
      const pieces: Buffer[] = [];
      response.on("data", (piece: Buffer) => pieces.push(piece));
      response.on("error", reject);
      response.on("end", () => {
        const text = Buffer.concat(pieces).toString();
        resolve({
          status: response.statusCode!,
          headers: response.headers,
          body: text,
          json: <T>() => JSON.parse(text) as T,
        });
      });
    });
    sent.on("error", reject);
    sent.end(body);
  });
}
