// Every root field, asked at random by nobody, a guest, a host and staff: whatever is sent, the answer is either data or
// errors that are coded as docs/errors.md says. ROOST_FUZZ_SEED repeats a run, ROOST_FUZZ_REQUESTS makes it longer.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'

import { buildClientSchema, getIntrospectionQuery } from 'graphql'

import { read, schema as committed } from '../schema/files.mjs'
import { Operation } from './fuzz/documents.mjs'
import { Pool } from './fuzz/pool.mjs'
import { Random } from './fuzz/random.mjs'
import { spoil } from './fuzz/spoil.mjs'
import { ask, inDays, people, signIn, signed, url } from './server.mjs'

const seed = process.env.ROOST_FUZZ_SEED ?? randomBytes(4).toString('hex')
const requests = Number(process.env.ROOST_FUZZ_REQUESTS ?? 60)
const AT_ONCE = 8
const STREAM_PATIENCE_MS = 100

/** The closed list: the table of the page, and what mutations are refused with. */
const codes = new Set([
  ...[...read('docs/errors.md').matchAll(/^\| (`[^|]+) \|/gm)].flatMap(([, cell]) => [...cell.matchAll(/`([A-Z_]+)`/g)].map(([, code]) => code)),
  ...committed.getType('UserErrorCode').getValues().map(({ name }) => name),
])
/** Words that only the inside has. */
const INSIDE = /sqlite|sea.?orm|sqlx|postgres|redis|panicked|unwrap|\.rs\b|src\/|select .* from |constraint/i

/** What is wrong with an answer, or nothing. */
function fault(status, body) {
  if (status >= 500) return `status ${status}`
  for (const error of body.errors ?? []) {
    const { code, requestId } = error.extensions ?? {}
    if (typeof error.message !== 'string' || error.message === '') return 'an error without a message'
    if (!codes.has(code)) return `an error with the code ${code}, which is on no list`
    if (code === 'INTERNAL') return 'an internal error'
    if (!/^req_\w+/.test(requestId ?? '')) return 'an error without a request id'
    if (INSIDE.test(error.message)) return 'an error that tells of the inside'
  }
  if (!('data' in body) && !body.errors?.length) return 'neither data nor errors'
  return undefined
}

/** The answers of an event stream that come at once. */
async function events(response, stop) {
  let text = ''
  const timer = setTimeout(() => stop.abort(), STREAM_PATIENCE_MS)
  try {
    const decoder = new TextDecoder()
    for await (const chunk of response.body) text += decoder.decode(chunk, { stream: true })
  } catch (error) {
    if (error.name !== 'AbortError') throw error
  }
  clearTimeout(timer)
  return [...text.matchAll(/^event: next\ndata: (.*)$/gm)].map(([, data]) => JSON.parse(data))
}

/** Sends a request and gives its answers; a stream may have none yet. */
async function send({ search, ...request }) {
  const stop = new AbortController()
  const address = search ? `${url}?${new URLSearchParams(search)}` : url
  const response = await fetch(address, { ...request, signal: stop.signal })
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream')
  const answers = isStream ? await events(response, stop) : [JSON.parse(await response.text())]
  return { status: response.status, answers: answers.flat() }
}

/** One request for a field, as somebody makes it. */
function draw(random, kind, field, token) {
  const operation = new Operation(random, schema, pool, kind, field)
  const body = { query: operation.query, variables: operation.variables }
  if (random.percent(12)) {
    const spoilt = spoil(random, body)
    // The server hangs up on what it does not read to its end: no other request may wait behind it.
    return { ...spoilt, headers: { ...spoilt.headers, connection: 'close' }, isSpoilt: true }
  }
  const isStream = kind === 'subscription' ? random.percent(70) : random.percent(3)
  const accept = isStream ? 'text/event-stream' : random.of(['application/json', 'application/graphql-response+json', '*/*'])
  return { method: 'POST', headers: { 'content-type': 'application/json', accept, ...signed(token) }, body: JSON.stringify(body) }
}

/** The requests of one field, several at once; what is wrong with their answers, and how often each code came. */
async function fuzz(kind, field) {
  const faults = []
  const counts = {}
  const sent = Object.entries(tokens).flatMap(([person, token]) => {
    const random = new Random(seed, kind, field.name, person)
    return Array.from({ length: Math.ceil(requests / Object.keys(tokens).length) }, () => [person, draw(random, kind, field, token)])
  })
  const count = (outcome) => { counts[outcome] = (counts[outcome] ?? 0) + 1 }
  const work = async () => {
    for (let next = sent.shift(); next; next = sent.shift()) {
      const [person, request] = next
      try {
        const { status, answers } = await send(request)
        for (const answer of answers) {
          const wrong = fault(status, answer)
          if (wrong) faults.push({ wrong, person, request, status, answer: JSON.stringify(answer).slice(0, 2000) })
          if (answer.data && !request.isSpoilt) count('data')
          for (const error of answer.errors ?? []) count(error.extensions?.code)
        }
      } catch (error) {
        faults.push({ wrong: 'no answer', person, request, error: `${error} ${error.cause ?? ''}` })
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return { faults, counts }
}

console.log(`fuzz: ROOST_FUZZ_SEED=${seed} repeats this`)
const schema = buildClientSchema(await ask(getIntrospectionQuery()))
const tokens = { nobody: undefined }
for (const person of people) tokens[person] = await signIn(person)
const pool = await Pool.of(tokens, inDays)
const total = {}

const roots = { query: schema.getQueryType(), subscription: schema.getSubscriptionType(), mutation: schema.getMutationType() }
const fields = Object.entries(roots).flatMap(([kind, type]) => Object.values(type.getFields()).map((field) => [kind, field]))
// Whoever signs out has nothing left to ask as themselves.
fields.sort(([, one], [, other]) => (one.name === 'sessionRevoke') - (other.name === 'sessionRevoke'))

test('the judge bites', () => {
  const error = (code, rest) => ({ errors: [{ message: 'No.', extensions: { code, requestId: 'req_1' }, ...rest }] })
  assert.ok(codes.size > 40)
  assert.deepEqual([fault(200, { data: null }), fault(400, error('INVALID')), fault(200, error('VERSION_STALE'))], Array(3).fill(undefined))
  const wrong = [
    [500, { data: {} }], [200, {}], [200, error('INTERNAL')], [200, error('NOTHING')], [200, error(undefined)],
    [200, error('INVALID', { message: '' })], [200, error('INVALID', { extensions: { code: 'INVALID' } })],
    [200, error('INVALID', { message: 'UNIQUE constraint failed' })],
  ]
  for (const [status, body] of wrong) assert.ok(fault(status, body), JSON.stringify([status, body]))
})

for (const [kind, field] of fields) {
  test(`${kind} ${field.name}`, async () => {
    const { faults, counts } = await fuzz(kind, field)
    for (const [outcome, times] of Object.entries(counts)) total[outcome] = (total[outcome] ?? 0) + times
    assert.deepEqual(faults.slice(0, 5).map((one) => JSON.stringify(one)), [], `${faults.length} faults, with the seed ${seed}`)
    // A question that never gets past the door asks nothing of what is behind it.
    const through = ['data', 'FORBIDDEN', 'INVALID', 'NOT_FOUND', 'UNAUTHENTICATED'].some((outcome) => counts[outcome] > 0)
    assert.ok(through, `nothing got through: ${JSON.stringify(counts)}`)
  })
}

test('the server lives and answers', async () => {
  console.log(`fuzz: ${fields.length} fields; ${Object.entries(total).map(([outcome, times]) => `${outcome} ${times}`).join(', ')}`)
  assert.deepEqual(await ask('{ __typename }'), { __typename: 'Query' })
  assert.equal((await fetch(new URL('/health/ready', url))).status, 200)
})
