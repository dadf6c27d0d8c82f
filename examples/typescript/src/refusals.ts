// What a mutation answers when it does not do what it was asked.

import { type FragmentType, unmask } from './gql/index.js'
import { RefusalFragmentDoc, type RefusalFragment } from './gql/graphql.js'

type Payload = { userErrors: ReadonlyArray<FragmentType<typeof RefusalFragmentDoc>> }

type Named<Name> = Extract<RefusalFragment, { __typename: Name }>

/** A mutation was refused; the refusals keep their types. */
export class Refused extends Error {
  constructor(readonly refusals: readonly RefusalFragment[]) {
    super(refusals.map(describe).join('; '))
  }

  /** The first refusal of one type, typed as such. */
  find<Name extends RefusalFragment['__typename']>(name: Name): Named<Name> | undefined {
    const is = (one: RefusalFragment): one is Named<Name> => one.__typename === name
    return this.refusals.find(is)
  }
}

/** Gives the payload back when the mutation was done. */
export function done<P extends Payload>(payload: P): P {
  const refusals = unmask(RefusalFragmentDoc, payload.userErrors)
  if (refusals.length > 0) throw new Refused(refusals)
  return payload
}

/** The same as a sentence. What a type behind the interface adds is used where it is known, and never needed. */
export function describe(refusal: RefusalFragment): string {
  const where = refusal.field ? ` (${refusal.field.join('.')})` : ''
  const said = `${refusal.code}${where}: ${refusal.message}`
  switch (refusal.__typename) {
    case 'NightsUnavailableError':
      return `${said} [${refusal.nights.map((night) => `${night.date} ${night.state}`).join(', ')}]`
    case 'QuoteStaleError':
      return refusal.quote ? `${said} [a fresh quote is ready]` : said
    case 'StateConflictError':
      return `${said} [it is ${refusal.state}]`
    default:
      return said
  }
}
