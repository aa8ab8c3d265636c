/** How a user runs a command: by npm in the repository, whose files are TypeScript, else by the package's own command. */

const isRepository = import.meta.url.endsWith(".ts");

export const NODE_USAGE = isRepository ? "npm run node --" : "tree-state-source node";
export const START_USAGE = isRepository ? "npm start" : "tree-state-source start";
/** The same, with flags after it. */
export const START_FLAGS_USAGE = isRepository ? "npm start --" : START_USAGE;
