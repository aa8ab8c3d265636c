/**
 * A print shop: one queue of jobs, and screens that show it. Run as `root`, `relay ADDRESS` or
 * `screen ADDRESS TITLE PAGES`, each a process of its own; every process prints its address or what it sees.
 */

import { CallError, createMachine, defineSchema } from "../../machine/mod.ts";
import { connect, startNode } from "../../node/node.ts";

const schema = defineSchema({
  Idle: { auto: true, remove: ["Printing"] },
  Printing: { remove: ["Idle"] },
  Jammed: { remove: ["Printing"] },
});
type Job = { readonly title: string; readonly pages: number };
type Calls = { readonly submit: (job: Job) => { readonly position: number } };
const here = { addr: "127.0.0.1:0", httpAddr: "127.0.0.1:0" };
const [role, address = "", title = "", pages = "0"] = process.argv.slice(2);

if (role === "root") {
  const jobs: Job[] = [];
  const printer = createMachine(schema, { id: "printer" });
  printer.handle({
    JammedEnter: () => jobs.length > 0, // an empty printer cannot jam
    async PrintingState({ machine, signal }) {
      await new Promise((done) => setTimeout(done, jobs[0]!.pages));
      if (signal.aborted) return; // jammed
      jobs.shift();
      machine.remove("Printing");
      if (jobs.length > 0) machine.add("Printing");
    },
  });
  const calls: Calls = {
    submit(job) {
      if (!(job.pages > 0)) throw new CallError("invalid_argument", `"${job.title}" has no pages`);
      jobs.push(job);
      if (jobs.length === 1) printer.add("Printing");
      return { position: jobs.length };
    },
  };
  printer.serve(calls);
  console.log(String((await startNode({ machine: printer, ...here })).addr));
} else if (role === "relay") {
  console.log(String((await startNode({ name: "relay", parentAddr: address, ...here })).addr));
} else {
  await using printer = (await connect<keyof typeof schema>(address)).withCalls<Calls>();
  printer.handle({ PrintingState: () => console.log("printing") });
  try {
    const { position } = await printer.call("submit", { title, pages: Number(pages) });
    console.log(`"${title}" is number ${position}`);
    await printer.when("Idle");
    console.log(`idle at ${printer.version}, ${Math.round(printer.ageMs())} ms old`);
  } catch (error) {
    console.log((error as Error).message); // the reason of the root
  }
}
