import { defineConfig } from "vitest/config";

export default defineConfig({ test: { include: ["src/testing/*.smoke.ts"], testTimeout: 60_000 } });
