/** HTTP as the tests' clients speak it: whole answers, and errors of the connection told apart from answers. */

import { type Agent, request } from "node:http";

/** A node as its clients know it. */
export interface HttpNode {
  readonly name: string;
  /** Where its HTTP API is: http://host:port. */
  readonly url: string;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  json<T>(): T;
}

export interface HttpRequest {
  readonly method?: "GET" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Keeps connections from request to request; without one, each request makes its own. */
  readonly agent?: Agent;
  readonly signal?: AbortSignal;
}

/** Rejects when there is no whole answer: refused, reset, cut off, aborted. */
export function httpRequest(url: string, options: HttpRequest = {}): Promise<HttpAnswer> {
  const { method = "GET", headers = {}, body, agent = false, signal } = options;
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent, ...(signal && { signal }) }, (answer) => {
      const pieces: Buffer[] = [];
      answer.on("data", (piece: Buffer) => pieces.push(piece));
      answer.on("error", reject);
      answer.on("end", () => {
        const text = Buffer.concat(pieces).toString();
        resolve({
          status: answer.statusCode!,
          headers: answer.headers,
          body: text,
          json: <T>() => JSON.parse(text) as T,
        });
      });
    });
    sent.on("error", reject);
    sent.end(body);
  });
}
