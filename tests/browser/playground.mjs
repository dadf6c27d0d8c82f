#!/usr/bin/env node
// Tests the playground in headless Chromium, on a server with the demonstration data.
//
//     node tests/browser/playground.mjs [options] PROGRAM|URL    such as target/debug/roost, to start a server
//
//     --pictures DIR      save screenshots there: light, dark, and of a failure
//     --packages DIR      the node_modules folder that replaces the CDN, if the program embeds no files
//
// It fails on any error in the console, any violation of the page's content security policy and any request to another
// host than the server. It needs Node 18, Chromium ($CHROMIUM, or /usr/bin/chromium) and nothing from npm.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";

import { Chromium } from "./chromium.mjs";

const GUEST = "guest@demo.roost.example";
const PASSWORD = "roost-demo-2027";
const START_TIMEOUT_MS = 240_000;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { pictures: { type: "string" }, packages: { type: "string" } },
});
if (positionals.length !== 1) {
  console.error("usage: node tests/browser/playground.mjs [--pictures DIR] [--packages DIR] PROGRAM|URL");
  process.exit(2);
}

/** Starts a server on a free port. Returns its address, and a function that stops it, once it is ready. */
async function startServer(program, folder) {
  const env = { PATH: process.env.PATH, ROOST_RATE_LIMIT: "off" };
  const flags = ["serve", "--demo", "--listen", "127.0.0.1:0", "--data-dir", folder];
  const child = spawn(path.resolve(program), flags, { env, stdio: ["ignore", "pipe", "inherit"] });
  const address = await new Promise((resolve, reject) => {
    let output = "";
    child.on("error", reject).on("exit", (code) => reject(new Error(`${program} ended: ${code}\n${output}`)));
    setTimeout(() => reject(new Error(`${program} is not ready:\n${output}`)), START_TIMEOUT_MS).unref();
    child.stdout.setEncoding("utf8").on("data", (text) => {
      output += text;
      const [, origin] = /Playground +(http:\S+)\/graphiql/.exec(output) ?? [];
      if (origin) resolve(new URL(origin));
    });
  });
  const end = async () => {
    child.removeAllListeners("exit").kill();
    await new Promise((resolve) => (child.exitCode === null ? child.on("exit", resolve) : resolve()));
  };
  return { address, end };
}

/** Sends an operation to the API directly, and returns its data. */
async function execute(page, query, variables, token) {
  const authorization = token ? { authorization: `Bearer ${token}` } : {};
  const headers = { "content-type": "application/json", ...authorization };
  const body = JSON.stringify({ query, variables });
  const { data, errors } = await (await fetch(new URL("/graphql", page.server), { method: "POST", headers, body })).json();
  assert.equal(errors, undefined);
  return data;
}

class Playground extends Chromium {
  /** Opens the page and waits until GraphiQL has loaded the schema. Until then it marks every field as unknown. */
  async visit(location) {
    await this.open(location);
    await this.until("the schema", () => {
      const editor = document.querySelector(".graphiql-query-editor .CodeMirror")?.CodeMirror;
      return Boolean(editor?.options.lint.schema) && document.querySelector("#status #outcome") !== null;
    });
  }

  /** Replaces the text of the editor, and waits until GraphiQL has named the tab after the operation. */
  async write(name, text) {
    await this.click("the editor", ".graphiql-query-editor .CodeMirror-lines");
    await this.type(text);
    const isApplied = (name, text) =>
      document.querySelector(".graphiql-query-editor .CodeMirror").CodeMirror.getValue() === text &&
      document.querySelector(".graphiql-tab-active").textContent === name;
    await this.until("the typed text", isApplied, name, text);
  }

  /** Clicks Execute. Returns the response and the text of the status bar once the status bar shows a new request. */
  async run(operation) {
    const before = await this.call(() => document.getElementById("request-id").textContent);
    await this.click("the Execute button", "button.graphiql-execute-button");
    // With several operations in the text, the button opens a menu of them.
    if (operation) {
      await this.click(`the operation ${operation}`, "[role=menuitem]", operation);
      await this.until("the menu to close", () => document.querySelector("[role=menu]") === null);
    }
    await this.until("a response", (before) => {
      const id = document.getElementById("request-id").textContent;
      return id.startsWith("req_") && id !== before && document.querySelector(".graphiql-response .CodeMirror-line");
    }, before).catch((error) => this.fail(error));
    const [text, status] = await this.call(() => [
      document.querySelector(".graphiql-response .CodeMirror").CodeMirror.getValue(),
      document.getElementById("status").innerText,
    ]);
    return { response: JSON.parse(text), status };
  }

