/** Prints which file of the package a runtime takes for its entry `node`. */

console.log(import.meta.resolve("tree-state-source/node"));
