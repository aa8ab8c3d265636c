/** Reads a JSON body whole, but never more of it than a limit allows. */

import { locateJsonError } from "./json_error.ts";
import { HttpProblem } from "./problem.ts";

/**
 * Reads and parses a request's JSON body. Throws problems: 415 for another media type, charset or
 * content coding, 413 as soon as more than `maxBytes` are announced or have come, 400 if it is not
 * UTF-8 or not JSON, saying where.
 */
export async function readJsonBody(request: Request, maxBytes: number): Promise<unknown> {
  requireJsonType(request.headers);
  const bytes = await readBytes(request, maxBytes);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new HttpProblem(400, "broken-json", "Cannot read the body: it is not UTF-8", { cause });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    const { offset, expected } = locateJsonError(text);
    const before = text.slice(0, offset).split("\n");
    const line = before.length;
    const column = before.at(-1)!.length + 1;
    const found = offset >= text.length ? "the end" : JSON.stringify(text[offset]);
    throw new HttpProblem(
      400,
      "broken-json",
      `Cannot read the body as JSON: line ${line}, column ${column} is ${found}, not ${expected}`,
      { members: { line, column, offset }, cause },
    );
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

async function readBytes(request: Request, maxBytes: number): Promise<Uint8Array> {
  const tooLarge = (size: string): HttpProblem =>
    new HttpProblem(
      413,
      "body-too-large",
      `Cannot read the body: it is ${size} bytes long, and ${maxBytes} is the limit`,
      { members: { maxBytes } },
    );
  const announced = request.headers.get("content-length");
  if (announced !== null && Number(announced) > maxBytes) throw tooLarge(announced);
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    // The length that was announced may be missing or wrong: what counts is what comes.
    for await (const chunk of request.body ?? []) {
      length += chunk.length;
      if (length > maxBytes) throw tooLarge(`more than ${maxBytes}`);
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof HttpProblem) throw error;
    // A body that breaks off: there is nobody left to read the answer.
    throw new HttpProblem(499, "client-gone", "Cannot read the body: it broke off", {
      cause: error,
    });
  }
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}
