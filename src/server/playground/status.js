// The strip below GraphiQL: what the last answer cost, and what to quote when something is wrong with it.

const part = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en").format;

function show(texts) {
  for (const [id, text] of Object.entries(texts)) part(id).textContent = text;
}

function time(text) {
  return new Date(text).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

function costText(cost) {
  if (!cost) return "";
  const budget = typeof cost.remaining !== "number" ? "" : ` · ${number(cost.remaining)} left`;
  const again = cost.resetAt ? ` until ${time(cost.resetAt)}` : "";
  return `cost ${number(cost.requested)} of ${number(cost.limit)}${budget}${again}`;
}

function statementsText(sql) {
  if (!sql) return "";
  return `${number(sql.statements)} statements, ${number(sql.rows)} rows, ${number(sql.ms)} ms in the database`;
}

/** A request is on its way. */
export function began(text) {
  part("outcome").className = "";
  show({ outcome: text, cost: "", statements: "", duration: "", "request-id": "" });
}

/** An answer is here, or one of several events. */
export function came({ result, response, ms, text }) {
  const errors = result.errors?.length ?? 0;
  const words = errors ? `${errors} ${errors === 1 ? "error" : "errors"}` : "answered";
  part("outcome").className = errors ? "bad" : "";
  show({
    outcome: text ?? `${response.status} · ${words}`,
    cost: costText(result.extensions?.cost),
    statements: statementsText(result.extensions?.sql),
    duration: ms === undefined ? "" : `${number(Math.round(ms))} ms in all`,
    "request-id": response.headers.get("x-request-id") ?? result.extensions?.requestId ?? "",
  });
}

/** Something else has happened, and the rest of the strip still holds. */
export function say(text, isBad = false) {
  part("outcome").className = isBad ? "bad" : "";
  show({ outcome: text });
}
