// The rules for the descriptions of the schema. Each rule returns the places that violate it.

import { isEnumType, isInputObjectType, isInterfaceType, isIntrospectionType, isNonNullType } from 'graphql'
import { isObjectType, isSpecifiedDirective, isSpecifiedScalarType } from 'graphql'

// A description of fewer words rarely says more than the name.
const FEWEST_WORDS = 4

// Retired words, and words of spoken language. docs/glossary.md has the words to use.
const RETIRED = [
  'again', 'anything by', 'comes to', 'deeds?', 'doors?', 'gives? up', 'given up', 'it holds', 'is known', 'keeps?', 'kept',
  'lets? go', 'looks? at', 'looks again', 'news', 'patience', 'rivals?', 'sieves?', 'stands?', 'steps?', 'tells?', 'told',
  'tries', 'weighs?', 'who comes', 'whoever', 'whom',
]
const RETIRED_WORDS = new RegExp(`\\b(${RETIRED.join('|')})\\b`, 'i')

// A description with one of these words states the effect of leaving an argument out.
const ABSENCE = /\b(default|absent|required unless)\b/i

/** Everything in a schema that has a description: `{ path, description, kind, type, defaultValue }`. */
function* described(schema) {
  for (const directive of schema.getDirectives().filter((directive) => !isSpecifiedDirective(directive))) {
    yield { path: `@${directive.name}`, description: directive.description, kind: 'type' }
  }
  for (const type of Object.values(schema.getTypeMap())) {
    if (isIntrospectionType(type) || isSpecifiedScalarType(type)) continue
    yield { path: type.name, description: type.description, kind: 'type' }
    if (isEnumType(type)) {
      for (const value of type.getValues()) {
        yield { path: `${type.name}.${value.name}`, description: value.description, kind: 'value' }
      }
    }
    if (isInputObjectType(type)) {
      for (const field of Object.values(type.getFields())) {
        yield { ...field, path: `${type.name}.${field.name}`, kind: 'input' }
      }
    }
    if (isObjectType(type) || isInterfaceType(type)) {
      for (const field of Object.values(type.getFields())) {
        yield { ...field, path: `${type.name}.${field.name}`, kind: 'output' }
        for (const argument of field.args) {
          yield { ...argument, path: `${type.name}.${field.name}(${argument.name}:)`, kind: 'input' }
        }
      }
    }
  }
}

/** The paths of the descriptions that `isFaulty` matches. */
const places = (schema, isFaulty) => [...described(schema)].filter(isFaulty).map(({ path }) => path)

/** A description says more than the name. */
export const short = (schema) =>
  places(schema, ({ description }) => (description ?? '').split(/\s+/).filter(Boolean).length < FEWEST_WORDS)

/** A description uses no retired words. The result names the word. */
export const retired = (schema) =>
  [...described(schema)].flatMap(({ path, description }) => {
    // Quoted names of the schema are exempt.
    const text = (description ?? '').replace(/`[^`]*`/g, '').replace(/\s+/g, ' ')
    const word = text.match(RETIRED_WORDS)?.[0]
    return word === undefined ? [] : [`${path}: ${word}`]
  })

/** A description is made of sentences. */
export const unfinished = (schema) =>
  places(schema, ({ description }) => !/^[A-Z0-9`]/.test(description ?? '') || !/[.…]$/.test(description ?? ''))

/** The description of a nullable field says when the field is null. */
export const silentNulls = (schema) =>
  places(schema, ({ kind, type, description }) => {
    return kind === 'output' && !isNonNullType(type) && !/\bnull\b/i.test(description ?? '')
  })

/** The description of an optional argument or input field says what happens if it is left out. */
export const silentAbsences = (schema) =>
  places(schema, ({ kind, type, defaultValue, description }) => {
    const optional = !isNonNullType(type ?? null) || defaultValue !== undefined
    return kind === 'input' && optional && !ABSENCE.test(description ?? '')
  })

/** The arguments of pages have one description each, apart from a default that depends on the other arguments. */
export const unevenPages = (schema) => {
  const texts = new Map()
  for (const { path, description } of described(schema)) {
    const [, field, argument] = path.match(/^(.*)\((first|after|last|before):\)$/) ?? []
    if (argument === undefined || field === 'StayCheck.alternatives') continue
    const text = description.replace(', unless `last` is given.', '.')
    texts.set(argument, [...(texts.get(argument) ?? []), { path, text }])
  }
  return [...texts.values()].flatMap((uses) => uses.filter(({ text }) => text !== uses[0].text).map(({ path }) => path))
}
