// Signs in and out, and keeps the tokens fresh for as long as this browser tab is open.

import { ask } from "/graphiql/request.js";

const KEY = "roost:session";
// An access token that lives no longer than this is exchanged before it is used.
const MARGIN_MS = 30_000;

const TOKENS = "tokens { accessToken expiresAt refreshToken } userErrors { message }";
const SIGN_IN = `mutation PlaygroundSignIn($email: String!, $password: String!) {
  sessionCreate(email: $email, password: $password) { viewer { email roles user { displayName } } ${TOKENS} } }`;
const REFRESH = `mutation PlaygroundRefresh($token: String!) { sessionRefresh(refreshToken: $token) { ${TOKENS} } }`;
const SIGN_OUT = "mutation PlaygroundSignOut { sessionRevoke { userErrors { message } } }";

const part = (id) => document.getElementById(id);
let session = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
let refreshing;

function keep(changed) {
  session = changed;
  if (session) sessionStorage.setItem(KEY, JSON.stringify(session));
  else sessionStorage.removeItem(KEY);
  part("sign-in").hidden = session !== null;
  part("signed-in").hidden = session === null;
  if (session) part("who").textContent = `${session.name} · ${session.email} · ${session.roles.join(", ").toLowerCase()}`;
}

function note(text) {
  part("session-note").textContent = text;
}

/** What the server will not do however often it is asked. */
class Refusal extends Error {}

/** Runs a mutation, and gives its payload or throws what is wrong. */
async function change(field, query, variables, headers) {
  const { result } = await ask({ query, variables }, headers);
  const payload = result.data?.[field];
  const [refused] = payload?.userErrors ?? [];
  if (refused) throw new Refusal(refused.message);
  const [error] = result.errors ?? [];
  if (error) throw new Error(error.message);
  if (!payload) throw new Error("the server answered something else");
  return payload;
}

async function signIn(email, password) {
  const { viewer, tokens } = await change("sessionCreate", SIGN_IN, { email, password });
  keep({ ...tokens, email: viewer.email, roles: viewer.roles, name: viewer.user.displayName });
}

async function signOut() {
  const headers = await authorization();
  keep(null);
  if (headers.authorization) await change("sessionRevoke", SIGN_OUT, {}, headers);
}

/**
 * A refresh token works once, so requests that come together wait for the same exchange. Only the server's own refusal ends
 * the session: what is a matter of the network, or of too many requests, is another try's.
 */
async function refresh() {
  try {
    const { tokens } = await change("sessionRefresh", REFRESH, { token: session.refreshToken });
    keep({ ...session, ...tokens });
  } catch (error) {
    if (error instanceof Refusal) {
      keep(null);
      note(`Signed out: ${error.message}`);
    } else if (Date.parse(session.expiresAt) <= Date.now()) {
      throw error;
    }
  }
}

/** The header that makes a request the signed-in person's own; none when nobody is signed in. */
export async function authorization() {
  if (session && Date.parse(session.expiresAt) - Date.now() < MARGIN_MS) {
    refreshing ??= refresh().finally(() => (refreshing = undefined));
    await refreshing;
  }
  return session ? { authorization: `Bearer ${session.accessToken}` } : {};
}

/** Shows what is wrong, and keeps a second press from coming in between. */
function press(button, act) {
  return async (event) => {
    event.preventDefault();
    note("");
    button.disabled = true;
    try {
      await act();
    } catch (error) {
      note(error.message);
    } finally {
      button.disabled = false;
    }
  };
}

/** Where the demonstration is served, each of its accounts is a button. */
async function offerAccounts() {
  const response = await fetch("/graphiql/accounts.json");
  for (const { name, email, password } of response.ok ? await response.json() : []) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = `Demo ${name}`;
    button.title = email;
    button.addEventListener("click", press(button, () => signIn(email, password)));
    part("accounts").append(button);
  }
}

export function startSession() {
  const form = part("sign-in");
  const submit = form.querySelector("[type=submit]");
  form.addEventListener(
    "submit",
    press(submit, async () => {
      await signIn(part("email").value, part("password").value);
      form.reset();
    }),
  );
  part("sign-out").addEventListener("click", press(part("sign-out"), signOut));
  const copy = async () => {
    const headers = await authorization();
    await navigator.clipboard.writeText(JSON.stringify({ Authorization: headers.authorization }));
  };
  part("copy-header").addEventListener("click", press(part("copy-header"), copy));
  keep(session);
  offerAccounts().catch((error) => note(error.message));
}
