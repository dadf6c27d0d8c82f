// Errors of mutations.

import { type FragmentType, unmask } from './gql/index.js'
import { RefusalFragmentDoc, type RefusalFragment } from './gql/graphql.js'

type Payload = { userErrors: ReadonlyArray<FragmentType<typeof RefusalFragmentDoc>> }

type Named<Name> = Extract<RefusalFragment, { __typename: Name }>

/** A mutation was refused. The user errors are available with their types. */
export class Refused extends Error {
  constructor(readonly refusals: readonly RefusalFragment[]) {
    super(refusals.map(describe).join('; '))
  }

  /** The first refusal of a type. */
  find<Name extends RefusalFragment['__typename']>(name: Name): Named<Name> | undefined {
    const matches = (one: RefusalFragment): one is Named<Name> => one.__typename === name
    return this.refusals.find(matches)
  }
}

/** Returns the payload of a successful mutation, or throws its user errors. */
export function done<P extends Payload>(payload: P): P {
  const refusals = unmask(RefusalFragmentDoc, payload.userErrors)
  if (refusals.length > 0) throw new Refused(refusals)
  return payload
}

/** Describes a refusal. The fields of known types are added to those of the interface, which are always sufficient. */
export function describe(refusal: RefusalFragment): string {
  const where = refusal.field ? ` (${refusal.field.join('.')})` : ''
  const text = `${refusal.code}${where}: ${refusal.message}`
  switch (refusal.__typename) {
    case 'NightsUnavailableError':
      return `${text} [${refusal.nights.map((night) => `${night.date} ${night.state}`).join(', ')}]`
    case 'QuoteStaleError':
      return refusal.quote ? `${text} [a new quote is available]` : text
    case 'StateConflictError':
      return `${text} [the state is ${refusal.state}]`
    default:
      return text
  }
}
