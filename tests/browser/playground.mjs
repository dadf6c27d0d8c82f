#!/usr/bin/env node
// Opens a server's playground in headless Chromium, executes an operation, and takes a picture of the answer.
//
//     npm pack graphiql@4.1.2 react@18.3.1 react-dom@18.3.1       and unpack each as PACKAGES/<name>
//     node tests/browser/playground.mjs [options] http://127.0.0.1:8000 picture.png
//
//     --packages DIR      the unpacked npm packages; default: $PLAYGROUND_PACKAGES or node_modules
//     --tab NAME          open this tab first
//     --query FILE        put this text into the editor first
//     --operation NAME    which operation to run where the text holds several; default: the first
//     --expect TEXT       what the answer must hold
//
// The page's files come from a content delivery network. They are served from the folder instead, so that no network
// is needed, but as the page's integrity attributes demand: a file that is not byte for byte the right one fails.
// It fails too on any error in the console, any breach of the page's content security policy and any request to a
// place other than the server and those files. It needs Node 20 and Chromium ($CHROMIUM), and nothing from npm but
// the packages above.

import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

const CDN_FILE = /^https:\/\/cdn\.jsdelivr\.net\/npm\/((?:@[\w.-]+\/)?[\w.-]+)@([\w.-]+)\/([\w./-]+)$/;
const CONTENT_TYPES = { ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8" };
const PATIENCE_MS = 20_000;
const CHROMIUM_FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--remote-debugging-pipe",
  "--window-size=1440,900",
];

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    packages: { type: "string", default: process.env.PLAYGROUND_PACKAGES ?? "node_modules" },
    tab: { type: "string" },
    query: { type: "string" },
    operation: { type: "string" },
    expect: { type: "string", default: "" },
  },
});
if (positionals.length !== 2) {
  console.error("usage: node tests/browser/playground.mjs [options] SERVER PICTURE.png");
  process.exit(2);
}
const [server, picture] = [new URL(positionals[0]), positionals[1]];
const faults = [];
const requests = new Set();

