#!/usr/bin/env node
// Uses the playground as a person does, in headless Chromium on a server with the demonstration in it.
//
//     node tests/browser/playground.mjs [options] PROGRAM|URL    such as target/debug/roost, for a server of its own
//
//     --pictures DIR      leave pictures there: light, dark, and of a failure
//     --packages DIR      the node_modules folder that stands for the CDN, where the program embeds nothing
//
// It fails on any error in the console, any breach of the page's content security policy and any request to a place
// other than the server. It needs Node 18, Chromium ($CHROMIUM, or /usr/bin/chromium) and nothing from npm.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";

import { Chromium } from "./chromium.mjs";

const GUEST = "guest@demo.roost.example";
const PASSWORD = "roost-demo-2027";
const START_PATIENCE_MS = 240_000;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { pictures: { type: "string" }, packages: { type: "string" } },
});
if (positionals.length !== 1) {
  console.error("usage: node tests/browser/playground.mjs [--pictures DIR] [--packages DIR] PROGRAM|URL");
  process.exit(2);
}

/** A server on a port of the system's choice, once it says that it is ready; and how to end it. */
async function startServer(program, folder) {
  const env = { PATH: process.env.PATH, ROOST_RATE_LIMIT: "off" };
  const flags = ["serve", "--demo", "--listen", "127.0.0.1:0", "--data-dir", folder];
  const child = spawn(path.resolve(program), flags, { env, stdio: ["ignore", "pipe", "inherit"] });
  const address = await new Promise((resolve, reject) => {
    let said = "";
    child.on("error", reject).on("exit", (code) => reject(new Error(`${program} ended: ${code}\n${said}`)));
    setTimeout(() => reject(new Error(`${program} is not ready:\n${said}`)), START_PATIENCE_MS).unref();
    child.stdout.setEncoding("utf8").on("data", (text) => {
      said += text;
      const [, origin] = /Playground +(http:\S+)\/graphiql/.exec(said) ?? [];
      if (origin) resolve(new URL(origin));
    });
  });
  const end = async () => {
    child.removeAllListeners("exit").kill();
    await new Promise((resolve) => (child.exitCode === null ? child.on("exit", resolve) : resolve()));
  };
  return { address, end };
}

/** The data that the API answers, past the page. */
async function api(page, query, variables, token) {
  const authorization = token ? { authorization: `Bearer ${token}` } : {};
  const headers = { "content-type": "application/json", ...authorization };
  const body = JSON.stringify({ query, variables });
  const { data, errors } = await (await fetch(new URL("/graphql", page.server), { method: "POST", headers, body })).json();
  assert.equal(errors, undefined);
  return data;
}

class Playground extends Chromium {
  /** Opens the page and waits until GraphiQL knows the schema: until then it marks every field as unknown. */
  async visit(place) {
    await this.open(place);
    await this.until("the schema", () => {
      const editor = document.querySelector(".graphiql-query-editor .CodeMirror")?.CodeMirror;
      return Boolean(editor?.options.lint.schema) && document.querySelector("#status #outcome") !== null;
    });
  }

  /** Types an operation in place of what is in the editor, until GraphiQL has named the tab after it. */
  async write(name, text) {
    await this.click("the editor", ".graphiql-query-editor .CodeMirror-lines");
    await this.type(text);
    const isThere = (name, text) =>
      document.querySelector(".graphiql-query-editor .CodeMirror").CodeMirror.getValue() === text &&
      document.querySelector(".graphiql-tab-active").textContent === name;
    await this.until("what was typed", isThere, name, text);
  }

  /** Presses Execute, and gives the strip's text and the answer once the strip tells of a new request. */
  async run(operation) {
    const before = await this.call(() => document.getElementById("request-id").textContent);
    await this.click("the Execute button", "button.graphiql-execute-button");
    // Where the text holds several operations, the button opens a menu of them.
    if (operation) {
      await this.click(`the operation ${operation}`, "[role=menuitem]", operation);
      await this.until("the menu's end", () => document.querySelector("[role=menu]") === null);
    }
    await this.until("an answer", (before) => {
      const id = document.getElementById("request-id").textContent;
      return id.startsWith("req_") && id !== before && document.querySelector(".graphiql-response .CodeMirror-line");
    }, before).catch((error) => this.fail(error));
    const [text, strip] = await this.call(() => [
      document.querySelector(".graphiql-response .CodeMirror").CodeMirror.getValue(),
      document.getElementById("status").innerText,
    ]);
    return { answer: JSON.parse(text), strip };
  }

