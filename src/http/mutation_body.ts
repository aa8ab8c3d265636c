/** Reads the body of `POST /mutations` and checks it member by member. */

import {
  encodeArgs,
  MUTATION_TYPES,
  type MutationRequest,
  ReplicationError,
  readBytes,
} from "../replication/mod.ts";
import { HttpProblem } from "./problem.ts";

const MEMBERS = ["type", "states", "args"];

/** One error in a body: a JSON pointer to it (RFC 6901, as a URI fragment) and a description. */
export interface BodyError {
  readonly pointer: string;
  readonly detail: string;
}

/** Reads a mutation from a parsed body, or lists its errors. Unknown members are errors: most are misspelt. */
export function toMutationRequest(body: unknown): MutationRequest | { errors: BodyError[] } {
  if (!isObject(body)) {
    return { errors: [{ pointer: "#", detail: `the body is ${describe(body)}, not an object` }] };
  }
  const errors: BodyError[] = [];
  const { type, states, args } = body;
  if (!MUTATION_TYPES.includes(type as MutationRequest["type"])) {
    const allowed = MUTATION_TYPES.map((allowedType) => `"${allowedType}"`).join(", ");
    errors.push({
      pointer: "#/type",
      detail: `"type" is ${describe(type)}, not one of ${allowed}`,
    });
  }
  if (!Array.isArray(states)) {
    errors.push({ pointer: "#/states", detail: `"states" is ${describe(states)}, not an array` });
  } else {
    const index = states.findIndex((state) => typeof state !== "string");
    if (index >= 0) {
      const detail = `item ${index} of "states" is ${describe(states[index])}, not a string`;
      errors.push({ pointer: `#/states/${index}`, detail });
    }
  }
  let argsJson: string | undefined;
  if (isObject(args)) {
    try {
      argsJson = encodeArgs(args);
    } catch (error) {
      errors.push({ pointer: "#/args", detail: ReplicationError.from(error).message });
    }
  } else if (args !== undefined) {
    errors.push({ pointer: "#/args", detail: `"args" is ${describe(args)}, not an object` });
  }
  for (const member of Object.keys(body)) {
    if (MEMBERS.includes(member)) continue;
    const shown = shorten(member);
    const detail = `"${shown}" is not a member of a mutation, which are ${MEMBERS.join(", ")}`;
    errors.push({ pointer: `#/${toPointerPart(shown)}`, detail });
    if (errors.length > 9) break;
  }
  if (errors.length > 0) return { errors };
  return {
    type: type as MutationRequest["type"],
    states: states as string[],
    ...(argsJson !== undefined && { argsJson }),
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function describe(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object") return "an object";
  return shorten(JSON.stringify(value));
}

function shorten(text: string): string {
  return text.length > 40 ? `${text.slice(0, 39)}…` : text;
}

function toPointerPart(name: string): string {
  // The name may end in half a surrogate pair after a cut; encodeURIComponent throws for one.
  return encodeURIComponent(name.toWellFormed().replaceAll("~", "~0").replaceAll("/", "~1"));
}

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
