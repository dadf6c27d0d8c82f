// Checks that the tables of cache.ts are complete. The check fails if a type or a list is added to schema.graphql only.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'

import {
  buildSchema, getNamedType, getNullableType, type GraphQLObjectType, isAbstractType, isIntrospectionType, isListType, isObjectType,
} from 'graphql'

import { connections, lists, parts, possibleTypes, values } from './cache.js'

/** The arguments that select a page. */
const PAGE = ['after', 'before', 'first', 'last']

const sorted = (names: Iterable<string>) => [...names].sort()

export async function checkComplete(): Promise<void> {
  const schema = buildSchema(await readFile(new URL('../../../schema.graphql', import.meta.url), 'utf8'))
  const types = Object.values(schema.getTypeMap()).filter((type) => isObjectType(type) && !isIntrospectionType(type)) as GraphQLObjectType[]
  for (const [name, known] of Object.entries(possibleTypes)) {
    const type = schema.getType(name)
    assert.ok(isAbstractType(type), name)
    assert.deepEqual(sorted(known), sorted(schema.getPossibleTypes(type).map(({ name }) => name)), name)
  }
  const roots = ['Query', 'Mutation', 'Subscription']
  const isAnswer = ({ name }: GraphQLObjectType) => roots.includes(name) || /(Payload|Connection|Edge|Error)$/.test(name) || name === 'PageInfo'
  const stored = types.filter((type) => !isAnswer(type))
  const isNode = ({ name }: { name: string }) => possibleTypes['Node']?.includes(name) ?? false
  const single = new Set<string>()
  for (const type of [...stored, ...types.filter(isAnswer)]) {
    for (const field of Object.values(type.getFields())) {
      const inner = getNullableType(field.type)
      if (isObjectType(inner) && stored.includes(inner) && !isNode(inner)) single.add(inner.name)
    }
  }
  const inLists = ['AuthTokens', ...parts]
  assert.deepEqual(sorted(values), sorted([...single].filter((name) => !inLists.includes(name))), 'types without an id')
  const [foundLists, foundConnections]: [typeof lists, typeof connections] = [{}, {}]
  for (const type of types.filter((type) => type.name === 'Query' || isNode(type))) {
    for (const { name, type: answer, args } of Object.values(type.getFields())) {
      if (isListType(getNullableType(answer)) && type.name !== 'Query') (foundLists[type.name] ??= []).push(name)
      if (!getNamedType(answer).name.endsWith('Connection')) continue
      const keys = args.map(({ name }) => name).filter((name) => !PAGE.includes(name))
      ;(foundConnections[type.name] ??= {})[name] = keys.length > 0 && sorted(keys)
    }
  }
  const inOrder = Object.entries(connections).map(([type, fields]) => [
    type, Object.fromEntries(Object.entries(fields).map(([name, keys]) => [name, keys && sorted(keys)])),
  ])
  assert.deepEqual(Object.fromEntries(inOrder), foundConnections, 'connections')
  assert.deepEqual(lists, Object.fromEntries(Object.entries(foundLists).map(([type, names]) => [type, sorted(names)])), 'lists')
}
