/**
 * A leaf of the running tree that logs each flight that becomes Delayed, and sends it to a webhook.
 *
 * ```sh
 * npm start                                                            # in one terminal
 * npm run example:delayed -- --webhook http://127.0.0.1:9000/delayed   # in another
 * ```
 *
 * `--include-active` includes flights that are already Delayed. Without `--webhook` it only logs. It
 * accepts all flags and variables of a node, and follows the two relays by default.
 */

import { commandArguments } from "../../runtime/node.ts";
import { ConfigError } from "../mod.ts";
import { configureLeaf, runExample, startLeaf } from "./example_leaf.ts";
import { watchDelayed } from "./watch_delayed.ts";
import { Webhook } from "./webhook.ts";

/** Longest time for waiting notices after a stop signal, in milliseconds. */
const GRACE_MS = 2_000;

async function main(): Promise<void> {
  const args = commandArguments();
  const includeActive = take(args, "--include-active", 0) !== undefined;
  const url = take(args, "--webhook", 1);
  if (url !== undefined && !/^https?:$/.test(URL.parse(url)?.protocol ?? ""))
    throw new ConfigError([`Cannot use --webhook: "${url}" is not an http or https URL`]);
  const config = configureLeaf("delayed", args);
  if (config.role === "root")
    throw new ConfigError(["Cannot watch from the root: bind handlers to its machine instead"]);

  let webhook: Webhook | undefined;
  const { node, log } = await startLeaf(config, () => webhook?.close(GRACE_MS));
  webhook =
    url === undefined
      ? undefined
      : new Webhook({
          url,
          tracer: {
            delivered: ({ key }, attempts) => log.info("notice delivered", { key, attempts }),
            retried: ({ key }, attempt, reason, waitMs) =>
              log.warn("notice failed", { key, attempt, reason, waitMs }),
            lost: ({ key }, reason) => log.error("notice lost", { key, reason }),
          },
        });
  watchDelayed(node.localMachine!, log, (notice) => webhook?.send(notice), includeActive);
}

/** Removes a flag and its value, if it has one, from the arguments. Returns the value. */
function take(args: string[], flag: string, values: 0 | 1): string | undefined {
  const at = args.indexOf(flag);
  if (at < 0) return undefined;
  const [, value = ""] = args.splice(at, 1 + values);
  return value;
}

await runExample(main);
