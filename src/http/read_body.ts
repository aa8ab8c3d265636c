/** Reads a JSON body up to a limit. */

import { ReplicationError, readBytes } from "../replication/mod.ts";
import { HttpProblem } from "./problem.ts";

/**
 * Reads and parses a request's JSON body. Throws problems: 415 for another media type, charset or
 * content coding, 413 as soon as more than `maxBytes` are announced or have arrived, 400 for a body
 * that is not UTF-8 or not JSON.
 */
export async function readJsonBody(request: Request, maxBytes: number): Promise<unknown> {
  requireJsonType(request.headers);
  const bytes = await readBody(request, maxBytes);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new HttpProblem(400, "broken-json", "Cannot read the body: it is not UTF-8", { cause });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    // Every runtime's message quotes at most a few hundred characters of the body.
    const { message } = cause as SyntaxError;
    throw new HttpProblem(400, "broken-json", `Cannot read the body as JSON: ${message}`, {
      cause,
    });
  }
}

function requireJsonType(headers: Headers): void {
  const contentType = headers.get("content-type");
  const [mediaType, ...params] = (contentType ?? "").toLowerCase().split(";");
  const isJson = mediaType!.trim() === "application/json";
  const isUtf8 = params.every((param) => {
    const [name, value = ""] = param.trim().split("=");
    return name !== "charset" || /^"?utf-?8"?$/.test(value);
  });
  if (!isJson || !isUtf8) {
    const given = contentType === null ? "missing" : `"${contentType}"`;
    throw new HttpProblem(
      415,
      "unsupported-media-type",
      `Cannot read the body: its content-type is ${given}, not application/json in UTF-8`,
      { headers: { accept: "application/json" } },
    );
  }
  const coding = headers.get("content-encoding");
  if (coding !== null && coding.toLowerCase() !== "identity") {
    throw new HttpProblem(
      415,
      "unsupported-media-type",
      `Cannot read the body: its content-encoding is "${coding}", and none is supported`,
      { headers: { "accept-encoding": "identity" } },
    );
  }
}

async function readBody(request: Request, maxBytes: number): Promise<Uint8Array> {
  const announced = request.headers.get("content-length");
  if (announced !== null && Number(announced) > maxBytes) throw bodyTooLarge(announced, maxBytes);
  try {
    // The announced length may be missing or wrong: only the bytes that arrive count.
    return await readBytes(request, maxBytes);
  } catch (cause) {
    if (cause instanceof ReplicationError) throw bodyTooLarge(`more than ${maxBytes}`, maxBytes);
    // The body broke off, so nobody is left to read the response.
    throw new HttpProblem(499, "client-gone", "Cannot read the body: it broke off", { cause });
  }
}

function bodyTooLarge(size: string, maxBytes: number): HttpProblem {
  return new HttpProblem(
    413,
    "body-too-large",
    `Cannot read the body: it is ${size} bytes long, and ${maxBytes} is the limit`,
    { members: { maxBytes } },
  );
}
