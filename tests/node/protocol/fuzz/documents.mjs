// Random operations: any fields below a root field, with arguments as variables, as literals, or omitted.

import {
  getNamedType, isAbstractType, isCompositeType, isEnumType, isLeafType, isListType, isNonNullType, isRequiredArgument,
} from 'graphql'

import { Values } from './values.mjs'

const MAX_DEPTH = 5
const MAX_FIELDS = 30
const DESCRIPTIONS = ['"" ', '"A \\"query\\" { é } # ." ', '"""\nTwo\nlines of $a.\n"""\n', '"""A \\""" mark."""']

/** A value as a literal of a document. A key or an enum value that is not a valid name makes the document invalid. */
function literal(value, type) {
  const bare = type && isNonNullType(type) ? type.ofType : type
  if (Array.isArray(value)) {
    const item = bare && isListType(bare) ? bare.ofType : bare
    return `[${value.map((part) => literal(part, item)).join(' ')}]`
  }
  if (value !== null && typeof value === 'object') {
    const fields = bare && 'getFields' in bare ? bare.getFields() : {}
    return `{${Object.entries(value).map(([name, part]) => `${name}: ${literal(part, fields[name]?.type)}`).join(' ')}}`
  }
  if (typeof value === 'string' && bare && isEnumType(bare)) return value || '""'
  return JSON.stringify(value)
}

/** A random operation on one root field. */
export class Operation {
  #fields = 0
  #names = 0
  #declared = []
  #variables = {}

  constructor(random, schema, pool, kind, field) {
    this.random = random
    this.schema = schema
    this.values = new Values(random, pool)
    const selection = this.#field(field, MAX_DEPTH, true)
    const key = kind === 'mutation' && random.percent(75) ? ` @idempotent(key: ${JSON.stringify(this.#key())})` : ''
    const declared = this.#declared.length > 0 ? `(${this.#declared.join(', ')})` : ''
    const description = random.percent(10) ? random.of(DESCRIPTIONS) : ''
    this.query = `${description}${kind}${declared} { ${selection.replace('@idempotent', key)} }`
    this.variables = this.#variables
  }

  #key() {
    const { random } = this
    const own = Array.from({ length: 4 }, () => random.below(2 ** 32).toString(16).padStart(8, '0')).join('')
    return random.percent(90) ? own : random.of(['', 'same', 'x'.repeat(300), 'é', 'a b', '\n'])
  }

  #field(field, depth, isRoot = false) {
    this.#fields += 1
    const given = field.args.flatMap((argument) => this.#argument(argument, field))
    const name = given.length > 0 && !isRoot ? `a${(this.#names += 1)}: ${field.name}` : field.name
    const type = getNamedType(field.type)
    const below = isCompositeType(type) ? ` { ${this.#selection(type, depth - 1)} }` : ''
    return `${name}${given.length > 0 ? `(${given.join(', ')})` : ''}${isRoot ? '@idempotent' : ''}${below}`
  }

  #argument(argument, field) {
    const { random } = this
    if (!random.percent(isRequiredArgument(argument) ? 96 : 45)) return []
    const value = this.values.of(argument.type, [field.name, argument.name])
    if (random.percent(20)) return [`${argument.name}: ${literal(value, argument.type)}`]
    const name = `v${(this.#names += 1)}`
    const type = random.percent(96) ? argument.type : random.of(['Int', 'String!', '[ID!]!', 'Listing', 'Nothing'])
    this.#declared.push(`$${name}: ${type}`)
    if (!random.percent(4)) this.#variables[name] = value
    return [`${argument.name}: $${name}`]
  }

  #selection(type, depth) {
    const { random } = this
    const chosen = ['__typename']
    const fields = 'getFields' in type ? Object.values(type.getFields()) : []
    for (const field of fields) {
      const isLeaf = isLeafType(getNamedType(field.type))
      if (this.#fields >= MAX_FIELDS || !random.percent(isLeaf ? 45 : 35) || (!isLeaf && depth <= 0)) continue
      chosen.push(this.#field(field, depth))
    }
    if (isAbstractType(type) && depth > 0) {
      for (const possible of this.schema.getPossibleTypes(type)) {
        if (random.percent(40)) chosen.push(`... on ${possible.name} { ${this.#aliased(possible, depth - 1)} }`)
      }
    }
    if (random.percent(1)) chosen.push('nothing')
    return chosen.join(' ')
  }

  /** Fields of one of several possible types. All have an alias: the same name can have another type elsewhere. */
  #aliased(type, depth) {
    const own = Object.values(type.getFields()).filter(() => this.random.percent(30) && this.#fields < MAX_FIELDS)
    const written = own.map((field) => {
      const text = this.#field(field, depth)
      return /^\w+:/.test(text) ? text : `a${(this.#names += 1)}: ${text}`
    })
    return ['__typename', ...written].join(' ')
  }
}
