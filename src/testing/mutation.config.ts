import { defineConfig } from "vitest/config";

/** For mutation testing of the machine: its own tests, the random ones with fewer cases, as each mutant runs them. */
export default defineConfig({
  test: { include: ["src/machine/**/*.test.ts"], env: { PROPERTY_RUNS: "400" }, bail: 1 },
});
