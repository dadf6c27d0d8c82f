// Malformed requests: wrong HTTP, or not a GraphQL request.

const JSON_TYPE = { 'content-type': 'application/json' }

/** Each function turns an operation into the options of `fetch`. `search` has the parameters of the URL. */
const VARIANTS = [
  (body) => ({ method: 'POST', headers: { 'content-type': 'text/plain' }, body: JSON.stringify(body) }),
  (body) => ({ method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: new URLSearchParams({ query: body.query }) }),
  (body) => ({ method: 'POST', headers: { 'content-type': 'multipart/form-data; boundary=x' }, body: `--x\r\n${body.query}` }),
  (body) => ({ method: 'POST', headers: { 'content-type': 'application/json; charset=latin1' }, body: JSON.stringify(body) }),
  (body) => ({ method: 'POST', headers: { 'content-type': 'application/graphql' }, body: body.query }),
  (body) => ({ method: 'POST', headers: { ...JSON_TYPE, accept: 'image/png' }, body: JSON.stringify(body) }),
  (body) => ({ method: 'POST', headers: { ...JSON_TYPE, accept: ';;q=' }, body: JSON.stringify(body) }),
  (body) => ({ method: 'POST', headers: { ...JSON_TYPE, authorization: 'Bearer nonsense' }, body: JSON.stringify(body) }),
  (body) => ({ method: 'POST', headers: { ...JSON_TYPE, authorization: 'Basic eDp4' }, body: JSON.stringify(body) }),
  (body) => ({ method: 'POST', headers: { ...JSON_TYPE, 'idempotency-key': 'x'.repeat(300) }, body: JSON.stringify(body) }),
  (body) => ({ method: 'POST', headers: JSON_TYPE, body: JSON.stringify(body).slice(0, -1) }),
  (body) => ({ method: 'POST', headers: JSON_TYPE, body: JSON.stringify([body]) }),
  (body) => ({ method: 'POST', headers: JSON_TYPE, body: Buffer.concat([Buffer.from('{"query":"'), Buffer.from([0xff, 0xfe]), Buffer.from(body.query)]) }),
  (body) => ({ method: 'POST', headers: JSON_TYPE, body: JSON.stringify({ ...body, variables: 'x' }) }),
  (body) => ({ method: 'POST', headers: JSON_TYPE, body: JSON.stringify({ ...body, operationName: 'Nothing' }) }),
  (body) => ({ method: 'POST', headers: JSON_TYPE, body: JSON.stringify({ ...body, extensions: { persistedQuery: { version: 2 } } }) }),
  (body) => ({ method: 'POST', headers: JSON_TYPE, body: JSON.stringify({ extensions: { persistedQuery: { version: 1, sha256Hash: 'x' } } }) }),
  (body) => ({ method: 'POST', headers: JSON_TYPE, body: JSON.stringify({ query: body.query.replace('{', '{ {') }) }),
  (body) => ({ method: 'POST', headers: JSON_TYPE, body: JSON.stringify({ query: `${body.query} ${body.query}` }) }),
  (body) => ({ method: 'POST', headers: JSON_TYPE, body: JSON.stringify({ query: `${body.query} fragment F on Nothing { x }` }) }),
  () => ({ method: 'POST', headers: JSON_TYPE, body: '' }),
  () => ({ method: 'POST', headers: JSON_TYPE, body: 'null' }),
  () => ({ method: 'POST', headers: JSON_TYPE, body: '[' .repeat(20_000) }),
  () => ({ method: 'POST', headers: JSON_TYPE, body: JSON.stringify({ query: 7 }) }),
  (body) => ({ method: 'PUT', headers: JSON_TYPE, body: JSON.stringify(body) }),
  (body) => ({ method: 'DELETE', headers: JSON_TYPE, body: JSON.stringify(body) }),
  (body) => ({ method: 'GET', headers: { accept: 'application/json' }, search: { query: body.query.slice(0, 4000), variables: JSON.stringify(body.variables).slice(0, 4000) } }),
  (body) => ({ method: 'GET', headers: { accept: 'text/html' }, search: { query: body.query.slice(0, 4000) } }),
  (body) => ({ method: 'GET', headers: { accept: 'application/json' }, search: { query: body.query.slice(0, 4000), variables: '{' } }),
  () => ({ method: 'GET', headers: { accept: 'application/json' }, search: { nothing: '' } }),
]

export const makeMalformed = (random, body) => random.of(VARIANTS)(body)
