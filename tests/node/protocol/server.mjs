// The server that these tests speak to, which holds the demonstration, and the plainest way to speak to it.

import assert from 'node:assert/strict'

assert.ok(process.env.ROOST_URL, 'ROOST_URL names a server with the demonstration: http://127.0.0.1:8000')

export const url = new URL('/graphql', process.env.ROOST_URL).href
export const socketUrl = url.replace(/^http/, 'ws')

/** Who can sign in to the demonstration. */
export const people = ['guest', 'host', 'admin']

/** The headers of somebody's requests; nobody's without a token. */
export const signed = (token) => (token ? { authorization: `Bearer ${token}` } : {})

/** The data of an operation that must succeed. */
export async function ask(query, variables, token) {
  const headers = { 'content-type': 'application/json', ...signed(token) }
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query, variables }) })
  const { data, errors } = await response.json()
  assert.equal(errors, undefined, JSON.stringify(errors))
  return data
}

/** A new session of one of the people, and its token. */
export async function signIn(person) {
  const { sessionCreate } = await ask(
    'mutation ($email: String!) { sessionCreate(email: $email, password: "roost-demo-2027") { tokens { accessToken } } }',
    { email: `${person}@demo.roost.example` },
  )
  return sessionCreate.tokens.accessToken
}

/** A listing of the demonstration's host. */
export async function listingOf(host) {
  const { viewer } = await ask('{ viewer { listings(first: 1, status: [PUBLISHED]) { nodes { id } } } }', {}, host)
  return viewer.listings.nodes[0].id
}

/** The date so many days from now. */
export const inDays = (days) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10)

/**
 * Does something again and again until it has been heard: neither protocol says when a subscription has begun, and what
 * happened before is not told.
 */
export async function until(heard, act) {
  let over = false
  const answer = heard.finally(() => { over = true })
  for (let turn = 0; !over; turn += 1) {
    assert.ok(turn < 100, 'nothing was heard')
    await act(turn)
    await Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 100))])
  }
  return answer
}
