// An Apollo Client that authenticates, refreshes tokens, sends documents by hash, and subscribes over one WebSocket.

import { ApolloClient, ApolloLink, CombinedGraphQLErrors, HttpLink } from '@apollo/client'
import { SetContextLink } from '@apollo/client/link/context'
import { ErrorLink } from '@apollo/client/link/error'
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries'
import { GraphQLWsLink } from '@apollo/client/link/subscriptions'
import { createClient } from 'graphql-ws'
import { OperationTypeNode } from 'graphql'
import { from, mergeMap } from 'rxjs'

import { createCache } from './cache.js'
import type { Session } from './session.js'

export type Options = { fetch?: typeof fetch; webSocketImpl?: unknown }

async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/**
 * The `context` of a mutation that moves money: `mutate({ mutation, variables, context: once() })`. Call it when the
 * person presses the button, and store the result until there is a response, so that a retry has the same key.
 */
export const once = () => ({ headers: { 'idempotency-key': crypto.randomUUID() } })

/** Adds the access token to the other headers of the operation. */
function authorize(session: Session): ApolloLink {
  return new SetContextLink(async ({ headers }) => {
    const token = await session.accessToken()
    return { headers: { ...headers, ...(token && { authorization: `Bearer ${token}` }) }, token }
  })
}

/**
 * Repeats an operation once after TOKEN_EXPIRED. The token can expire early: its session was revoked, or the clock of
 * this machine is slow. The error of the second attempt goes to the caller, so this cannot loop.
 */
function refreshExpired(session: Session): ApolloLink {
  return new ErrorLink(({ error, operation, forward }) => {
    const { token } = operation.getContext() as { token?: string }
    const isExpired = CombinedGraphQLErrors.is(error) && error.errors.some(({ extensions }) => extensions?.['code'] === 'TOKEN_EXPIRED')
    if (!isExpired || token === undefined) return
    return from(session.replace(token)).pipe(mergeMap(() => forward(operation)))
  })
}

/** Subscriptions. After a reconnection the client refetches the active queries, because missed events are not repeated. */
function subscriptions(url: string, session: Session, options: Options, onReconnect: () => void): GraphQLWsLink {
  return new GraphQLWsLink(
    createClient({
      url: url.replace(/^http/, 'ws'),
      // Called for each connection, so each has a new token. The server closes the socket when the token expires.
      connectionParams: async () => {
        const token = await session.accessToken()
        return token ? { Authorization: `Bearer ${token}` } : {}
      },
      keepAlive: 10_000,
      retryAttempts: Infinity,
      shouldRetry: () => true,
      on: { connected: (_socket, _payload, wasRetry) => wasRetry && onReconnect() },
      ...(options.webSocketImpl ? { webSocketImpl: options.webSocketImpl } : {}),
    }),
  )
}

export function connect(url: string, session: Session, options: Options = {}): ApolloClient {
  const http = ApolloLink.from([
    refreshExpired(session),
    authorize(session),
    new PersistedQueryLink({ sha256 }),
    new HttpLink({ uri: url, ...(options.fetch && { fetch: options.fetch }) }),
  ])
  const client: ApolloClient = new ApolloClient({
    cache: createCache(),
    link: ApolloLink.split(
      ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
      subscriptions(url, session, options, () => void client.refetchQueries({ include: 'active' })),
      http,
    ),
  })
  return client
}
