import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["src/testing/faults/*.faults.ts"],
    // One file at a time, as the tests measure durations of up to nine processes.
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 120_000,
  },
});
