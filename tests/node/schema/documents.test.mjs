// Every operation that the repository shows to people is one that the schema answers.

import assert from 'node:assert/strict'
import test from 'node:test'

import { parse, validate } from 'graphql'

import { paths } from '../../docs/pages.mjs'
import { list, read, schema } from './files.mjs'

/** What graphql-js says of a text. */
function complaints(text) {
  try {
    return validate(schema, parse(text)).map((error) => error.message)
  } catch (error) {
    return [error.message]
  }
}

/** The operations that a page sends by `gql`, or shows in a block of their own. */
function shown(page) {
  const sent = [...page.matchAll(/^gql <<END\n([\s\S]*?)^END$/gm)]
  const blocks = [...page.matchAll(/^```graphql\n([\s\S]*?)^```/gm)]
  // The shell puts a number there.
  return [...sent, ...blocks].map(([, text]) => text.replaceAll('amount: $AMOUNT', 'amount: 0'))
}

const operations = list('src/server/playground/operations', '.graphql').map((path) => [path, read(path)])
const pages = paths().flatMap((path) => shown(read(path)).map((text, at) => [`${path} (${at + 1})`, text]))

for (const [name, text] of [...operations, ...pages]) {
  test(`the schema answers ${name}`, () => assert.deepEqual(complaints(text), []))
}

test('there are such operations, and a wrong one is found', () => {
  assert.ok(operations.length >= 8 && pages.length >= 5, `${operations.length} and ${pages.length}`)
  assert.deepEqual(complaints('{ viewer { shoeSize } }'), ['Cannot query field "shoeSize" on type "Viewer".'])
  assert.deepEqual(complaints(shown('gql <<END\n{ viewer {\nEND\n')[0]), ['Syntax Error: Expected Name, found <EOF>.'])
})
