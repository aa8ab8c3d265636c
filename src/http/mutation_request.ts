/** Reads the body of `POST /mutations` and checks it member by member. */

import {
  encodeArgs,
  MUTATION_TYPES,
  type MutationRequest,
  ReplicationError,
} from "../replication/mod.ts";

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
