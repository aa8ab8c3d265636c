import { defineConfig } from "vitest/config";

/** Mutation testing of the machine: runs its tests for each mutant, the random ones with fewer cases. */
export default defineConfig({
  test: { include: ["src/machine/**/*.test.ts"], env: { PROPERTY_RUNS: "1000" }, bail: 1 },
});