/** A Chromium that speaks the DevTools protocol over a pipe, which needs neither a port nor a WebSocket. */
class Chromium {
  static async start() {
    const chromium = new Chromium();
    chromium.profile = await mkdtemp(path.join(tmpdir(), "roost-browser-"));
    const program = process.env.CHROMIUM ?? "/usr/bin/chromium";
    const flags = [...CHROMIUM_FLAGS, `--user-data-dir=${chromium.profile}`, "about:blank"];
    chromium.process = spawn(program, flags, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
    chromium.gone = new Promise((resolve) => chromium.process.on("exit", resolve).on("error", resolve));
    chromium.isGone = false;
    chromium.waiting = new Map();
    chromium.listeners = new Map();
    chromium.gone.then((why) => {
      chromium.isGone = true;
      for (const { reject } of chromium.waiting.values()) reject(new Error(`${program} ended: ${why}`));
    });
    const [, , , input, output] = chromium.process.stdio;
    chromium.input = input.on("error", () => {});
    let unread = "";
    output.setEncoding("utf8").on("data", (text) => {
      const messages = (unread + text).split("\0");
      unread = messages.pop();
      for (const message of messages) chromium.receive(JSON.parse(message));
    });
    return chromium;
  }

  /** From here on, `send` speaks to the page that Chromium opened at its start. */
  async attach() {
    const { targetInfos } = await this.send("Target.getTargets");
    const { targetId } = targetInfos.find(({ type }) => type === "page");
    const { sessionId } = await this.send("Target.attachToTarget", { targetId, flatten: true });
    this.sessionId = sessionId;
  }

  receive({ id, result, error, method, params }) {
    if (id === undefined) {
      this.listeners.get(method)?.(params);
    } else {
      const { resolve, reject } = this.waiting.get(id);
      this.waiting.delete(id);
      error ? reject(new Error(error.message)) : resolve(result);
    }
  }

  #last = 0;
  send(method, params = {}) {
    if (this.isGone) return Promise.reject(new Error("Chromium has ended"));
    const id = ++this.#last;
    this.input.write(`${JSON.stringify({ id, method, params, sessionId: this.sessionId })}\0`);
    return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
  }

  on(method, listener) {
    this.listeners.set(method, listener);
  }

  /** Calls a function in the page. */
  async call(body, ...values) {
    const expression = `(${body})(...${JSON.stringify(values)})`;
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", { expression, returnByValue: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /** Calls a function in the page until it returns something. */
  async until(what, body, ...values) {
    for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await sleep(50)) {
      const value = await this.call(body, ...values);
      if (value) return value;
    }
    throw new Error(`waited ${PATIENCE_MS / 1000} s in vain for ${what}`);
  }

  /** Presses the mouse on the first such element, with this text if one is given: menus heed no less than that. */
  async click(what, selector, text) {
    const find = (selector, text) => {
      const elements = [...document.querySelectorAll(selector)];
      const box = elements.find((element) => !text || element.textContent.trim() === text)?.getBoundingClientRect();
      return box && { x: box.x + box.width / 2, y: box.y + box.height / 2 };
    };
    const place = { ...(await this.until(what, find, selector, text ?? "")), button: "left", clickCount: 1 };
    await this.send("Input.dispatchMouseEvent", { type: "mousePressed", ...place });
    await this.send("Input.dispatchMouseEvent", { type: "mouseReleased", ...place });
  }

  async stop() {
    this.process.kill();
    await this.gone;
    await rm(this.profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Decides about each request: on to the server, answered from the folder, or refused. */
async function answer(chromium, { requestId, request }) {
  const url = new URL(request.url);
  requests.add(`${request.method} ${url.origin === server.origin ? url.pathname : url.href}`);
  const [, name, version, file] = CDN_FILE.exec(url.href) ?? [];
  if (url.origin === server.origin) {
    await chromium.send("Fetch.continueRequest", { requestId });
  } else if (!name) {
    faults.push(`a request to a foreign place: ${url.href}`);
    await chromium.send("Fetch.failRequest", { requestId, errorReason: "BlockedByClient" });
  } else {
    try {
      const folder = path.join(options.packages, name);
      const there = JSON.parse(await readFile(path.join(folder, "package.json"), "utf8")).version;
      if (there !== version) throw new Error(`${folder} holds version ${there}`);
      const body = (await readFile(path.join(folder, file))).toString("base64");
      const contentType = CONTENT_TYPES[path.extname(file)] ?? "application/octet-stream";
      const responseHeaders = [
        { name: "content-type", value: contentType },
        // Without it the browser may not look into the file, and so could not compare it with its integrity.
        { name: "access-control-allow-origin", value: "*" },
      ];
      await chromium.send("Fetch.fulfillRequest", { requestId, responseCode: 200, responseHeaders, body });
    } catch (error) {
      faults.push(`cannot answer ${url.href}: ${error.message}`);
      await chromium.send("Fetch.failRequest", { requestId, errorReason: "Failed" });
    }
  }
}

function watch(chromium) {
  chromium.on("Fetch.requestPaused", (event) => {
    answer(chromium, event).catch((error) => faults.push(error.message));
  });
  chromium.on("Log.entryAdded", ({ entry }) => {
    const isFault = entry.level === "error" || entry.source === "security";
    if (isFault) faults.push(`${entry.source} ${entry.level}: ${entry.text} ${entry.url ?? ""}`);
  });
  chromium.on("Runtime.consoleAPICalled", ({ type, args }) => {
    const text = args.map(({ value, description }) => value ?? description).join(" ");
    if (type === "error" || type === "assert") faults.push(`console: ${text}`);
  });
  chromium.on("Runtime.exceptionThrown", ({ exceptionDetails }) => {
    faults.push(`exception: ${exceptionDetails.exception?.description ?? exceptionDetails.text}`);
  });
  chromium.on("Network.webSocketCreated", ({ url }) => {
    requests.add(`WebSocket ${url}`);
    if (new URL(url).host !== server.host) faults.push(`a WebSocket to a foreign place: ${url}`);
  });
}

async function execute(chromium) {
  await chromium.until("the Execute button", () => document.querySelector("button.graphiql-execute-button") !== null);
  if (options.tab) await chromium.click(`the tab ${options.tab}`, "[role=tab], .graphiql-tab-button", options.tab);
  if (options.query) {
    const put = (text) => document.querySelector(".graphiql-query-editor .CodeMirror").CodeMirror.setValue(text);
    await chromium.call(put, await readFile(options.query, "utf8"));
  }
  // The playground learns the schema first; until then it marks every field as unknown.
  await chromium.until("the schema", () => document.querySelector(".graphiql-container .graphiql-spinner") === null);
  await sleep(500);
  await chromium.click("the Execute button", "button.graphiql-execute-button");
  // Where the text holds several operations, the button opens a menu of them.
  const opensMenu = () => document.querySelector("button.graphiql-execute-button[aria-haspopup=menu]") !== null;
  if (await chromium.call(opensMenu)) await chromium.click("the operation", "[role=menuitem]", options.operation);
  return chromium.until("an answer", () => {
    const text = document.querySelector(".graphiql-response .CodeMirror")?.CodeMirror.getValue();
    return document.querySelector(".graphiql-response .graphiql-spinner") === null && text;
  });
}

function judge(text) {
  let answer;
  try {
    answer = JSON.parse(text);
  } catch {
    return faults.push(`the answer is not JSON: ${text}`);
  }
  if (!answer.data || answer.errors) faults.push(`the answer holds errors or no data: ${text}`);
  if (!text.includes(options.expect)) faults.push(`the answer does not hold ${options.expect}: ${text}`);
}

async function main() {
  const chromium = await Chromium.start();
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.once(signal, () => chromium.stop().finally(() => process.exit(130)));
  }
  try {
    await chromium.attach();
    watch(chromium);
    for (const domain of ["Page", "Runtime", "Log", "Network"]) await chromium.send(`${domain}.enable`);
    await chromium.send("Fetch.enable", { patterns: [{ urlPattern: "*" }] });
    const screen = { width: 1440, height: 900, deviceScaleFactor: 1, mobile: false };
    await chromium.send("Emulation.setDeviceMetricsOverride", screen);
    const { errorText } = await chromium.send("Page.navigate", { url: new URL("/graphiql", server).href });
    if (errorText) throw new Error(`${server.href}graphiql: ${errorText}`);
    judge(await execute(chromium));
    const unguarded = await chromium.call(() =>
      [...document.querySelectorAll("script[src], link[rel=stylesheet]")]
        .filter((file) => !(file.src ?? file.href).startsWith(location.origin) && !(file.integrity && file.crossOrigin))
        .map((file) => file.src ?? file.href),
    );
    faults.push(...unguarded.map((url) => `loaded without integrity and crossorigin: ${url}`));
    await sleep(500);
  } catch (error) {
    faults.push(error.message);
  } finally {
    // A picture of a failure says most about it.
    const shot = await chromium.send("Page.captureScreenshot", { format: "png" }).catch(() => null);
    if (shot) await writeFile(picture, Buffer.from(shot.data, "base64"));
    await chromium.stop();
  }
}

await main().catch((error) => faults.push(error.message));
for (const request of requests) console.log(request);
for (const fault of new Set(faults)) console.error(`fault: ${fault}`);
console.log(faults.length === 0 ? `the playground answered; see ${picture}` : "the playground failed");
process.exit(faults.length === 0 ? 0 : 1);
