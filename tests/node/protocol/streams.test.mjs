// Server-Sent Events in distinct connections mode, with the npm package graphql-sse.

import assert from 'node:assert/strict'
import test from 'node:test'

import { createClient } from 'graphql-sse'

import { execute, inDays, listingOf, repeatUntil, signIn, signed, url } from './server.mjs'

const connect = (token) => createClient({ url, fetchFn: fetch, headers: signed(token), retryAttempts: 0 })

async function collect(responses) {
  const results = []
  for await (const response of responses) results.push(response)
  return results
}

test('a query or mutation gets one response', async () => {
  const client = connect(await signIn('guest'))
  const [viewer, ...more] = await collect(client.iterate({ query: '{ viewer { email } }' }))
  assert.deepEqual([viewer.data, more], [{ viewer: { email: 'guest@demo.roost.example' } }, []])
  const query = 'mutation ($about: String) { userUpdate(user: { about: $about }) { viewer { user { about } } } }'
  const [updated, ...rest] = await collect(client.iterate({ query, variables: { about: 'By events.' } }))
  assert.deepEqual([updated.data, rest], [{ userUpdate: { viewer: { user: { about: 'By events.' } } } }, []])
  client.dispose()
})

test('a refused operation gets one response with coded errors', async () => {
  const client = connect()
  for (const [query, code] of [
    ['{ nothing }', 'GRAPHQL_VALIDATION_FAILED'],
    ['{', 'GRAPHQL_PARSE_FAILED'],
    ['subscription { hostBookingChanged { action } }', 'UNAUTHENTICATED'],
  ]) {
    const [refused, ...more] = await collect(client.iterate({ query }))
    assert.deepEqual([refused.errors.map(({ extensions }) => extensions.code), more], [[code], []], query)
    assert.match(refused.errors[0].extensions.requestId, /^req_/)
  }
  client.dispose()
})

test('a subscription receives events until the client stops', async () => {
  const host = await signIn('host')
  const id = await listingOf(host)
  const client = connect(host)
  const [from, to] = [inDays(300), inDays(301)]
  const received = (async () => {
    const query = 'subscription ($id: ID!, $from: Date!, $to: Date!) { listingCalendarChanged(id: $id, from: $from, to: $to) { date } }'
    for await (const { data, errors } of client.iterate({ query, variables: { id, from, to } })) {
      assert.equal(errors, undefined)
      return data.listingCalendarChanged
    }
  })()
  const change = `mutation ($id: ID!, $from: Date!, $to: Date!, $note: String) {
    listingCalendarUpdate(id: $id, changes: [{ from: $from, to: $to, note: $note, minNights: 2 }]) { userErrors { message } }
  }`
  const days = await repeatUntil(received, (turn) => execute(change, { id, from, to, note: `streams ${turn}` }, host))
  assert.deepEqual(days, [{ date: from }])
  client.dispose()
})
