// Opens GraphiQL for this server. On the first visit it has a tab for each of the prepared documents.

import { send, subscribe } from "/graphiql/request.js";
import { authorization, startSession } from "/graphiql/session.js";
import { showMessage, showPending, showResult } from "/graphiql/status.js";

const DAY_MS = 86_400_000;
const container = document.getElementById("graphiql");

/** Fetches a list as JSON. The list is empty if the request fails. */
async function fetchList(path) {
  const response = await fetch(path);
  return response.ok ? response.json() : [];
}

/** A date in this number of days. */
function dateInDays(days) {
  return new Date(Date.now() + days * DAY_MS).toISOString().slice(0, 10);
}

/** A new idempotency key. `crypto.randomUUID` is not available on a page that was loaded by plain HTTP. */
function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Values for the variables that a document declares. Those that only the user can know are empty. */
function initialVariables(query, listing) {
  const known = { listing, checkIn: dateInDays(60), checkOut: dateInDays(64), key: newKey(), accept: true, account: "acct_demo" };
  const empty = { MoneyInput: { amount: 0, currency: "EUR" }, "[ID": [] };
  const declared = [...query.matchAll(/\$(\w+): (\[?\w+)/g)].map(([, name, type]) => [
    name,
    known[name] ?? empty[type] ?? "",
  ]);
  return declared.length > 0 ? JSON.stringify(Object.fromEntries(declared), null, 2) : undefined;
}

/** The ID of a listing, so that operations on a listing can be run without changes. */
async function findListing() {
  const query = "query PlaygroundListing { listingSearch(where: {}, first: 1) { nodes { id } } }";
  const { result } = await send({ query }).catch(() => ({}));
  return result?.data?.listingSearch.nodes[0]?.id ?? "";
}

function isSubscription({ operationName }, document) {
  const operations = (document?.definitions ?? []).filter(({ kind }) => kind === "OperationDefinition");
  const chosen = operations.find(({ name }) => name?.value === operationName) ?? operations[0];
  return chosen?.operation === "subscription";
}

/** The headers of a request. An `Authorization` in the headers pane replaces the one of the signed-in user. */
async function requestHeaders(written = {}) {
  const names = Object.keys(written).map((name) => name.toLowerCase());
  return names.includes("authorization") ? written : { ...written, ...(await authorization()) };
}

/** The results of a subscription for GraphiQL, which calls `return` when its stop button is pressed. */
function streamResults(operation, headers) {
  let [count, response] = [0, undefined];
  const eventCount = () => `${count} ${count === 1 ? "event" : "events"}`;
  const events = subscribe(operation, headers, (received) => {
    response = received;
    showMessage("waiting for events");
  });
  return {
    async next() {
      try {
        const result = await events.next();
        if (result.done) {
          showMessage(`the stream has ended after ${eventCount()}`);
        } else {
          count += 1;
          showResult({ result: result.value, response, text: response.ok ? `${eventCount()} so far` : undefined });
        }
        return result;
      } catch (error) {
        showMessage(error.message, true);
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
  const all = await requestHeaders(headers);
  if (isSubscription(operation, documentAST)) {
    showPending("opening the stream");
    return streamResults(operation, all);
  }
  if (!isIntrospection) showPending("sending the request");
  try {
    const answer = await send(operation, all);
    if (!isIntrospection) showResult(answer);
    return answer.result;
  } catch (error) {
    showMessage(error.message, true);
    throw error;
  }
}

async function start() {
  // The menus of GraphiQL add an inline style. The page's policy allows it with this nonce.
  window.__webpack_nonce__ = document.querySelector("script[nonce]").nonce;
  startSession();
  if (!window.GraphiQL || !window.ReactDOM) {
    const note = document.createElement("p");
    note.textContent = "GraphiQL could not be loaded. The API at /graphql works without it.";
    container.replaceChildren(note);
    return;
  }
  const [operations, listing] = await Promise.all([fetchList("/graphiql/operations.json"), findListing()]);
  // A link such as /graphiql?tab=Listing opens only that tab, and does not change the tabs of other visits.
  const requested = new URLSearchParams(location.search).get("tab");
  const chosen = operations.filter(({ name }) => name === requested);
  const shown = chosen.length > 0 ? chosen : operations;
  const tabs = shown.map(({ query }) => ({ query, variables: initialVariables(query, listing) }));
  // GraphiQL takes only the query of the first tab, not its variables, so both are passed separately.
  const firstTab = chosen.length > 0 ? tabs[0] : {};
  const emptyStorage = { getItem: () => null, setItem() {}, removeItem() {}, clear() {}, length: 0 };
  ReactDOM.createRoot(container).render(
    React.createElement(GraphiQL, {
      fetcher,
      defaultTabs: tabs,
      ...firstTab,
      storage: chosen.length > 0 ? emptyStorage : undefined,
      shouldPersistHeaders: false,
      defaultEditorToolsVisibility: true,
    }),
  );
}

start();
