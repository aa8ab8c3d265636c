import { describe, expect, it } from "vitest";
import { parseConfig } from "./config.ts";
import { defaultTree, environmentOf } from "./default_tree.ts";

describe("defaultTree()", () => {
  it("has one root, two relays and six leaves at well-known addresses", () => {
    const lines = defaultTree().map(
      ({ name, role, port, httpPort, upstreamPorts }) =>
        `${name} ${role} ${port} ${httpPort} ${upstreamPorts.join(",")}`,
    );
    expect(lines).toEqual([
      "root root 19700 18700 ",
      "rep-1 relay 19701 18701 19700",
      "rep-2 relay 19702 18702 19700",
      "rep-1-1 leaf 19703 18703 19701,19702",
      "rep-1-2 leaf 19704 18704 19701,19702",
      "rep-1-3 leaf 19705 18705 19701,19702",
      "rep-2-1 leaf 19706 18706 19702,19701",
      "rep-2-2 leaf 19707 18707 19702,19701",
      "rep-2-3 leaf 19708 18708 19702,19701",
    ]);
  });

  it("moves every port by the offset", () => {
    expect(defaultTree(1000)[3]).toMatchObject({
      port: 20_703,
      httpPort: 19_703,
      upstreamPorts: [20_701, 20_702],
    });
  });
});

describe("environmentOf()", () => {
  it("is a configuration that a node accepts", () => {
    for (const place of defaultTree()) {
      expect(parseConfig(environmentOf(place))).toMatchObject({
        name: place.name,
        role: place.role,
      });
    }
  });

  it("lets relays and leaves follow a selection, but not the root", () => {
    for (const place of defaultTree()) {
      const env = { TST_STATES: "Flight2*", ...environmentOf(place) };
      const isRoot = place.role === "root";
      expect(parseConfig(env).selection?.prefixes).toEqual(isRoot ? undefined : ["Flight2"]);
    }
  });
});
