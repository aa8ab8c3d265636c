/** Versions in URLs and headers: `<epoch>-<seq>`, the epoch in lower-case hex. */

export interface Version {
  /** Lower-case hex digits. */
  readonly epoch: string;
  /** 0 to 2^53 - 1. */
  readonly seq: number;
}

const VERSION_PATTERN = /^([0-9a-f]{1,16})-(0|[1-9]\d{0,15})$/;

/** Reads a version; undefined if `text` is not one. */
export function parseVersion(text: string): Version | undefined {
  const match = VERSION_PATTERN.exec(text);
  if (match === null) return undefined;
  const seq = Number(match[2]);
  return Number.isSafeInteger(seq) ? { epoch: match[1]!, seq } : undefined;
}