  async fail(error) {
    const strip = await this.call(() => document.getElementById("status").innerText);
    throw new Error(`${error.message}; the strip says: ${strip}`);
  }

  scheme(value) {
    return this.send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value }] });
  }

  /** How bright the page's own bars and GraphiQL are, from 0 to 255. */
  brightness() {
    return this.call(() =>
      ["#status", ".graphiql-container"].map((selector) => {
        const [red, green, blue] = getComputedStyle(document.querySelector(selector)).backgroundColor.match(/[\d.]+/g);
        return (Number(red) + Number(green) + Number(blue)) / 3;
      }),
    );
  }
}

const picture = (page, name) => options.pictures && page.picture(path.join(options.pictures, `${name}.png`));

const STEPS = {
  async "the first visit opens a tab for each ready operation"(page) {
    await page.visit("/graphiql");
    const operations = await (await fetch(new URL("/graphiql/operations.json", page.server))).json();
    const tabs = await page.call(() => document.querySelectorAll(".graphiql-tab").length);
    assert.equal(tabs, operations.length);
    assert.equal((await page.run()).answer.errors, undefined);
    await picture(page, "light");
  },

  async "a link opens one ready operation, which runs as it is"(page) {
    await page.visit("/graphiql?tab=Search");
    assert.equal(await page.call(() => document.querySelectorAll(".graphiql-tab").length), 1);
    const { answer, strip } = await page.run();
    assert.equal(answer.errors, undefined);
    assert.ok(answer.data.listingSearch.totalCount > 100, "the demonstration lists more");
    assert.match(strip, /200 · answered/);
    assert.match(strip, /ms in all/);
    const { cost, sql } = answer.extensions ?? {};
    if (cost) assert.ok(strip.includes(`cost ${cost.requested.toLocaleString("en")} of`), strip);
    if (cost) assert.equal(strip.includes(" left"), cost.remaining !== null, strip);
    if (sql) assert.ok(strip.includes(`${sql.statements} statements`), strip);
  },

  async "variables are filled in with a listing that is there"(page) {
    await page.visit("/graphiql?tab=Calendar");
    const { answer } = await page.run("Calendar");
    assert.equal(answer.errors, undefined);
    assert.ok(answer.data.listing.calendar.length > 0, "nights are told");
  },

  async "what is typed runs, and its errors are counted"(page) {
    await page.visit("/graphiql?tab=Search");
    await page.write("Typed", "query Typed { viewer { email } }");
    assert.deepEqual((await page.run()).answer.data, { viewer: null });
    await page.write("Wrong", "query Wrong { nothing }");
    const { answer, strip } = await page.run();
    assert.equal(answer.data, undefined);
    assert.match(strip, /400 · 1 error/);
  },

  async "a wrong password is told, and the right one signs every request"(page) {
    for (const [password, shown] of [["not-the-password", "#session-note"], [PASSWORD, "#who"]]) {
      await page.click("the address", "#email");
      await page.type(GUEST);
      await page.click("the password", "#password");
      await page.type(password);
      await page.click("the button", "#sign-in [type=submit]");
      await page.until(`something in ${shown}`, (shown) => document.querySelector(shown).textContent !== "", shown);
    }
    await page.write("Mine", "query Mine { viewer { email } }");
    assert.deepEqual((await page.run()).answer.data, { viewer: { email: GUEST } });
    await page.visit("/graphiql?tab=Sign in");
    const { answer } = await page.run("WhoAmI");
    assert.equal(answer.data.viewer.email, GUEST, "a new visit is still signed in");
  },

  async "a token that cannot be refreshed just now leaves one signed in"(page) {
    await page.call(() => {
      const [asked, now] = [window.fetch, Date.now];
      Date.now = () => now() + 3_600_000;
      window.fetch = async () => new Response('{"errors":[{"message":"not now"}]}', { status: 503 });
      window.mend = () => [window.fetch, Date.now] = [asked, now];
    });
    await page.click("the button", "#copy-header");
    await page.until("the reason", () => document.getElementById("session-note").textContent === "not now");
    await page.call(() => void window.mend());
    const { answer } = await page.run("WhoAmI");
    assert.equal(answer.data.viewer.email, GUEST);
  },

  async "signing out ends the session, and a demonstration's account is one press away"(page) {
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

  async "a subscription shows what another request changes, until it is stopped"(page) {
    const host = await api(page, "mutation($e: String!, $p: String!) { sessionCreate(email: $e, password: $p) " +
      "{ tokens { accessToken } viewer { listings(first: 1, status: [PUBLISHED]) { nodes { id } } } } }",
      { e: "host@demo.roost.example", p: PASSWORD });
    const { tokens, viewer } = host.sessionCreate;
    const [{ id }] = viewer.listings.nodes;
    await page.visit("/graphiql?tab=Watch");
    const nights = "from: \"2027-09-01\", to: \"2027-09-04\"";
    await page.write("Watch", `subscription Watch { listingCalendarChanged(id: "${id}", ${nights}) { date state } }`);
    await page.click("the Execute button", "button.graphiql-execute-button");
    const outcome = () => document.getElementById("outcome").textContent;
    await page.until("the stream", `() => (${outcome})() === "waiting for events"`);
    const close = `mutation($id: ID!) { listingCalendarUpdate(id: $id, changes: [{ ${nights}, blocked: true }]) ` +
      "{ userErrors { message } } }";
    const closed = await api(page, close, { id }, tokens.accessToken);
    assert.deepEqual(closed.listingCalendarUpdate.userErrors, []);
    await page.until("the event", `() => (${outcome})() === "1 event so far"`);
    const read = () => document.querySelector(".graphiql-response .CodeMirror").CodeMirror.getValue();
    const days = JSON.parse(await page.until("the answer", read)).data.listingCalendarChanged;
    assert.deepEqual(days.map(({ date, state }) => [date.slice(-2), state]), ["01", "02", "03"].map((day) => [day, "BLOCKED_BY_HOST"]));
    await page.click("the Stop button", "button.graphiql-execute-button");
    await page.until("the end", `() => (${outcome})() === "the stream has ended after 1 event"`);
  },

  async "light and dark follow the system, until the theme is chosen"(page) {
    const isDark = async () => (await page.brightness()).map((value) => value < 128);
    assert.deepEqual(await isDark(), [false, false]);
    await page.scheme("dark");
    assert.deepEqual(await isDark(), [true, true]);
    await page.visit("/graphiql?tab=Search");
    await page.run();
    await picture(page, "dark");
    await page.click("the settings", ".graphiql-sidebar button[aria-label='Open settings dialog']");
    await page.click("the theme", ".graphiql-dialog button", "Light");
    await page.until("the theme", () => document.body.classList.contains("graphiql-light"));
    assert.deepEqual(await isDark(), [false, false]);
  },

  async "every script and style is held to its hash or is our own"(page) {
    const files = await page.call(() =>
      [...document.querySelectorAll("script, link[rel=stylesheet]")].map((file) => [file.src ?? file.href, file.integrity]),
    );
    const own = (url) => /^\/graphiql\/app\.(js|css)$/.test(new URL(url, page.server).pathname);
    assert.deepEqual(files.filter(([url, integrity]) => !integrity && !own(url)), []);
    assert.equal(files.filter(([, integrity]) => integrity.startsWith("sha384-")).length, 4);
  },
};

async function main() {
  const folder = await mkdtemp(path.join(tmpdir(), "roost-playground-"));
  if (options.pictures) await mkdir(options.pictures, { recursive: true });
  const lives = /^https?:/.test(positionals[0]);
  const server = lives ? { address: new URL(positionals[0]) } : await startServer(positionals[0], folder);
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
    await page.scheme("light");
    for (const [name, step] of Object.entries(STEPS)) {
      await step(page);
      assert.deepEqual(page.faults, [], name);
      console.log(`passed: ${name}`);
    }
  } catch (error) {
    await picture(page, "failure")?.catch(() => {});
    for (const fault of page.faults) console.error(`fault: ${fault}`);
    throw error;
  } finally {
    await end();
  }
  console.log(`\nwhat the page asked of ${address.origin}:`);
  for (const request of [...page.requests].sort()) console.log(`  ${request}`);
}

await main();
