// Subscribes to the events of a booking, over a WebSocket with the graphql-transport-ws protocol.

import { type Client as Socket, createClient } from 'graphql-ws'
import { print } from 'graphql'
import WebSocket from 'ws'

import { BookingChangedDocument, type BookingChangedSubscription } from './gql/graphql.js'

export type BookingEvent = BookingChangedSubscription['bookingChanged']

/** One socket for any number of subscriptions. Each connection authenticates with the current token. */
export function socket(url: string, token: () => string | undefined): Socket {
  return createClient({
    url: url.replace(/^http/, 'ws'),
    // Browsers, and Node.js from version 22 on, have a built-in WebSocket.
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
 * The events of a booking from now on, until the loop over them ends. Events during a lost connection are not repeated:
 * subscribe first, and read the booking whenever the socket has opened.
 */
export async function* bookingEvents(socket: Socket, id: string): AsyncGenerator<BookingEvent, void> {
  const responses = socket.iterate<BookingChangedSubscription>({ query: print(BookingChangedDocument), variables: { id } })
  for await (const { data, errors } of responses) {
    if (errors?.length) throw new Error(errors.map((error) => `${error.message} (${error.extensions?.['code']})`).join('; '))
    if (data) yield data.bookingChanged
  }
}
