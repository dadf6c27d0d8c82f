// Every operation in the playground and in the documentation is valid against the schema.

import assert from 'node:assert/strict'
import test from 'node:test'

import { parse, validate } from 'graphql'

import { paths } from '../../docs/pages.mjs'
import { list, read, schema } from './files.mjs'

/** The errors that graphql-js finds in a document. */
function errorsOf(text) {
  try {
    return validate(schema, parse(text)).map((error) => error.message)
  } catch (error) {
    return [error.message]
  }
}

/** The operations that a page sends with `gql` or contains in a code block. */
function operationsOf(page) {
  const sent = [...page.matchAll(/^gql <<END\n([\s\S]*?)^END$/gm)]
  const blocks = [...page.matchAll(/^```graphql\n([\s\S]*?)^```/gm)]
  // The shell replaces the variable by a number.
  return [...sent, ...blocks].map(([, text]) => text.replaceAll('amount: $AMOUNT', 'amount: 0'))
}

const operations = list('src/server/playground/operations', '.graphql').map((path) => [path, read(path)])
const pages = paths().flatMap((path) => operationsOf(read(path)).map((text, at) => [`${path} (${at + 1})`, text]))

for (const [name, text] of [...operations, ...pages]) {
  test(`${name} is valid`, () => assert.deepEqual(errorsOf(text), []))
}

test('operations are found, and an invalid one is reported', () => {
  assert.ok(operations.length >= 8 && pages.length >= 5, `${operations.length} and ${pages.length}`)
  assert.deepEqual(errorsOf('{ viewer { shoeSize } }'), ['Cannot query field "shoeSize" on type "Viewer".'])
  assert.deepEqual(errorsOf(operationsOf('gql <<END\n{ viewer {\nEND\n')[0]), ['Syntax Error: Expected Name, found <EOF>.'])
})
