#!/usr/bin/env node
// Tests the playground's parser of server-sent events with a small server that sends event streams.
//
//     node tests/browser/events.mjs

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { setImmediate as yieldTurn } from "node:timers/promises";

// Imported as a data URL, because Node treats a `.js` file as a module only with a manifest, which the page does not need.
const source = await readFile(new URL("../../src/server/playground/request.js", import.meta.url), "base64");
const { send, subscribe } = await import(`data:text/javascript;base64,${source}`);

const OPERATION = { query: "subscription { tick }" };
let serve;
const server = createServer((request, response) => serve(request, response)).listen(0, "127.0.0.1");
await once(server, "listening");

// The addresses in the module are relative to the page.
const { fetch } = globalThis;
globalThis.fetch = (path, init) => fetch(`http://127.0.0.1:${server.address().port}${path}`, init);

/** Sends each piece separately, so that no two pieces arrive as one chunk. */
function sendPieces(...pieces) {
  return async (request, response) => {
    assert.match(request.headers.accept, /^text\/event-stream, application\/graphql-response\+json/);
    response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
    for (const piece of pieces) {
      await new Promise((resolve) => response.write(piece, resolve));
      for (let turns = 0; turns < 20; turns += 1) await yieldTurn();
    }
    response.end();
  };
}

async function collect(operation = OPERATION) {
  const results = [];
  for await (const result of subscribe(operation)) results.push(result);
  return results;
}

const euro = Buffer.from("€");
const TESTS = {
  async "events are parsed however the stream is split into chunks"() {
    serve = sendPieces(
      ":\n\nevent: next\ndata: {\"data\":{\"tick\":1}}\n\n",
      "event: next\r", "\ndata: {\"data\":\r\ndata: {\"tick\":2}}\r\n\r", "\n",
      ": still here\n\nevent:next\ndata:{\"data\":{\"tick\":\"", euro.subarray(0, 1), euro.subarray(1), "\"}}\n\n",
      "event: complete\ndata:\n\n", "event: next\ndata: {}\n\n",
    );
    const ticks = [1, 2, "€"].map((tick) => ({ data: { tick } }));
    assert.deepEqual(await collect(), ticks, "no event follows `complete`");
  },

  async "a complete event without other events ends the loop"() {
    serve = sendPieces("event: complete\n\n");
    assert.deepEqual(await collect(), []);
  },

  async "a stream that ends early is an error"() {
    serve = sendPieces("event: next\ndata: {\"data\":{}}\n\n");
    await assert.rejects(collect(), /closed the stream before its end/);
  },

  async "a response that is not a stream is the only result"() {
    const refusal = { errors: [{ message: "no" }] };
    serve = (_, response) => response.writeHead(400, { "content-type": "application/json" }).end(JSON.stringify(refusal));
    assert.deepEqual(await collect(), [refusal]);
    assert.deepEqual((await send(OPERATION)).result, refusal);
  },

  async "a response that is not JSON is an error with its status"() {
    serve = (_, response) => response.writeHead(502, { "content-type": "text/html" }).end("<h1>Bad gateway</h1>");
    await assert.rejects(collect(), /answered 502 without JSON: <h1>Bad gateway/);
    await assert.rejects(send(OPERATION), /answered 502/);
  },

  async "a subscriber that stops while it waits closes the connection"() {
    let closed;
    const opened = new Promise((resolve) => {
      serve = (_, response) => {
        closed = once(response, "close");
        response.writeHead(200, { "content-type": "text/event-stream" }).write(":\n\n", resolve);
      };
    });
    const events = subscribe(OPERATION);
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
