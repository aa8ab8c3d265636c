#!/usr/bin/env node
/** `tree-state-source COMMAND`: the command of the installed package. */

import { VERSION } from "../tree/mod.ts";
import { EXIT_UNUSABLE } from "./exit_codes.ts";
import { runtime } from "./runtime.ts";

const HELP = `tree-state-source node FLAGS      runs one node of the tree
tree-state-source start           runs the tree of flights on this machine, one process per node
tree-state-source COMMAND --help  lists flags and variables
tree-state-source --version       prints the version`;

const command = runtime.takeArgument();
switch (command) {
  case "node":
    await import("./node.ts");
    break;
  case "start":
    if (runtime.runtimeName === "Node.js") await import("./start.ts");
    else refuse(`Cannot start the tree on ${runtime.runtimeName}: its processes run on Node.js`);
    break;
  case "--help":
  case "-h":
    runtime.writeLine(HELP);
    break;
  case "--version":
  case "-v":
    runtime.writeLine(VERSION);
    break;
  default: {
    const given = command === undefined ? "without a command" : `"${command}"`;
    refuse(`Cannot run ${given}: the commands are node and start; see --help`);
  }
}

function refuse(problem: string): void {
  runtime.writeErrorLine(problem);
  runtime.exit(EXIT_UNUSABLE);
}
