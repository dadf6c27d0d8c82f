// Hearing what happens to a booking, over a WebSocket by the graphql-transport-ws protocol.

import { type Client as Socket, createClient } from 'graphql-ws'
import { print } from 'graphql'
import WebSocket from 'ws'

import { BookingChangedDocument, type BookingChangedSubscription } from './gql/graphql.js'

export type Step = BookingChangedSubscription['bookingChanged']

/** One socket for any number of subscriptions; each time it opens, it signs in with the token of that moment. */
export function socket(url: string, token: () => string | undefined): Socket {
  return createClient({
    url: url.replace(/^http/, 'ws'),
    // Browsers, and Node.js from 22 on, bring one of their own.
    webSocketImpl: WebSocket,
    lazy: false,
    retryAttempts: 5,
    connectionParams: () => {
      const bearer = token()
      return bearer === undefined ? {} : { Authorization: `Bearer ${bearer}` }
    },
  })
}

/**
 * Every step that a booking takes from now on; ends when the loop over it does. After a lost connection what it missed
 * is not told again: subscribe first, and read the booking whenever the socket has opened.
 */
export async function* steps(socket: Socket, id: string): AsyncGenerator<Step, void> {
  const answers = socket.iterate<BookingChangedSubscription>({ query: print(BookingChangedDocument), variables: { id } })
  for await (const { data, errors } of answers) {
    if (errors?.length) throw new Error(errors.map((error) => `${error.message} (${error.extensions?.['code']})`).join('; '))
    if (data) yield data.bookingChanged
  }
}
