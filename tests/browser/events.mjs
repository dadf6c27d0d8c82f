#!/usr/bin/env node
// Holds the playground's reader of server-sent events to what a server may send, by a small server that sends it.
//
//     node tests/browser/events.mjs

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { setImmediate as turn } from "node:timers/promises";

// By a data URL, as Node takes a file for a module only by its name or a manifest, and the page needs neither.
const source = await readFile(new URL("../../src/server/playground/request.js", import.meta.url), "base64");
const { ask, listen } = await import(`data:text/javascript;base64,${source}`);

const OPERATION = { query: "subscription { tick }" };
let serve;
const server = createServer((request, response) => serve(request, response)).listen(0, "127.0.0.1");
await once(server, "listening");

// A page's addresses are relative to the page.
const { fetch } = globalThis;
globalThis.fetch = (path, init) => fetch(`http://127.0.0.1:${server.address().port}${path}`, init);

/** Sends each piece by itself, so that no two arrive as one. */
function sends(...pieces) {
  return async (request, response) => {
    assert.match(request.headers.accept, /^text\/event-stream, application\/graphql-response\+json/);
    response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
    for (const piece of pieces) {
      await new Promise((resolve) => response.write(piece, resolve));
      for (let turns = 0; turns < 20; turns += 1) await turn();
    }
    response.end();
  };
}

async function all(operation = OPERATION) {
  const results = [];
  for await (const result of listen(operation)) results.push(result);
  return results;
}

const euro = Buffer.from("€");
const TESTS = {
  async "events come however the stream is cut"() {
    serve = sends(
      ":\n\nevent: next\ndata: {\"data\":{\"tick\":1}}\n\n",
      "event: next\r", "\ndata: {\"data\":\r\ndata: {\"tick\":2}}\r\n\r", "\n",
      ": still here\n\nevent:next\ndata:{\"data\":{\"tick\":\"", euro.subarray(0, 1), euro.subarray(1), "\"}}\n\n",
      "event: complete\ndata:\n\n", "event: next\ndata: {}\n\n",
    );
    const ticks = [1, 2, "€"].map((tick) => ({ data: { tick } }));
    assert.deepEqual(await all(), ticks, "and none after the end");
  },

  async "an end without an event ends the loop"() {
    serve = sends("event: complete\n\n");
    assert.deepEqual(await all(), []);
  },

  async "a stream that breaks off is an error"() {
    serve = sends("event: next\ndata: {\"data\":{}}\n\n");
    await assert.rejects(all(), /closed the stream before its end/);
  },

  async "a refusal is the only event"() {
    const refusal = { errors: [{ message: "no" }] };
    serve = (_, response) => response.writeHead(400, { "content-type": "application/json" }).end(JSON.stringify(refusal));
    assert.deepEqual(await all(), [refusal]);
    assert.deepEqual((await ask(OPERATION)).result, refusal);
  },

  async "what is no JSON is told with its status"() {
    serve = (_, response) => response.writeHead(502, { "content-type": "text/html" }).end("<h1>Bad gateway</h1>");
    await assert.rejects(all(), /answered 502 and no JSON: <h1>Bad gateway/);
    await assert.rejects(ask(OPERATION), /answered 502/);
  },

  async "who stops while waiting hangs up"() {
    let closed;
    const opened = new Promise((resolve) => {
      serve = (_, response) => {
        closed = once(response, "close");
        response.writeHead(200, { "content-type": "text/event-stream" }).write(":\n\n", resolve);
      };
    });
    const events = listen(OPERATION);
    const waiting = events.next();
    await opened;
    await events.return();
    assert.deepEqual(await waiting, { value: undefined, done: true });
    await closed;
  },
};

for (const [name, test] of Object.entries(TESTS)) {
  await test();
  console.log(`passed: ${name}`);
}
server.close();
server.closeAllConnections?.();