  async fail(error) {
    const status = await this.call(() => document.getElementById("status").innerText);
    throw new Error(`${error.message}; the status bar: ${status}`);
  }

  setColorScheme(value) {
    return this.send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value }] });
  }

  /** The brightness of the status bar and of GraphiQL, from 0 to 255. */
  brightness() {
    return this.call(() =>
      ["#status", ".graphiql-container"].map((selector) => {
        const [red, green, blue] = getComputedStyle(document.querySelector(selector)).backgroundColor.match(/[\d.]+/g);
        return (Number(red) + Number(green) + Number(blue)) / 3;
      }),
    );
  }
}

const screenshot = (page, name) => options.pictures && page.saveScreenshot(path.join(options.pictures, `${name}.png`));

const TESTS = {
  async "the first visit opens a tab for each prepared operation"(page) {
    await page.visit("/graphiql");
    const operations = await (await fetch(new URL("/graphiql/operations.json", page.server))).json();
    const tabs = await page.call(() => document.querySelectorAll(".graphiql-tab").length);
    assert.equal(tabs, operations.length);
    assert.equal((await page.run()).response.errors, undefined);
    await screenshot(page, "light");
  },

  async "a link opens one prepared operation, which runs unchanged"(page) {
    await page.visit("/graphiql?tab=Search");
    assert.equal(await page.call(() => document.querySelectorAll(".graphiql-tab").length), 1);
    const { response, status } = await page.run();
    assert.equal(response.errors, undefined);
    assert.ok(response.data.listingSearch.totalCount > 100, "the demonstration lists more");
    assert.match(status, /200 · answered/);
    assert.match(status, /ms in all/);
    const { cost, sql } = response.extensions ?? {};
    if (cost) assert.ok(status.includes(`cost ${cost.requested.toLocaleString("en")} of`), status);
    if (cost) assert.equal(status.includes(" left"), cost.remaining !== null, status);
    if (sql) assert.ok(status.includes(`${sql.statements} statements`), status);
  },

  async "variables are filled in with an existing listing"(page) {
    await page.visit("/graphiql?tab=Calendar");
    const { response } = await page.run("ListingCalendar");
    assert.equal(response.errors, undefined);
    assert.ok(response.data.listing.calendar.length > 0, "the calendar has nights");
  },

  async "a typed operation runs, and its errors are counted"(page) {
    await page.visit("/graphiql?tab=Search");
    await page.write("Typed", "query Typed { viewer { email } }");
    assert.deepEqual((await page.run()).response.data, { viewer: null });
    await page.write("Wrong", "query Wrong { nothing }");
    const { response, status } = await page.run();
    assert.equal(response.data, undefined);
    assert.match(status, /400 · 1 error/);
  },

  async "a wrong password is reported, and the right one authenticates every request"(page) {
    for (const [password, output] of [["not-the-password", "#session-note"], [PASSWORD, "#who"]]) {
      await page.click("the address", "#email");
      await page.type(GUEST);
      await page.click("the password", "#password");
      await page.type(password);
      await page.click("the button", "#sign-in [type=submit]");
      await page.until(`text in ${output}`, (output) => document.querySelector(output).textContent !== "", output);
    }
    await page.write("Mine", "query Mine { viewer { email } }");
    assert.deepEqual((await page.run()).response.data, { viewer: { email: GUEST } });
    await page.visit("/graphiql?tab=Sign in");
    const { response } = await page.run("CurrentUser");
    assert.equal(response.data.viewer.email, GUEST, "a new visit is still signed in");
  },

  async "a temporary failure to refresh the token does not sign out"(page) {
    await page.call(() => {
      const [realFetch, now] = [window.fetch, Date.now];
      Date.now = () => now() + 3_600_000;
      window.fetch = async () => new Response('{"errors":[{"message":"not now"}]}', { status: 503 });
      window.restore = () => [window.fetch, Date.now] = [realFetch, now];
    });
    await page.click("the button", "#copy-header");
    await page.until("the reason", () => document.getElementById("session-note").textContent === "not now");
    await page.call(() => void window.restore());
    const { response } = await page.run("CurrentUser");
    assert.equal(response.data.viewer.email, GUEST);
  },

  async "signing out revokes the session, and a button signs in with a demonstration account"(page) {
    const token = await page.call(() => JSON.parse(sessionStorage.getItem("roost:session")).accessToken);
    await page.click("the button", "#sign-out");
    await page.until("the form", () => !document.getElementById("sign-in").hidden);
    await page.click("the demonstration's host", "#accounts button", "Demo host");
    await page.until("the name", () => document.getElementById("who").textContent.includes("host@demo.roost.example"));
    const refused = await fetch(new URL("/graphql", page.server), {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      body: JSON.stringify({ query: "{ viewer { email } }" }),
    });
    assert.equal(refused.status, 401);
  },

  async "a subscription shows the changes of another request until it is stopped"(page) {
    const host = await execute(page, "mutation($e: String!, $p: String!) { sessionCreate(email: $e, password: $p) " +
      "{ tokens { accessToken } viewer { listings(first: 1, status: [PUBLISHED]) { nodes { id } } } } }",
      { e: "host@demo.roost.example", p: PASSWORD });
    const { tokens, viewer } = host.sessionCreate;
    const [{ id }] = viewer.listings.nodes;
    await page.visit("/graphiql?tab=Subscriptions");
    const nights = "from: \"2027-09-01\", to: \"2027-09-04\"";
    await page.write("Watch", `subscription Watch { listingCalendarChanged(id: "${id}", ${nights}) { date state } }`);
    await page.click("the Execute button", "button.graphiql-execute-button");
    const outcome = () => document.getElementById("outcome").textContent;
    await page.until("the stream", `() => (${outcome})() === "waiting for events"`);
    const block = `mutation($id: ID!) { listingCalendarUpdate(id: $id, changes: [{ ${nights}, blocked: true }]) ` +
      "{ userErrors { message } } }";
    const updated = await execute(page, block, { id }, tokens.accessToken);
    assert.deepEqual(updated.listingCalendarUpdate.userErrors, []);
    await page.until("the event", `() => (${outcome})() === "1 event so far"`);
    const read = () => document.querySelector(".graphiql-response .CodeMirror").CodeMirror.getValue();
    const days = JSON.parse(await page.until("the response", read)).data.listingCalendarChanged;
    assert.deepEqual(days.map(({ date, state }) => [date.slice(-2), state]), ["01", "02", "03"].map((day) => [day, "BLOCKED_BY_HOST"]));
    await page.click("the Stop button", "button.graphiql-execute-button");
    await page.until("the end of the stream", `() => (${outcome})() === "the stream has ended after 1 event"`);
  },

  async "the color scheme follows the system until a theme is chosen"(page) {
    const isDark = async () => (await page.brightness()).map((value) => value < 128);
    assert.deepEqual(await isDark(), [false, false]);
    await page.setColorScheme("dark");
    assert.deepEqual(await isDark(), [true, true]);
    await page.visit("/graphiql?tab=Search");
    await page.run();
    await screenshot(page, "dark");
    await page.click("the settings", ".graphiql-sidebar button[aria-label='Open settings dialog']");
    await page.click("the theme", ".graphiql-dialog button", "Light");
    await page.until("the theme", () => document.body.classList.contains("graphiql-light"));
    assert.deepEqual(await isDark(), [false, false]);
  },

  async "every third-party script and style has an integrity hash"(page) {
    const files = await page.call(() =>
      [...document.querySelectorAll("script, link[rel=stylesheet]")].map((file) => [file.src ?? file.href, file.integrity]),
    );
    const isOwn = (url) => /^\/graphiql\/app\.(js|css)$/.test(new URL(url, page.server).pathname);
    assert.deepEqual(files.filter(([url, integrity]) => !integrity && !isOwn(url)), []);
    assert.equal(files.filter(([, integrity]) => integrity.startsWith("sha384-")).length, 4);
  },
};

async function main() {
  const folder = await mkdtemp(path.join(tmpdir(), "roost-playground-"));
  if (options.pictures) await mkdir(options.pictures, { recursive: true });
  const isUrl = /^https?:/.test(positionals[0]);
  const server = isUrl ? { address: new URL(positionals[0]) } : await startServer(positionals[0], folder);
  const { address } = server;
  const page = new Playground(address, options.packages);
  const end = async () => {
    await page.stop?.();
    await server.end?.();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => end().finally(() => process.exit(130)));
  try {
    await page.start();
    await page.setColorScheme("light");
    for (const [name, test] of Object.entries(TESTS)) {
      await test(page);
      assert.deepEqual(page.faults, [], name);
      console.log(`passed: ${name}`);
    }
  } catch (error) {
    await screenshot(page, "failure")?.catch(() => {});
    for (const fault of page.faults) console.error(`fault: ${fault}`);
    throw error;
  } finally {
    await end();
  }
  console.log(`\nrequests of the page to ${address.origin}:`);
  for (const request of [...page.requests].sort()) console.log(`  ${request}`);
}

await main();
