// Sends random requests for every root field, anonymously and as a guest, a host and staff. Every response must have
// data, or errors with a code of docs/errors.md. ROOST_FUZZ_SEED repeats a run. ROOST_FUZZ_REQUESTS is the number of
// requests for each field.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'

import { buildClientSchema, getIntrospectionQuery } from 'graphql'

import { read, schema as committed } from '../schema/files.mjs'
import { Operation } from './fuzz/documents.mjs'
import { Pool } from './fuzz/pool.mjs'
import { Random } from './fuzz/random.mjs'
import { makeMalformed } from './fuzz/malformed.mjs'
import { execute, inDays, people, signIn, signed, url } from './server.mjs'

const seed = process.env.ROOST_FUZZ_SEED ?? randomBytes(4).toString('hex')
const requests = Number(process.env.ROOST_FUZZ_REQUESTS ?? 60)
const CONCURRENCY = 8
const STREAM_TIMEOUT_MS = 100

/** All error codes: those in the table of the page, and those of `UserErrorCode`. */
const codes = new Set([
  ...[...read('docs/errors.md').matchAll(/^\| (`[^|]+) \|/gm)].flatMap(([, cell]) => [...cell.matchAll(/`([A-Z_]+)`/g)].map(([, code]) => code)),
  ...committed.getType('UserErrorCode').getValues().map(({ name }) => name),
])
/** Words that reveal internals. */
const INTERNALS = /sqlite|sea.?orm|sqlx|postgres|redis|panicked|unwrap|\.rs\b|src\/|select .* from |constraint/i

/** The fault of a response, or undefined. */
function findFault(status, body) {
  if (status >= 500) return `status ${status}`
  for (const error of body.errors ?? []) {
    const { code, requestId } = error.extensions ?? {}
    if (typeof error.message !== 'string' || error.message === '') return 'an error without a message'
    if (!codes.has(code)) return `an error with the code ${code}, which is not documented`
    if (code === 'INTERNAL') return 'an internal error'
    if (!/^req_\w+/.test(requestId ?? '')) return 'an error without a request id'
    if (INTERNALS.test(error.message)) return 'an error that reveals internals'
  }
  if (!('data' in body) && !body.errors?.length) return 'neither data nor errors'
  return undefined
}

/** The responses of an event stream that arrive before the timeout. */
async function readEvents(response, stop) {
  let text = ''
  const timer = setTimeout(() => stop.abort(), STREAM_TIMEOUT_MS)
  try {
    const decoder = new TextDecoder()
    for await (const chunk of response.body) text += decoder.decode(chunk, { stream: true })
  } catch (error) {
    if (error.name !== 'AbortError') throw error
  }
  clearTimeout(timer)
  return [...text.matchAll(/^event: next\ndata: (.*)$/gm)].map(([, data]) => JSON.parse(data))
}

/** Sends a request and returns its responses. A stream may have none before the timeout. */
async function send({ search, ...request }) {
  const stop = new AbortController()
  const address = search ? `${url}?${new URLSearchParams(search)}` : url
  const response = await fetch(address, { ...request, signal: stop.signal })
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream')
  const responses = isStream ? await readEvents(response, stop) : [JSON.parse(await response.text())]
  return { status: response.status, responses: responses.flat() }
}

/** Generates a request for a field. */
function generateRequest(random, kind, field, token) {
  const operation = new Operation(random, schema, pool, kind, field)
  const body = { query: operation.query, variables: operation.variables }
  if (random.percent(12)) {
    const malformed = makeMalformed(random, body)
    // The server closes the connection if it does not read the whole body, so no other request may reuse it.
    return { ...malformed, headers: { ...malformed.headers, connection: 'close' }, isMalformed: true }
  }
  const isStream = kind === 'subscription' ? random.percent(70) : random.percent(3)
  const accept = isStream ? 'text/event-stream' : random.of(['application/json', 'application/graphql-response+json', '*/*'])
  return { method: 'POST', headers: { 'content-type': 'application/json', accept, ...signed(token) }, body: JSON.stringify(body) }
}

/** Sends the requests of one field, several concurrently. Returns the faults, and the number of each outcome. */
async function fuzz(kind, field) {
  const faults = []
  const counts = {}
  const queue = Object.entries(tokens).flatMap(([person, token]) => {
    const random = new Random(seed, kind, field.name, person)
    return Array.from({ length: Math.ceil(requests / Object.keys(tokens).length) }, () => [person, generateRequest(random, kind, field, token)])
  })
  const count = (outcome) => { counts[outcome] = (counts[outcome] ?? 0) + 1 }
  const work = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const [person, request] = next
      try {
        const { status, responses } = await send(request)
        for (const body of responses) {
          const wrong = findFault(status, body)
          if (wrong) faults.push({ wrong, person, request, status, body: JSON.stringify(body).slice(0, 2000) })
          if (body.data && !request.isMalformed) count('data')
          for (const error of body.errors ?? []) count(error.extensions?.code)
        }
      } catch (error) {
        faults.push({ wrong: 'no response', person, request, error: `${error} ${error.cause ?? ''}` })
      }
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, work))
  return { faults, counts }
}

console.log(`fuzz: ROOST_FUZZ_SEED=${seed} repeats this run`)
const schema = buildClientSchema(await execute(getIntrospectionQuery()))
const tokens = { anonymous: undefined }
for (const person of people) tokens[person] = await signIn(person)
const pool = await Pool.of(tokens, inDays)
const total = {}

const roots = { query: schema.getQueryType(), subscription: schema.getSubscriptionType(), mutation: schema.getMutationType() }
const fields = Object.entries(roots).flatMap(([kind, type]) => Object.values(type.getFields()).map((field) => [kind, field]))
// sessionRevoke invalidates the tokens, so it is last.
fields.sort(([, one], [, other]) => (one.name === 'sessionRevoke') - (other.name === 'sessionRevoke'))

test('findFault reports faults', () => {
  const error = (code, rest) => ({ errors: [{ message: 'No.', extensions: { code, requestId: 'req_1' }, ...rest }] })
  assert.ok(codes.size > 40)
  assert.deepEqual([findFault(200, { data: null }), findFault(400, error('INVALID')), findFault(200, error('VERSION_STALE'))], Array(3).fill(undefined))
  const wrong = [
    [500, { data: {} }], [200, {}], [200, error('INTERNAL')], [200, error('NOTHING')], [200, error(undefined)],
    [200, error('INVALID', { message: '' })], [200, error('INVALID', { extensions: { code: 'INVALID' } })],
    [200, error('INVALID', { message: 'UNIQUE constraint failed' })],
  ]
  for (const [status, body] of wrong) assert.ok(findFault(status, body), JSON.stringify([status, body]))
})

for (const [kind, field] of fields) {
  test(`${kind} ${field.name}`, async () => {
    const { faults, counts } = await fuzz(kind, field)
    for (const [outcome, times] of Object.entries(counts)) total[outcome] = (total[outcome] ?? 0) + times
    assert.deepEqual(faults.slice(0, 5).map((one) => JSON.stringify(one)), [], `${faults.length} faults with the seed ${seed}`)
    // If every request is refused by the parser or by validation, the resolver is not tested.
    const isExecuted = ['data', 'FORBIDDEN', 'INVALID', 'NOT_FOUND', 'UNAUTHENTICATED'].some((outcome) => counts[outcome] > 0)
    assert.ok(isExecuted, `no request was executed: ${JSON.stringify(counts)}`)
  })
}

test('the server is still ready', async () => {
  console.log(`fuzz: ${fields.length} fields; ${Object.entries(total).map(([outcome, times]) => `${outcome} ${times}`).join(', ')}`)
  assert.deepEqual(await execute('{ __typename }'), { __typename: 'Query' })
  assert.equal((await fetch(new URL('/health/ready', url))).status, 200)
})
