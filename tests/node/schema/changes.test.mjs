// The clients of the last release keep working: compares schema.graphql with tests/contract/released.graphql.

import assert from 'node:assert/strict'
import test from 'node:test'

import { buildSchema } from 'graphql'

import { compare, faults } from './changes.mjs'
import { read, schema } from './files.mjs'

const released = buildSchema(read('tests/contract/released.graphql'))
const accepted = JSON.parse(read('tests/contract/accepted.json'))

test('the schema has no breaking change that is not accepted', (t) => {
  const { breaking, notable } = compare(released, schema)
  for (const { description } of notable) t.diagnostic(`mention this in the release notes: ${description}`)
  assert.deepEqual(faults(breaking, accepted), [])
})

const BEFORE = `
  type Query { "A." a(first: Int = 3, id: ID): String! b: Colour c(where: Where): Thing }
  enum Colour { RED GREEN }
  input Where { size: Int! = 1, name: String }
  interface Node { id: ID! }
  type Thing implements Node { id: ID! name: String }
`
const breaks = {
  'a field is removed': ['id: ID! name: String }', 'id: ID! }', 'FIELD_REMOVED'],
  'a field becomes nullable': ['): String!', '): String', 'FIELD_CHANGED_KIND'],
  'an enum value is removed': ['RED GREEN', 'RED', 'VALUE_REMOVED_FROM_ENUM'],
  'an argument is removed': ['first: Int = 3, id: ID', 'first: Int = 3', 'ARG_REMOVED'],
  'an argument becomes required': ['id: ID)', 'id: ID!)', 'ARG_CHANGED_KIND'],
  'an input gets a new required field': ['name: String }\n  int', 'name: String age: Int! }\n  int', 'REQUIRED_INPUT_FIELD_ADDED'],
  'an interface is no longer implemented': ['Thing implements Node', 'Thing', 'IMPLEMENTED_INTERFACE_REMOVED'],
  'the default of an argument changes': ['first: Int = 3', 'first: Int = 4', 'ARG_DEFAULT_VALUE_CHANGE'],
  'the default of an input field changes': ['size: Int! = 1', 'size: Int! = 2', 'INPUT_FIELD_DEFAULT_VALUE_CHANGE'],
}

for (const [name, [from, to, type]] of Object.entries(breaks)) {
  test(`a breaking change is found when ${name}`, () => {
    const after = BEFORE.replace(from, to)
    assert.notEqual(after, BEFORE)
    const { breaking } = compare(buildSchema(BEFORE), buildSchema(after))
    assert.deepEqual(breaking.map((change) => change.type), [type])
    assert.equal(faults(breaking, []).length, 1)
    const reason = 'the field was never filled by any server'
    assert.deepEqual(faults(breaking, [{ ...breaking[0], reason }]), [])
    assert.equal(faults(breaking, [{ ...breaking[0], reason: '' }]).length, 1)
  })
}

test('additions pass, and a new enum value is notable', () => {
  const after = BEFORE.replace('GREEN', 'GREEN BLUE').replace('id: ID)', 'id: ID, more: Int)').replace('b: Colour', 'b: Colour!')
  const { breaking, notable } = compare(buildSchema(BEFORE), buildSchema(after))
  assert.deepEqual(breaking, [])
  assert.deepEqual(notable.map((change) => change.type), ['VALUE_ADDED_TO_ENUM'])
})

test('an accepted change that is not found is a fault', () => {
  const entry = { type: 'FIELD_REMOVED', description: 'Thing.name was removed.', reason: 'nobody could ever read a name here' }
  assert.deepEqual(faults([], [entry]), ['accepted, but not found: FIELD_REMOVED: Thing.name was removed.'])
  assert.match(faults([], [{ ...entry, type: 'FIELD_GONE' }])[0], /not a type of breaking change/)
})
