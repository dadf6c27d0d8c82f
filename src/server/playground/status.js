// The status bar below GraphiQL: the outcome, the cost and the request ID of the last response.

const element = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en").format;

function show(texts) {
  for (const [id, text] of Object.entries(texts)) element(id).textContent = text;
}

function time(text) {
  return new Date(text).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

function costText(cost) {
  if (!cost) return "";
  const budget = typeof cost.remaining !== "number" ? "" : ` · ${number(cost.remaining)} left`;
  const reset = cost.resetAt ? ` until ${time(cost.resetAt)}` : "";
  return `cost ${number(cost.requested)} of ${number(cost.limit)}${budget}${reset}`;
}

function statementsText(sql) {
  if (!sql) return "";
  return `${number(sql.statements)} statements, ${number(sql.rows)} rows, ${number(sql.ms)} ms in the database`;
}

/** Shows that a request was sent. */
export function showPending(text) {
  element("outcome").className = "";
  show({ outcome: text, cost: "", statements: "", duration: "", "request-id": "" });
}

/** Shows a response, or one event of a stream. */
export function showResult({ result, response, ms, text }) {
  const errors = result.errors?.length ?? 0;
  const summary = errors ? `${errors} ${errors === 1 ? "error" : "errors"}` : "answered";
  element("outcome").className = errors ? "error" : "";
  show({
    outcome: text ?? `${response.status} · ${summary}`,
    cost: costText(result.extensions?.cost),
    statements: statementsText(result.extensions?.sql),
    duration: ms === undefined ? "" : `${number(Math.round(ms))} ms in all`,
    "request-id": response.headers.get("x-request-id") ?? result.extensions?.requestId ?? "",
  });
}

/** Shows a message. The rest of the status bar stays as it is. */
export function showMessage(text, isError = false) {
  element("outcome").className = isError ? "error" : "";
  show({ outcome: text });
}
