// A headless Chromium with one page, driven over a pipe by plain Node 18, and everything that goes wrong in that page.

import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

const CDN_FILE = /^https:\/\/cdn\.jsdelivr\.net\/npm\/((?:@[\w.-]+\/)?[\w.-]+)@([\w.-]+)\/([\w./-]+)$/;
const CONTENT_TYPES = { ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8" };
const PATIENCE_MS = 60_000;

/** Waits in the page until what has just opened has ended its movement, and has been drawn. */
async function isStill() {
  const ends = (animation) => Number.isFinite(animation.effect?.getComputedTiming().endTime);
  await Promise.allSettled(document.getAnimations().filter(ends).map((animation) => animation.finished));
  for (let frame = 0; frame < 2; frame += 1) await new Promise(requestAnimationFrame);
}
const FLAGS = [
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

/** A browser whose page may ask `server` alone, and the CDN's files where `packages`, a node_modules folder, is named. */
export class Chromium {
  faults = [];
  requests = new Set();
  #last = 0;
  #waiting = new Map();
  #listeners = new Map();
  #isGone = false;

  constructor(server, packages) {
    this.server = server;
    this.packages = packages;
  }

  async start() {
    this.profile = await mkdtemp(path.join(tmpdir(), "roost-browser-"));
    const program = process.env.CHROMIUM ?? "/usr/bin/chromium";
    const flags = [...FLAGS, `--user-data-dir=${this.profile}`, "about:blank"];
    // The pipe needs neither a port nor a WebSocket.
    this.process = spawn(program, flags, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
    this.gone = new Promise((resolve) => this.process.on("exit", resolve).on("error", resolve));
    this.gone.then((why) => {
      this.#isGone = true;
      for (const { reject } of this.#waiting.values()) reject(new Error(`${program} ended: ${why}`));
    });
    const [, , , input, output] = this.process.stdio;
    this.input = input.on("error", () => {});
    let unread = "";
    output.setEncoding("utf8").on("data", (text) => {
      const messages = (unread + text).split("\0");
      unread = messages.pop();
      for (const message of messages) this.#receive(JSON.parse(message));
    });
    // From here on, `send` speaks to the page that Chromium opened at its start.
    const { targetInfos } = await this.send("Target.getTargets");
    const { targetId } = targetInfos.find(({ type }) => type === "page");
    this.sessionId = (await this.send("Target.attachToTarget", { targetId, flatten: true })).sessionId;
    this.#watch();
    for (const domain of ["Page", "Runtime", "Log", "Network"]) await this.send(`${domain}.enable`);
    await this.send("Fetch.enable", { patterns: [{ urlPattern: "*" }] });
    const screen = { width: 1440, height: 900, deviceScaleFactor: 1, mobile: false };
    await this.send("Emulation.setDeviceMetricsOverride", screen);
  }

  async stop() {
    this.process.kill();
    await this.gone;
    await rm(this.profile, { recursive: true, force: true, maxRetries: 5 });
  }

  #receive({ id, result, error, method, params }) {
    if (id === undefined) {
      this.#listeners.get(method)?.(params);
    } else {
      const { resolve, reject } = this.#waiting.get(id);
      this.#waiting.delete(id);
      error ? reject(new Error(error.message)) : resolve(result);
    }
  }

  send(method, params = {}) {
    if (this.#isGone) return Promise.reject(new Error("Chromium has ended"));
    const id = ++this.#last;
    this.input.write(`${JSON.stringify({ id, method, params, sessionId: this.sessionId })}\0`);
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  /** What is wrong: errors in the console, breaches of the page's policy, requests to other places. */
  #watch() {
    const on = (method, listener) => this.#listeners.set(method, listener);
    on("Fetch.requestPaused", (event) => this.#answer(event).catch((error) => this.faults.push(error.message)));
    on("Log.entryAdded", ({ entry }) => {
      // A refusal by the API is for the steps to judge.
      const isRefusal = entry.source === "network" && entry.url === new URL("/graphql", this.server).href;
      const isFault = (entry.level === "error" && !isRefusal) || entry.source === "security";
      if (isFault) this.faults.push(`${entry.source} ${entry.level}: ${entry.text} ${entry.url ?? ""}`);
    });
    on("Runtime.consoleAPICalled", ({ type, args }) => {
      const text = args.map(({ value, description }) => value ?? description).join(" ");
      if (type === "error" || type === "assert") this.faults.push(`console: ${text}`);
    });
    on("Runtime.exceptionThrown", ({ exceptionDetails }) => {
      this.faults.push(`exception: ${exceptionDetails.exception?.description ?? exceptionDetails.text}`);
    });
    on("Network.webSocketCreated", ({ url }) => {
      this.requests.add(`WebSocket ${url}`);
      if (new URL(url).host !== this.server.host) this.faults.push(`a WebSocket to a foreign place: ${url}`);
    });
  }

  /** Decides about each request: on to the server, answered from the folder as the CDN would, or refused. */
  async #answer({ requestId, request }) {
    const url = new URL(request.url);
    this.requests.add(`${request.method} ${url.origin === this.server.origin ? url.pathname : url.href}`);
    const [, name, version, file] = (this.packages && CDN_FILE.exec(url.href)) || [];
    if (url.origin === this.server.origin) {
      await this.send("Fetch.continueRequest", { requestId });
    } else if (!name) {
      this.faults.push(`a request to a foreign place: ${url.href}`);
      await this.send("Fetch.failRequest", { requestId, errorReason: "BlockedByClient" });
    } else {
      const folder = path.join(this.packages, name);
      const there = JSON.parse(await readFile(path.join(folder, "package.json"), "utf8")).version;
      if (there !== version) throw new Error(`${folder} holds version ${there}`);
      const body = (await readFile(path.join(folder, file))).toString("base64");
      const responseHeaders = [
        { name: "content-type", value: CONTENT_TYPES[path.extname(file)] },
        // Without it the browser may not look into the file, and so could not compare it with its integrity.
        { name: "access-control-allow-origin", value: "*" },
      ];
      await this.send("Fetch.fulfillRequest", { requestId, responseCode: 200, responseHeaders, body });
    }
  }

  async open(place) {
    const { errorText } = await this.send("Page.navigate", { url: new URL(place, this.server).href });
    if (errorText) throw new Error(`${place}: ${errorText}`);
  }

  /** Calls a function in the page, and waits for what it promises. */
  async call(body, ...values) {
    const expression = `(${body})(...${JSON.stringify(values)})`;
    const how = { returnByValue: true, awaitPromise: true };
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", { expression, ...how });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /** Calls a function in the page, at every frame that it draws, until it returns something. */
  async until(what, body, ...values) {
    const wait = `async (ms, ...values) => {
      const end = performance.now() + ms;
      for (;;) {
        try {
          const value = (${body})(...values);
          if (value || performance.now() > end) return value;
        } catch {}
        await new Promise(requestAnimationFrame);
      }
    }`;
    // A page that is left takes the question with it: then the next one is asked.
    for (const end = Date.now() + PATIENCE_MS; Date.now() < end; ) {
      const value = await this.call(wait, end - Date.now(), ...values).catch(() => undefined);
      if (value) return value;
    }
    throw new Error(`waited ${PATIENCE_MS / 1000} s in vain for ${what}`);
  }

  /** Presses the mouse on the first such element, with this text if one is given: menus heed no less than that. */
  async click(what, selector, text = "") {
    const find = (selector, text) => {
      const elements = [...document.querySelectorAll(selector)].filter((element) => element.checkVisibility());
      const box = elements.find((element) => !text || element.textContent.trim() === text)?.getBoundingClientRect();
      return box && { x: box.x + box.width / 2, y: box.y + box.height / 2 };
    };
    let place = await this.until(what, find, selector, text);
    for (let before; before?.x !== place.x || before?.y !== place.y; ) {
      await this.call(isStill).catch(() => {});
      [before, place] = [place, await this.until(what, find, selector, text)];
    }
    await this.send("Input.dispatchMouseEvent", { type: "mouseMoved", ...place });
    for (const type of ["mousePressed", "mouseReleased"]) {
      await this.send("Input.dispatchMouseEvent", { type, ...place, button: "left", clickCount: 1 });
    }
  }

  /** Types into whatever has the focus, in place of all that is there. */
  async type(text) {
    const all = { key: "a", code: "KeyA", windowsVirtualKeyCode: 65, modifiers: 2, commands: ["selectAll"] };
    await this.send("Input.dispatchKeyEvent", { type: "keyDown", ...all });
    await this.send("Input.dispatchKeyEvent", { type: "keyUp", ...all });
    await this.send("Input.insertText", { text });
  }

  async picture(file) {
    const { data } = await this.send("Page.captureScreenshot", { format: "png" });
    await writeFile(file, Buffer.from(data, "base64"));
  }
}
