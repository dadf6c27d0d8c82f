// Sends operations to the API: queries and mutations as one answer, subscriptions as a stream of server-sent events.

const ENDPOINT = "/graphql";
const ANSWERS = "application/graphql-response+json, application/json";
const EVENTS = "text/event-stream";

function post(operation, accept, headers, signal) {
  return fetch(ENDPOINT, {
    method: "POST",
    headers: { ...headers, accept, "content-type": "application/json" },
    body: JSON.stringify(operation),
    signal,
  });
}

/** The answer to a query or a mutation, with how it came. */
export async function ask(operation, headers = {}) {
  const start = performance.now();
  const response = await post(operation, ANSWERS, headers);
  const result = await read(response);
  return { result, response, ms: performance.now() - start };
}

/** The body of an answer. What is no JSON, such as a proxy's page, is told as the error that it is. */
async function read(response) {
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`the server answered ${response.status} and no JSON: ${text.slice(0, 200)}`);
  }
}

/**
 * The events of a subscription, by GraphQL over SSE in its distinct connections mode. Whoever leaves the loop, or calls
 * `return`, ends the request, even while it waits for the next event. A refusal, which is no stream, is the only event.
 */
export function listen(operation, headers = {}, onResponse = () => {}) {
  const ending = new AbortController();
  const results = receive(operation, headers, onResponse, ending.signal);
  return {
    next: () => results.next(),
    return() {
      ending.abort();
      return results.return();
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

async function* receive(operation, headers, onResponse, signal) {
  try {
    const response = await post(operation, `${EVENTS}, ${ANSWERS};q=0.9`, headers, signal);
    onResponse(response);
    if (!response.headers.get("content-type")?.startsWith(EVENTS)) {
      yield await read(response);
      return;
    }
    for await (const { name, data } of parse(response.body)) {
      if (name === "next") yield JSON.parse(data);
      if (name === "complete") return;
    }
    throw new Error("the server closed the stream before its end");
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** The events of a stream: lines end in LF, CR or CRLF, a blank one ends an event, and one that opens with `:` says nothing. */
export async function* parse(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let [unread, name, data] = ["", "message", []];
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      // A CR at the very end may be the first half of a CRLF, so it waits for what follows.
      const lines = (unread + value).split(/\r\n|\n|\r(?!$)/);
      unread = lines.pop();
      for (const line of lines) {
        if (line === "") {
          if (data.length > 0 || name !== "message") yield { name, data: data.join("\n") };
          [name, data] = ["message", []];
        }
        const [, field, text] = /^([^:]+)(?:: ?(.*))?$/s.exec(line) ?? [];
        if (field === "event") name = text ?? "";
        if (field === "data") data.push(text ?? "");
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
