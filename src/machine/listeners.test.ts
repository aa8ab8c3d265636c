import { describe, expect, it } from "vitest";
import { Listeners } from "./listeners.ts";

describe("Listeners", () => {
  it("are called in order, each once, until they are removed", () => {
    const log: string[] = [];
    const listeners = new Listeners<[number, string]>(() => log.push("error"));
    expect(listeners.isEmpty).toBe(true);
    const first = (n: number, s: string) => log.push(`first ${n}${s}`);
    const remove = listeners.add(first);
    listeners.add((n) => log.push(`second ${n}`));
    listeners.add(first);
    listeners.call(1, "a");
    remove();
    listeners.call(2, "b");
    expect(log).toEqual(["first 1a", "second 1", "second 2"]);
    expect(listeners.isEmpty).toBe(false);
  });

  it("are all called even if one throws", () => {
    const log: string[] = [];
    const listeners = new Listeners<[]>(({ message }) => log.push(message));
    listeners.add(() => {
      throw "no error object";
    });
    listeners.add(() => log.push("called"));
    listeners.call();
    expect(log).toEqual(["no error object", "called"]);
  });
});
