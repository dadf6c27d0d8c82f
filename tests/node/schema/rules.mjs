// The rules of docs/schema.md that graphql-schema-linter does not know. Each gives the places that break it.

import { getNullableType, isInterfaceType, isIntrospectionType, isListType, isNonNullType, isObjectType } from 'graphql'

// Parts of a listing's prices: they are read with it and have an id only so that a client can tell two of them apart.
const PARTS = ['Season', 'TaxRule']

// The one list with holes, as Relay asks for it.
const WITH_HOLES = ['Query.nodes']

const outputs = (schema) =>
  Object.values(schema.getTypeMap()).filter(
    (type) => (isObjectType(type) || isInterfaceType(type)) && !isIntrospectionType(type),
  )

const fields = (schema) =>
  outputs(schema).flatMap((type) =>
    Object.values(type.getFields()).map((field) => ({ type, field, path: `${type.name}.${field.name}` })),
  )

/** A field that may be null says when it is; what a mutation made is null when it was refused, always. */
export function silentNulls(schema) {
  const silent = ({ type, field }) =>
    !isNonNullType(field.type) && !type.name.endsWith('Payload') && !/\bnull\b/i.test(field.description ?? '')
  return fields(schema).filter(silent).map(({ path }) => path)
}

/** A list has no holes. */
export function holes(schema) {
  const holey = ({ field, path }) => {
    const list = getNullableType(field.type)
    return isListType(list) && !isNonNullType(list.ofType) && !WITH_HOLES.includes(path)
  }
  return fields(schema).filter(holey).map(({ path }) => path)
}

/** What has an id is a `Node`, so that caches and `node(id:)` know it. */
export function strangers(schema) {
  const node = schema.getType('Node')
  const isStranger = (type) =>
    isObjectType(type) && type.getFields().id !== undefined && !type.getInterfaces().includes(node)
  return outputs(schema).filter(isStranger).map((type) => type.name).filter((name) => !PARTS.includes(name))
}

/** The edges of a connection have a node and a cursor, its nodes are those of the edges, and no edge is without one. */
export function oddConnections(schema) {
  const odd = []
  const edges = new Set()
  for (const type of outputs(schema).filter(({ name }) => name.endsWith('Connection'))) {
    const item = (name) => String(type.getFields()[name]?.type ?? '').replace(/[[\]!]/g, '')
    const edge = schema.getType(item('edges'))
    edges.add(edge)
    const shape = edge && Object.fromEntries(Object.values(edge.getFields()).map((field) => [field.name, `${field.type}`]))
    if (shape?.cursor !== 'String!' || shape?.node !== `${item('nodes')}!`) odd.push(type.name)
    if (String(type.getFields().totalCount?.type) !== 'Int!') odd.push(`${type.name}.totalCount`)
  }
  const loose = outputs(schema).filter((type) => type.name.endsWith('Edge') && !edges.has(type))
  return [...odd, ...loose.map(({ name }) => name)]
}
