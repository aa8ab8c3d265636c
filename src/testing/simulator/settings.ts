/** The variables that configure a search. */

export interface Settings {
  readonly seed: number;
  readonly scenarios: number;
}

/** `SIM_SEED` is the first scenario, random by default; `SIM_SCENARIOS` the number of scenarios. Throws a `RangeError`. */
export function readSettings(
  environment: Readonly<Record<string, string | undefined>>,
  defaultScenarios: number,
): Settings {
  return {
    seed: readNumber(environment, "SIM_SEED", 0xffff_ffff) ?? randomSeed(),
    scenarios: readNumber(environment, "SIM_SCENARIOS", 1e9) ?? defaultScenarios,
  };
}

function readNumber(
  environment: Readonly<Record<string, string | undefined>>,
  name: string,
  max: number,
): number | undefined {
  const text = environment[name];
  if (text === undefined || text === "") return undefined;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > max)
    throw new RangeError(`Cannot simulate: ${name} is "${text}", not a whole number up to ${max}`);
  return value;
}

function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]!;
}
