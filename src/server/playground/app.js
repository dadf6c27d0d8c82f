// Opens GraphiQL on this server, with one tab for each ready operation the first time.

import { ask, listen } from "/graphiql/request.js";
import { authorization, startSession } from "/graphiql/session.js";
import { began, came, say } from "/graphiql/status.js";

const DAY_MS = 86_400_000;
const place = document.getElementById("graphiql");

async function json(path) {
  const response = await fetch(path);
  return response.ok ? response.json() : [];
}

function date(days) {
  return new Date(Date.now() + days * DAY_MS).toISOString().slice(0, 10);
}

/** A key that nobody has used. `randomUUID` would be missing where the page came by plain HTTP. */
function key() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Something to start from for each variable that the document declares; what only its user can know is left empty. */
function variables(query, listing) {
  const known = { listing, checkIn: date(60), checkOut: date(64), key: key(), accept: true, account: "acct_demo" };
  const empty = { MoneyInput: { amount: 0, currency: "EUR" }, "[ID": [] };
  const declared = [...query.matchAll(/\$(\w+): (\[?\w+)/g)].map(([, name, type]) => [
    name,
    known[name] ?? empty[type] ?? "",
  ]);
  return declared.length > 0 ? JSON.stringify(Object.fromEntries(declared), null, 2) : undefined;
}

/** The id of some listing, so that the operations about one can be run as they are. */
async function anyListing() {
  const query = "query PlaygroundListing { listingSearch(where: {}, first: 1) { nodes { id } } }";
  const { result } = await ask({ query }).catch(() => ({}));
  return result?.data?.listingSearch.nodes[0]?.id ?? "";
}

function isSubscription({ operationName }, document) {
  const operations = (document?.definitions ?? []).filter(({ kind }) => kind === "OperationDefinition");
  const chosen = operations.find(({ name }) => name?.value === operationName) ?? operations[0];
  return chosen?.operation === "subscription";
}

/** The headers pane has the last word: who writes an Authorization there is not signed in over it. */
async function headersOf(written = {}) {
  const names = Object.keys(written).map((name) => name.toLowerCase());
  return names.includes("authorization") ? written : { ...written, ...(await authorization()) };
}

/** The events of a subscription for GraphiQL, which calls `return` when its stop button is pressed. */
function stream(operation, headers) {
  let [count, response] = [0, undefined];
  const counted = () => `${count} ${count === 1 ? "event" : "events"}`;
  const events = listen(operation, headers, (answer) => {
    response = answer;
    say("waiting for events");
  });
  return {
    async next() {
      try {
        const step = await events.next();
        if (step.done) {
          say(`the stream has ended after ${counted()}`);
        } else {
          count += 1;
          came({ result: step.value, response, text: response.ok ? `${counted()} so far` : undefined });
        }
        return step;
      } catch (error) {
        say(error.message, true);
        throw error;
      }
    },
    return: () => events.return(),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

async function fetcher(operation, { headers, documentAST } = {}) {
  const isIntrospection = operation.operationName === "IntrospectionQuery";
  const all = await headersOf(headers);
  if (isSubscription(operation, documentAST)) {
    began("opening the stream");
    return stream(operation, all);
  }
  if (!isIntrospection) began("asking");
  try {
    const answer = await ask(operation, all);
    if (!isIntrospection) came(answer);
    return answer.result;
  } catch (error) {
    say(error.message, true);
    throw error;
  }
}

async function start() {
  // GraphiQL's menus add a style, and the page's policy lets in what carries this.
  window.__webpack_nonce__ = document.querySelector("script[nonce]").nonce;
  startSession();
  if (!window.GraphiQL || !window.ReactDOM) {
    const note = document.createElement("p");
    note.textContent = "GraphiQL could not be loaded. The API itself is at /graphql and needs nothing from elsewhere.";
    place.replaceChildren(note);
    return;
  }
  const [operations, listing] = await Promise.all([json("/graphiql/operations.json"), anyListing()]);
  // A link such as /graphiql?tab=Listing opens that operation alone, and leaves the tabs of other visits as they are.
  const wanted = new URLSearchParams(location.search).get("tab");
  const chosen = operations.filter(({ name }) => name === wanted);
  const shown = chosen.length > 0 ? chosen : operations;
  const tabs = shown.map(({ query }) => ({ query, variables: variables(query, listing) }));
  // Of the first tab GraphiQL takes the query but not the variables, unless it is told them apart.
  const opened = chosen.length > 0 ? tabs[0] : {};
  const forgetful = { getItem: () => null, setItem() {}, removeItem() {}, clear() {}, length: 0 };
  ReactDOM.createRoot(place).render(
    React.createElement(GraphiQL, {
      fetcher,
      defaultTabs: tabs,
      ...opened,
      storage: chosen.length > 0 ? forgetful : undefined,
      shouldPersistHeaders: false,
      defaultEditorToolsVisibility: true,
    }),
  );
}

start();
