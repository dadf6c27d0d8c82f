#!/usr/bin/env node
// Tests that two documents of one browser share a session of examples/apollo through Web Locks and storage.
//
//     node tests/browser/tabs.mjs URL    of a server with the demonstration data; examples/apollo must be built
//
// A tab and a frame of the same origin share locks and storage in the same way as two tabs.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";

import { Chromium } from "./chromium.mjs";

const server = new URL(process.argv[2]);
const source = await readFile(new URL("../../examples/apollo/dist/session.js", import.meta.url), "utf8");

/**
 * Runs in the page: both documents need a new token at the same time. Returns whether they got the same one, and the
 * number of requests they sent.
 */
async function refreshTogether(source, isLocked) {
  const SIGN_IN = `mutation { sessionCreate(email: "guest@demo.roost.example", password: "roost-demo-2027") {
    tokens { accessToken expiresAt refreshToken } } }`;
  const frame = document.createElement("iframe");
  frame.src = location.href;
  await new Promise((resolve) => {
    frame.addEventListener("load", resolve);
    document.body.append(frame);
  });
  let requests = 0;
  const sessions = [window, frame.contentWindow].map((tab) => {
    const counted = (...request) => {
      requests += 1;
      return tab.fetch(...request);
    };
    const Session = tab.eval(`(() => { ${source.replaceAll(/^export /gm, "")}; return Session; })()`);
    const locks = isLocked ? tab.navigator.locks : { request: (_name, run) => run() };
    return new Session("/graphql", { storage: tab.localStorage, locks, fetch: counted });
  });
  const headers = { "content-type": "application/json" };
  const response = await fetch("/graphql", { method: "POST", headers, body: JSON.stringify({ query: SIGN_IN }) });
  const { tokens } = (await response.json()).data.sessionCreate;
  await sessions[0].save({ ...tokens, expiresAt: new Date(0).toISOString() });
  const results = await Promise.allSettled(sessions.map((session) => session.accessToken()));
  for (const session of sessions) session.close();
  frame.remove();
  const [one, two] = results.map(({ value }) => value);
  return { isShared: one !== undefined && one === two, requests };
}

const browser = new Chromium(server);
await browser.start();
try {
  // Any page of the server's origin without a policy that forbids frames.
  await browser.open("/health/live");
  const refresh = async (isLocked) => {
    const expression = `(${refreshTogether})(${JSON.stringify(source)}, ${isLocked})`;
    const { result, exceptionDetails } = await browser.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  };
  assert.deepEqual(await refresh(true), { isShared: true, requests: 1 });
  assert.equal((await refresh(false)).requests, 2, "without locks, both documents refresh");
  const isFavicon = (fault) => fault.endsWith("/favicon.ico");
  assert.deepEqual(browser.faults.filter((fault) => !isFavicon(fault)), []);
  console.log("passed: two tabs share one refresh of the tokens");
} finally {
  await browser.stop();
}
