// Valid values an attacker may know: IDs of all people's objects, cursors and tokens, read from the demonstration data.

import { execute } from '../server.mjs'

const PAGE = 'pageInfo { endCursor }'
const OBJECTS = `{
  listingSearch(where: {}, first: 8) { nodes { __typename id host { __typename id } } edges { cursor } }
  amenities { code }
  viewer {
    __typename id
    listings(first: 8) { nodes { __typename id } ${PAGE} }
    trips(first: 12) { nodes { __typename id code } ${PAGE} }
    reservations(first: 12) { nodes { __typename id code } ${PAGE} }
    notifications(first: 5) { nodes { __typename id } ${PAGE} }
    payouts(first: 5) { nodes { __typename id } ${PAGE} }
  }
}`
const QUOTE = `mutation ($id: ID!, $from: Date!, $to: Date!) {
  quoteCreate(listingId: $id, stay: { checkIn: $from, checkOut: $to }) { quote { token } }
}`

export class Pool {
  /** IDs by the type of the object. */
  ids = new Map()
  cursors = []
  /** Texts by the name of the argument. */
  texts = new Map([
    ['code', []], ['amenities', []], ['quoteToken', []], ['refreshToken', []], ['token', []],
    ['paymentMethodToken', ['ok', 'declined', '3ds', 'unknown', 'lost', 'insufficient_funds']],
    ['account', ['acct_fuzz', 'closed', 'unknown', 'lost']],
    ['password', ['roost-demo-2027', 'a long phrase that nobody guesses', 'short']],
    ['email', ['guest@demo.roost.example', 'nobody@example.com', 'no address', 'a@b', 'é@example.com']],
    ['locale', ['en', 'pt-PT', 'xx-XXXX-nothing']],
    ['phone', ['+351 21 000 0000', '112', '+']],
    ['country', ['PT', 'US', 'pt', 'ZZ']],
  ])

  #collect(answer) {
    if (answer === null || typeof answer !== 'object') return
    for (const [key, value] of Object.entries(answer)) {
      if (typeof value !== 'string') this.#collect(value)
      else if (key === 'id') this.ids.set(answer.__typename, [...(this.ids.get(answer.__typename) ?? []), value])
      else if (key.toLowerCase().endsWith('cursor')) this.cursors.push(value)
      else if (key === 'code') this.texts.get(answer.__typename ? 'code' : 'amenities').push(value)
    }
  }

  /** Collects the objects these people can see, and creates quotes and a session for them. */
  static async of(people, inDays) {
    const pool = new Pool()
    for (const token of Object.values(people)) {
      pool.#collect(await execute(OBJECTS, {}, token))
      if (!token) continue
      for (const id of pool.ids.get('Listing').slice(0, 4)) {
        const { quoteCreate } = await execute(QUOTE, { id, from: inDays(60), to: inDays(64) }, token)
        if (quoteCreate.quote) pool.texts.get('quoteToken').push(quoteCreate.quote.token)
      }
    }
    pool.texts.set('token', pool.texts.get('quoteToken'))
    const { sessionCreate } = await execute(`mutation {
      sessionCreate(email: "guest@demo.roost.example", password: "roost-demo-2027") { tokens { refreshToken } }
    }`)
    pool.texts.set('refreshToken', [sessionCreate.tokens.refreshToken])
    return pool
  }
}
