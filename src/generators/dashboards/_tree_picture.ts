/** The current tree: a picture of who follows whom, one line per node, and the links over time. */

import {
  ATTR_SERVICE_INSTANCE_ID,
  ATTR_UPSTREAM_NODE,
  METRIC_CLOCK_AGE,
  METRIC_LAG_SEQS,
  METRIC_MEMORY_USAGE,
  METRIC_RECEIVED,
  METRIC_SENT,
  METRIC_SEQ,
  METRIC_UPSTREAM,
  METRIC_UPTIME,
} from "../../telemetry/semconv.ts";
import { linkStatusPanel } from "./_link_status.ts";
import { NODE_CELL_LINK } from "./_links.ts";
import { nodeGraph, type PlacedPanel, table } from "./_panels.ts";
import { NODE, rateBy, select, TIER } from "./_promql.ts";
import { promql } from "./_queries.ts";

const ALL = { nodes: "all" } as const;

export function treePicture(): PlacedPanel[] {
  const received = rateBy(METRIC_RECEIVED, [ATTR_SERVICE_INSTANCE_ID], ALL);
  const upstream = `max by (${NODE}, ${ATTR_UPSTREAM_NODE}) (${select(METRIC_UPSTREAM, ALL)})`;
  const perLink = `${received} * on (${NODE}) group_right () ${upstream}`;
  const copy = (expr: string, to: string, from: string) =>
    `label_replace(${expr}, "${to}", "$1", "${from}", "(.+)")`;
  const edges = copy(
    copy(
      `label_join(${perLink}, "id", " from ", "${NODE}", "${ATTR_UPSTREAM_NODE}")`,
      "source",
      ATTR_UPSTREAM_NODE,
    ),
    "target",
    NODE,
  );
  const age = `max by (${NODE}, ${TIER}) (${select(METRIC_CLOCK_AGE, ALL)})`;
  const nodes = copy(copy(copy(age, "id", NODE), "title", NODE), "subtitle", TIER);
  const columns: readonly [header: string, expr: string, unit: string][] = [
    ["Seq", `max by (${NODE}, ${TIER}) (${select(METRIC_SEQ, ALL)})`, "none"],
    ["Clock age", `max by (${NODE}) (${select(METRIC_CLOCK_AGE, ALL)})`, "s"],
    ["Behind by", `max by (${NODE}) (${select(METRIC_LAG_SEQS, ALL)})`, "none"],
    ["In", received, "Bps"],
    ["Out", rateBy(METRIC_SENT, [ATTR_SERVICE_INSTANCE_ID], ALL), "Bps"],
    ["Memory", `max by (${NODE}) (${select(METRIC_MEMORY_USAGE, ALL)})`, "bytes"],
    ["Up for", `max by (${NODE}) (${select(METRIC_UPTIME, ALL)})`, "s"],
  ];
  const letter = (index: number) => String.fromCharCode(65 + index);
  return [
    nodeGraph({
      title: "Who follows whom",
      description:
        "Each node with its clock age, each link with the bytes a second that it carries. A leaf whose relay is down follows the other one.",
      targets: [
        promql(nodes, { refId: "nodes", as: "table" }),
        promql(edges, { refId: "edges", as: "table" }),
      ],
      transformations: [
        {
          id: "organize",
          options: {
            renameByName: {
              Value: "mainstat",
              "Value #nodes": "mainstat",
              "Value #edges": "mainstat",
            },
            excludeByName: { Time: true },
          },
        },
      ],
      height: 13,
    }),
    table({
      title: "Nodes",
      description:
        "One line per node. Behind by: seqs that its slowest downstream has not been sent yet. A click on the name opens the node.",
      targets: columns.map(([, expr], index) =>
        promql(expr, { as: "table", refId: letter(index) }),
      ),
      width: 12,
      height: 13,
      transformations: [
        { id: "joinByField", options: { byField: NODE, mode: "outer" } },
        {
          id: "organize",
          options: {
            excludeByName: Object.fromEntries(
              ["Time", ...columns.map((_, index) => `Time ${index + 1}`)].map((name) => [
                name,
                true,
              ]),
            ),
            renameByName: {
              [NODE]: "Node",
              [TIER]: "Tier",
              ...Object.fromEntries(
                columns.map(([header], index) => [`Value #${letter(index)}`, header]),
              ),
            },
          },
        },
        { id: "sortBy", options: { sort: [{ field: "Node" }] } },
      ],
      overrides: {
        Node: [NODE_CELL_LINK],
        ...Object.fromEntries(
          columns.map(([header, , unit]) => [header, [{ id: "unit", value: unit }]]),
        ),
      },
    }),
    linkStatusPanel("all"),
  ];
}
