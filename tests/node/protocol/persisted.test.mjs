// Automatic persisted queries with Apollo's link: first the hash, then the text once, then only the hash.

import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import test from 'node:test'

import { ApolloClient, HttpLink, InMemoryCache, gql } from '@apollo/client'
import { createPersistedQueryLink } from '@apollo/client/link/persisted-queries'

import { signIn, signed, url } from './server.mjs'

const sha256 = (text) => createHash('sha256').update(text).digest('hex')

/** A client, and its recorded requests and responses. */
function client({ useGETForHashedQueries = false, token } = {}) {
  const requests = []
  const recorded = async (uri, options) => {
    const response = await fetch(uri, options)
    const parameters = options.body ? JSON.parse(options.body) : Object.fromEntries(new URL(uri).searchParams)
    const codes = (await response.clone().json()).errors?.map(({ extensions }) => extensions.code)
    requests.push({ method: options.method, sent: Object.keys(parameters).includes('query') ? 'text' : 'hash', status: response.status, codes })
    return response
  }
  const link = createPersistedQueryLink({ sha256, useGETForHashedQueries })
    .concat(new HttpLink({ uri: url, fetch: recorded, headers: signed(token) }))
  const apollo = new ApolloClient({ cache: new InMemoryCache(), defaultOptions: { query: { fetchPolicy: 'no-cache' } }, link })
  return { apollo, requests }
}

/** A new document, unknown to the server. */
const amenities = () => gql`query Amenities${randomBytes(8).toString('hex')} { amenities { code name } }`

const unknown = (method) => ({ method, sent: 'hash', status: 400, codes: ['PERSISTED_QUERY_NOT_FOUND'] })
const done = (method, sent) => ({ method, sent, status: 200, codes: undefined })

test('a document is sent once, and then only its hash', async () => {
  const { apollo, requests } = client()
  const query = amenities()
  const { data } = await apollo.query({ query })
  assert.ok(data.amenities.length > 20)
  assert.deepEqual(requests, [unknown('POST'), done('POST', 'text')])
  for (let turn = 0; turn < 3; turn += 1) assert.deepEqual((await apollo.query({ query })).data, data)
  assert.deepEqual(requests.slice(2), Array(3).fill(done('POST', 'hash')))

  const other = client()
  assert.deepEqual((await other.apollo.query({ query })).data, data)
  assert.deepEqual(other.requests, [done('POST', 'hash')])
})

test('hashes can be sent by GET, which a cache can answer', async () => {
  const { apollo, requests } = client({ useGETForHashedQueries: true })
  const query = amenities()
  const { data } = await apollo.query({ query })
  assert.deepEqual((await apollo.query({ query })).data, data)
  assert.deepEqual(requests, [unknown('GET'), done('POST', 'text'), done('GET', 'hash')])
})

test('a mutation is sent by POST, also by its hash', async () => {
  const { apollo, requests } = client({ useGETForHashedQueries: true, token: await signIn('guest') })
  const name = `About${randomBytes(8).toString('hex')}`
  const mutation = gql`mutation ${name}($about: String!) {
    userUpdate(user: { about: $about }) { viewer { user { about } } userErrors { message } }
  }`
  for (const about of ['I walk a lot.', 'I read a lot.']) {
    const { data } = await apollo.mutate({ mutation, variables: { about } })
    assert.deepEqual(data.userUpdate.userErrors, [])
    assert.equal(data.userUpdate.viewer.user.about, about)
  }
  assert.deepEqual(requests, [unknown('POST'), done('POST', 'text'), done('POST', 'hash')])
})
