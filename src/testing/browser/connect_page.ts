/** The script of a page that uses the client as a page of a user would: it mutates, and shows what it sees. */

import { connect } from "../../client/mod.ts";

const node = new URLSearchParams(location.search).get("node") ?? "";
const remote = await connect(node);
const { result, version } = await remote.add("Flight7Delayed");
const finding = { name: "page", version, status: result, activeStates: remote.activeStates() };
await fetch("/findings", { method: "POST", body: JSON.stringify(finding) });
remote.handle({
  async Flight8DelayedState() {
    const later = { ...finding, version: remote.version, activeStates: remote.activeStates() };
    await fetch("/findings", { method: "POST", body: JSON.stringify(later) });
  },
});
