// Sends operations to the API. A query or mutation has one response, a subscription a stream of server-sent events.

const ENDPOINT = "/graphql";
const JSON_TYPES = "application/graphql-response+json, application/json";
const EVENT_STREAM = "text/event-stream";

function post(operation, accept, headers, signal) {
  return fetch(ENDPOINT, {
    method: "POST",
    headers: { ...headers, accept, "content-type": "application/json" },
    body: JSON.stringify(operation),
    signal,
  });
}

/** Sends a query or a mutation. Returns its result, the HTTP response and the duration in milliseconds. */
export async function send(operation, headers = {}) {
  const start = performance.now();
  const response = await post(operation, JSON_TYPES, headers);
  const result = await readResult(response);
  return { result, response, ms: performance.now() - start };
}

/** Reads the body of a response. A body that is not JSON, such as an error page of a proxy, becomes an error. */
async function readResult(response) {
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`the server answered ${response.status} without JSON: ${text.slice(0, 200)}`);
  }
}

/**
 * The results of a subscription, with GraphQL over SSE in the distinct connections mode. Leaving the loop or calling `return`
 * ends the request, even while it waits for the next event. If the server answers without a stream, because it refuses the
 * subscription, that answer is the only result.
 */
export function subscribe(operation, headers = {}, onResponse = () => {}) {
  const controller = new AbortController();
  const results = receive(operation, headers, onResponse, controller.signal);
  return {
    next: () => results.next(),
    return() {
      controller.abort();
      return results.return();
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

async function* receive(operation, headers, onResponse, signal) {
  try {
    const response = await post(operation, `${EVENT_STREAM}, ${JSON_TYPES};q=0.9`, headers, signal);
    onResponse(response);
    if (!response.headers.get("content-type")?.startsWith(EVENT_STREAM)) {
      yield await readResult(response);
      return;
    }
    for await (const { name, data } of parseEvents(response.body)) {
      if (name === "next") yield JSON.parse(data);
      if (name === "complete") return;
    }
    throw new Error("the server closed the stream before its end");
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/**
 * Parses an event stream: lines end in LF, CR or CRLF, an empty line ends an event, and a line that begins with `:` is a
 * comment.
 */
export async function* parseEvents(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let [unread, name, data] = ["", "message", []];
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      // A CR at the end of a chunk may be the first half of a CRLF, so it stays unread until the next chunk.
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
