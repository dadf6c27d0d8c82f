// The reference audit of GraphQL over HTTP, from the npm package graphql-http: every MUST, SHOULD and MAY.

import assert from 'node:assert/strict'
import test from 'node:test'

import { serverAudits } from 'graphql-http'

import { url } from './server.mjs'

test('all checks of graphql-http pass', async () => {
  const results = await Promise.all(serverAudits({ url, fetchFn: fetch }).map(({ fn }) => fn()))
  const faults = results.filter(({ status }) => status !== 'ok')
  console.log(`audit: ${results.length - faults.length} of ${results.length} checks passed`)
  assert.deepEqual(faults.map(({ id, name, status, reason }) => `${status} ${id} ${name}: ${reason}`), [])
  assert.equal(results.length, 61)
})
