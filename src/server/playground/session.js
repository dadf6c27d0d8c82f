// Signs the user in and out, and refreshes the tokens as long as this browser tab is open.

import { send } from "/graphiql/request.js";

const STORAGE_KEY = "roost:session";
// An access token that expires within this time is refreshed before it is used.
const REFRESH_MARGIN_MS = 30_000;

const TOKENS = "tokens { accessToken expiresAt refreshToken } userErrors { message }";
const SIGN_IN = `mutation PlaygroundSignIn($email: String!, $password: String!) {
  sessionCreate(email: $email, password: $password) { viewer { email roles user { displayName } } ${TOKENS} } }`;
const REFRESH = `mutation PlaygroundRefresh($token: String!) { sessionRefresh(refreshToken: $token) { ${TOKENS} } }`;
const SIGN_OUT = "mutation PlaygroundSignOut { sessionRevoke { userErrors { message } } }";

const element = (id) => document.getElementById(id);
let session = JSON.parse(sessionStorage.getItem(STORAGE_KEY) ?? "null");
let refreshing;

/** Stores a session, or removes it, and updates the page. */
function setSession(changed) {
  session = changed;
  if (session) sessionStorage.setItem(STORAGE_KEY, JSON.stringify(session));
  else sessionStorage.removeItem(STORAGE_KEY);
  element("sign-in").hidden = session !== null;
  element("signed-in").hidden = session === null;
  if (session) element("who").textContent = `${session.name} · ${session.email} · ${session.roles.join(", ").toLowerCase()}`;
}

function showNote(text) {
  element("session-note").textContent = text;
}

/** A user error of a mutation. The same request fails again. */
class Refusal extends Error {}

/** Runs a mutation. Returns its payload or throws its error. */
async function mutate(field, query, variables, headers) {
  const { result } = await send({ query, variables }, headers);
  const payload = result.data?.[field];
  const [refused] = payload?.userErrors ?? [];
  if (refused) throw new Refusal(refused.message);
  const [error] = result.errors ?? [];
  if (error) throw new Error(error.message);
  if (!payload) throw new Error("the server sent no result for this mutation");
  return payload;
}

async function signIn(email, password) {
  const { viewer, tokens } = await mutate("sessionCreate", SIGN_IN, { email, password });
  setSession({ ...tokens, email: viewer.email, roles: viewer.roles, name: viewer.user.displayName });
}

async function signOut() {
  const headers = await authorization();
  setSession(null);
  if (headers.authorization) await mutate("sessionRevoke", SIGN_OUT, {}, headers);
}

/**
 * Refreshes the tokens. A refresh token can be used once, so concurrent requests wait for the same refresh. Only a refusal by
 * the server ends the session. After another error, such as one of the network or of the rate limit, the next request tries
 * again.
 */
async function refresh() {
  try {
    const { tokens } = await mutate("sessionRefresh", REFRESH, { token: session.refreshToken });
    setSession({ ...session, ...tokens });
  } catch (error) {
    if (error instanceof Refusal) {
      setSession(null);
      showNote(`Signed out: ${error.message}`);
    } else if (Date.parse(session.expiresAt) <= Date.now()) {
      throw error;
    }
  }
}

/** The `Authorization` header of the signed-in user. Empty if nobody is signed in. */
export async function authorization() {
  if (session && Date.parse(session.expiresAt) - Date.now() < REFRESH_MARGIN_MS) {
    refreshing ??= refresh().finally(() => (refreshing = undefined));
    await refreshing;
  }
  return session ? { authorization: `Bearer ${session.accessToken}` } : {};
}

/** Makes an event handler that runs an action, shows its error and disables the button meanwhile. */
function handler(button, action) {
  return async (event) => {
    event.preventDefault();
    showNote("");
    button.disabled = true;
    try {
      await action();
    } catch (error) {
      showNote(error.message);
    } finally {
      button.disabled = false;
    }
  };
}

/** If the server has the demonstration's data, adds a button for each of its accounts. */
async function addDemoAccounts() {
  const response = await fetch("/graphiql/accounts.json");
  for (const { name, email, password } of response.ok ? await response.json() : []) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = `Demo ${name}`;
    button.title = email;
    button.addEventListener("click", handler(button, () => signIn(email, password)));
    element("accounts").append(button);
  }
}

export function startSession() {
  const form = element("sign-in");
  const submit = form.querySelector("[type=submit]");
  form.addEventListener(
    "submit",
    handler(submit, async () => {
      await signIn(element("email").value, element("password").value);
      form.reset();
    }),
  );
  element("sign-out").addEventListener("click", handler(element("sign-out"), signOut));
  const copyHeader = async () => {
    const headers = await authorization();
    await navigator.clipboard.writeText(JSON.stringify({ Authorization: headers.authorization }));
  };
  element("copy-header").addEventListener("click", handler(element("copy-header"), copyHeader));
  setSession(session);
  addDemoAccounts().catch((error) => showNote(error.message));
}
