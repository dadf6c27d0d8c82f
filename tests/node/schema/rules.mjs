// The rules of docs/schema.md that graphql-schema-linter does not have, except those for descriptions, which are in
// descriptions.mjs. Each rule returns the places that violate it.

import { getNullableType, isInterfaceType, isIntrospectionType, isListType, isNonNullType, isObjectType } from 'graphql'

// Parts of a listing's pricing. They are read with the listing, and have an ID only to tell them apart.
const PARTS = ['Season', 'TaxRule']

// The one list with nullable items, which Relay requires.
const WITH_NULLABLE_ITEMS = ['Query.nodes']

const outputs = (schema) =>
  Object.values(schema.getTypeMap()).filter(
    (type) => (isObjectType(type) || isInterfaceType(type)) && !isIntrospectionType(type),
  )

const fields = (schema) =>
  outputs(schema).flatMap((type) =>
    Object.values(type.getFields()).map((field) => ({ type, field, path: `${type.name}.${field.name}` })),
  )

/** The items of a list are not null. */
export function nullableItems(schema) {
  const hasNullableItems = ({ field, path }) => {
    const list = getNullableType(field.type)
    return isListType(list) && !isNonNullType(list.ofType) && !WITH_NULLABLE_ITEMS.includes(path)
  }
  return fields(schema).filter(hasNullableItems).map(({ path }) => path)
}

/** A type with an ID implements `Node`, so that caches and `node(id:)` support it. */
export function nonNodes(schema) {
  const node = schema.getType('Node')
  const isNonNode = (type) =>
    isObjectType(type) && type.getFields().id !== undefined && !type.getInterfaces().includes(node)
  return outputs(schema).filter(isNonNode).map((type) => type.name).filter((name) => !PARTS.includes(name))
}

/** Edges have a node and a cursor, `nodes` has the type of the edges' nodes, and every edge type has a connection. */
export function invalidConnections(schema) {
  const invalid = []
  const edges = new Set()
  for (const type of outputs(schema).filter(({ name }) => name.endsWith('Connection'))) {
    const item = (name) => String(type.getFields()[name]?.type ?? '').replace(/[[\]!]/g, '')
    const edge = schema.getType(item('edges'))
    edges.add(edge)
    const shape = edge && Object.fromEntries(Object.values(edge.getFields()).map((field) => [field.name, `${field.type}`]))
    if (shape?.cursor !== 'String!' || shape?.node !== `${item('nodes')}!`) invalid.push(type.name)
    if (String(type.getFields().totalCount?.type) !== 'Int!') invalid.push(`${type.name}.totalCount`)
  }
  const unused = outputs(schema).filter((type) => type.name.endsWith('Edge') && !edges.has(type))
  return [...invalid, ...unused.map(({ name }) => name)]
}
