// The server under test, which has the demonstration data, and functions that send requests to it.

import assert from 'node:assert/strict'

assert.ok(process.env.ROOST_URL, 'ROOST_URL must be a server with the demonstration data, such as http://127.0.0.1:8000')

export const url = new URL('/graphql', process.env.ROOST_URL).href
export const socketUrl = url.replace(/^http/, 'ws')

/** The people who can sign in to the demonstration. */
export const people = ['guest', 'host', 'admin']

/** The headers of a request, anonymous without a token. */
export const signed = (token) => (token ? { authorization: `Bearer ${token}` } : {})

/** Executes an operation that must succeed, and returns its data. */
export async function execute(query, variables, token) {
  const headers = { 'content-type': 'application/json', ...signed(token) }
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query, variables }) })
  const { data, errors } = await response.json()
  assert.equal(errors, undefined, JSON.stringify(errors))
  return data
}

/** Signs in one of the people, and returns the access token. */
export async function signIn(person) {
  const { sessionCreate } = await execute(
    'mutation ($email: String!) { sessionCreate(email: $email, password: "roost-demo-2027") { tokens { accessToken } } }',
    { email: `${person}@demo.roost.example` },
  )
  return sessionCreate.tokens.accessToken
}

/** A listing of the demonstration's host. */
export async function listingOf(host) {
  const { viewer } = await execute('{ viewer { listings(first: 1, status: [PUBLISHED]) { nodes { id } } } }', {}, host)
  return viewer.listings.nodes[0].id
}

/** The date `days` days from now. */
export const inDays = (days) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10)

/**
 * Repeats an action until its event has been received. Neither protocol acknowledges the start of a subscription, and
 * earlier events are not delivered.
 */
export async function repeatUntil(received, act) {
  let isReceived = false
  const event = received.finally(() => { isReceived = true })
  for (let turn = 0; !isReceived; turn += 1) {
    assert.ok(turn < 100, 'no event was received')
    await act(turn)
    await Promise.race([event, new Promise((resolve) => setTimeout(resolve, 100))])
  }
  return event
}
