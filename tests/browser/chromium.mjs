// A headless Chromium with one page, driven over a pipe by Node 18 without packages. It records the errors of the page.

import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

const CDN_FILE = /^https:\/\/cdn\.jsdelivr\.net\/npm\/((?:@[\w.-]+\/)?[\w.-]+)@([\w.-]+)\/([\w./-]+)$/;
const CONTENT_TYPES = { ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8" };
const TIMEOUT_MS = 60_000;

/** Waits in the page until all animations with an end have finished and two frames have been drawn. */
async function waitForAnimations() {
  const hasEnd = (animation) => Number.isFinite(animation.effect?.getComputedTiming().endTime);
  await Promise.allSettled(document.getAnimations().filter(hasEnd).map((animation) => animation.finished));
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

/** A browser whose page may send requests to `server` only. `packages` is a node_modules folder with the CDN's files. */
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
    this.gone.then((reason) => {
      this.#isGone = true;
      for (const { reject } of this.#waiting.values()) reject(new Error(`${program} ended: ${reason}`));
    });
    const [, , , input, output] = this.process.stdio;
    this.input = input.on("error", () => {});
    let unread = "";
    output.setEncoding("utf8").on("data", (text) => {
      const messages = (unread + text).split("\0");
      unread = messages.pop();
      for (const message of messages) this.#receive(JSON.parse(message));
    });
    // From here on, `send` addresses the page that Chromium opened when it started.
    const { targetInfos } = await this.send("Target.getTargets");
    const { targetId } = targetInfos.find(({ type }) => type === "page");
    this.sessionId = (await this.send("Target.attachToTarget", { targetId, flatten: true })).sessionId;
    this.#recordFaults();
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

  /** Records faults: errors in the console, violations of the page's policy, and requests to other hosts. */
  #recordFaults() {
    const on = (method, listener) => this.#listeners.set(method, listener);
    on("Fetch.requestPaused", (event) => this.#answer(event).catch((error) => this.faults.push(error.message)));
    on("Log.entryAdded", ({ entry }) => {
      // The tests check the API's error responses themselves.
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
      if (new URL(url).host !== this.server.host) this.faults.push(`a WebSocket to another host: ${url}`);
    });
  }

  /** Handles a request: continues it to the server, answers it from the folder as the CDN would, or blocks it. */
  async #answer({ requestId, request }) {
    const url = new URL(request.url);
    this.requests.add(`${request.method} ${url.origin === this.server.origin ? url.pathname : url.href}`);
    const [, name, version, file] = (this.packages && CDN_FILE.exec(url.href)) || [];
    if (url.origin === this.server.origin) {
      await this.send("Fetch.continueRequest", { requestId });
    } else if (!name) {
      this.faults.push(`a request to another host: ${url.href}`);
      await this.send("Fetch.failRequest", { requestId, errorReason: "BlockedByClient" });
    } else {
      const folder = path.join(this.packages, name);
      const installed = JSON.parse(await readFile(path.join(folder, "package.json"), "utf8")).version;
      if (installed !== version) throw new Error(`${folder} has version ${installed}, not ${version}`);
      const body = (await readFile(path.join(folder, file))).toString("base64");
      const responseHeaders = [
        { name: "content-type", value: CONTENT_TYPES[path.extname(file)] },
        // Without this header the browser cannot read the file to check its integrity.
        { name: "access-control-allow-origin", value: "*" },
      ];
      await this.send("Fetch.fulfillRequest", { requestId, responseCode: 200, responseHeaders, body });
    }
  }

  async open(location) {
    const { errorText } = await this.send("Page.navigate", { url: new URL(location, this.server).href });
    if (errorText) throw new Error(`${location}: ${errorText}`);
  }

  /** Calls a function in the page, and awaits its result. */
  async call(body, ...values) {
    const expression = `(${body})(...${JSON.stringify(values)})`;
    const options = { returnByValue: true, awaitPromise: true };
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", { expression, ...options });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /** Calls a function in the page at every frame until it returns a truthy value. */
  async until(description, body, ...values) {
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
    // Navigation aborts the call, which is then repeated in the new page.
    for (const end = Date.now() + TIMEOUT_MS; Date.now() < end; ) {
      const value = await this.call(wait, end - Date.now(), ...values).catch(() => undefined);
      if (value) return value;
    }
    throw new Error(`timed out after ${TIMEOUT_MS / 1000} s waiting for ${description}`);
  }

  /**
   * Clicks the first visible element that matches the selector, and the text if one is given. It sends mouse events,
   * because menus ignore `click()`.
   */
  async click(description, selector, text = "") {
    const find = (selector, text) => {
      const elements = [...document.querySelectorAll(selector)].filter((element) => element.checkVisibility());
      const box = elements.find((element) => !text || element.textContent.trim() === text)?.getBoundingClientRect();
      return box && { x: box.x + box.width / 2, y: box.y + box.height / 2 };
    };
    let point = await this.until(description, find, selector, text);
    for (let before; before?.x !== point.x || before?.y !== point.y; ) {
      await this.call(waitForAnimations).catch(() => {});
      [before, point] = [point, await this.until(description, find, selector, text)];
    }
    await this.send("Input.dispatchMouseEvent", { type: "mouseMoved", ...point });
    for (const type of ["mousePressed", "mouseReleased"]) {
      await this.send("Input.dispatchMouseEvent", { type, ...point, button: "left", clickCount: 1 });
    }
  }

  /** Replaces the text of the focused element. */
  async type(text) {
    const all = { key: "a", code: "KeyA", windowsVirtualKeyCode: 65, modifiers: 2, commands: ["selectAll"] };
    await this.send("Input.dispatchKeyEvent", { type: "keyDown", ...all });
    await this.send("Input.dispatchKeyEvent", { type: "keyUp", ...all });
    await this.send("Input.insertText", { text });
  }

  async saveScreenshot(file) {
    const { data } = await this.send("Page.captureScreenshot", { format: "png" });
    await writeFile(file, Buffer.from(data, "base64"));
  }
}
