/**
 * A leaf of the running tree that logs each flight that turns Delayed and tells a webhook of it.
 *
 * ```sh
 * npm start                                                            # in one terminal
 * npm run example:delayed -- --webhook http://127.0.0.1:9000/delayed   # in another
 * ```
 *
 * `--include-active` tells of those as well that are Delayed already. Without `--webhook` it only logs. All
 * flags and variables of a node do what they do for any node; it follows the two relays by default.
 */

import { commandArguments } from "../../runtime/node.ts";
import { ConfigError } from "../mod.ts";
import { configureLeaf, runExample, startLeaf } from "./example_leaf.ts";
import { watchDelayed } from "./watch_delayed.ts";
import { Webhook } from "./webhook.ts";

/** How long a stop goes on with notices that wait, in milliseconds. */
const GRACE_MS = 2_000;

async function main(): Promise<void> {
  const args = commandArguments();
  const includeActive = take(args, "--include-active", 0) !== undefined;
  const url = take(args, "--webhook", 1);
  if (url !== undefined && !/^https?:$/.test(URL.parse(url)?.protocol ?? ""))
    throw new ConfigError([`Cannot use --webhook: "${url}" is not an http or https URL`]);
  const config = configureLeaf("delayed", args);
  if (config.role === "root")
    throw new ConfigError(["Cannot watch from the root: handlers of its machine do that"]);

  let webhook: Webhook | undefined;
  const { node, log } = await startLeaf(config, () => webhook?.close(GRACE_MS));
  webhook =
    url === undefined
      ? undefined
      : new Webhook({
          url,
          observer: {
            delivered: ({ key }, attempts) => log.info("webhook told", { key, attempts }),
            retried: ({ key }, attempt, reason, waitMs) =>
              log.warn("webhook failed", { key, attempt, reason, waitMs }),
            lost: ({ key }, reason) => log.error("webhook not told", { key, reason }),
          },
        });
  watchDelayed(node.localMachine!, log, (notice) => webhook?.send(notice), includeActive);
}

/** Takes a flag with its value, or with none, out of the arguments. */
function take(args: string[], flag: string, values: 0 | 1): string | undefined {
  const at = args.indexOf(flag);
  if (at < 0) return undefined;
  const [, value = ""] = args.splice(at, 1 + values);
  return value;
}

await runExample(main);
