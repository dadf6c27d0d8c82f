// The shape of the schema: the rules of graphql-schema-linter, and those of docs/schema.md that it does not have.

import assert from 'node:assert/strict'
import test from 'node:test'

import { buildSchema, isScalarType, isSpecifiedScalarType } from 'graphql'
import linter from 'graphql-schema-linter'

import { read, schema } from './files.mjs'
import { invalidConnections, nonNodes, nullableItems } from './rules.mjs'

/** Applies every rule of the linter: Relay connections, unused types, deprecation reasons, names, order. */
function lint(sdl) {
  const configuration = new linter.configuration.Configuration({ definition: sdl })
  const rules = configuration.getAllRules()
  assert.ok(rules.length >= 19)
  return linter.validator.validateSchemaDefinition({ definition: sdl }, rules, configuration)
}

test('graphql-schema-linter finds nothing', () => {
  assert.deepEqual(lint(read('schema.graphql')).map((error) => `${error.ruleName}: ${error.message}`), [])
})

test('graphql-schema-linter reports violations', () => {
  const page = '"P." type PageInfo { "E." endCursor: String "N." hasNextPage: Boolean! "P." hasPreviousPage: Boolean! "S." startCursor: String }'
  const sdl = `
    ${page}
    "Q." type Query { "A." a: ThingConnection @deprecated "B." b: Int }
    "T." type ThingConnection { "E." edges: [Int!]! "P." pageInfo: PageInfo }
    "L." type Lost { "A." a: Int c: Int }`
  const found = new Set(lint(sdl).map((error) => error.ruleName))
  const expected = ['relay-connection-types-spec', 'relay-connection-arguments-spec', 'deprecations-have-a-reason', 'defined-types-are-used', 'fields-have-descriptions']
  for (const rule of expected) assert.ok(found.has(rule), `${rule} found nothing`)
})

const rules = { nullableItems, nonNodes, invalidConnections }
for (const [name, rule] of Object.entries(rules)) {
  test(`the rule ${name} finds nothing`, () => assert.deepEqual(rule(schema), []))
}

test('the rules report violations', () => {
  const invalid = buildSchema(`
    type Query { "One." a: Thing "Null when there is none." b: Thing c: Thing! many: [Thing]! all: ThingConnection! }
    interface Node { id: ID! }
    type Thing { id: ID! }
    type ThingConnection { edges: [ThingEdge!]! nodes: [Query!]! totalCount: Int! }
    type ThingEdge { node: Thing! cursor: String! }
    type LostEdge { node: Thing! cursor: String! }
    type MakePayload { thing: Thing }
  `)
  assert.deepEqual(nullableItems(invalid), ['Query.many'])
  assert.deepEqual(nonNodes(invalid), ['Thing'])
  assert.deepEqual(invalidConnections(invalid), ['ThingConnection', 'LostEdge'])
})

test('docs/clients.md has a mapping for every scalar', () => {
  const page = read('docs/clients.md')
  const own = Object.values(schema.getTypeMap()).filter((type) => isScalarType(type) && !isSpecifiedScalarType(type))
  assert.ok(own.length >= 8)
  assert.deepEqual(own.map(({ name }) => name).filter((name) => !page.includes(`| \`${name}\` |`)), [])
})
