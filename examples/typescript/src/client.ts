// The client: an urql client that sends the access token and persisted queries.

import { createHash } from 'node:crypto'

import { persistedExchange } from '@urql/exchange-persisted'
import { type AnyVariables, Client, fetchExchange, type TypedDocumentNode } from '@urql/core'
import type { DocumentNode } from 'graphql'

/**
 * How operations are sent. `text` sends the text each time. `automatic` sends the hash, and the text once if the server
 * does not have it (APQ). `trusted` sends only the hash from src/gql/persisted-documents.json, which the server has.
 */
export type Sending = 'text' | 'automatic' | 'trusted'

/** The hash that codegen embedded in the document. */
function embedded(document: DocumentNode): string {
  const meta = (document as { __meta__?: { hash?: string } }).__meta__
  if (meta?.hash === undefined) throw new Error('this document is not in the manifest: run `npm run codegen`')
  return meta.hash
}

/**
 * urql without its cache, because this program reads nothing twice. In an app, put `cacheExchange` of
 * `@urql/exchange-graphcache` first. Every object with an `id` is unique by it, so the default keys are correct.
 */
export function connect(url: string, sending: Sending, token: () => string | undefined): Client {
  const byHash = persistedExchange({
    preferGetForPersistedQueries: false,
    enableForMutation: true,
    enforcePersistedQueries: sending === 'trusted',
    generateHash: async (text, document) =>
      sending === 'trusted' ? embedded(document) : createHash('sha256').update(text).digest('hex'),
  })
  return new Client({
    url,
    preferGetMethod: false,
    exchanges: sending === 'text' ? [fetchExchange] : [byHash, fetchExchange],
    fetchOptions: () => {
      const bearer = token()
      return { headers: bearer === undefined ? {} : { authorization: `Bearer ${bearer}` } }
    },
  })
}

/** Sends an operation and returns its data, or fails with the error codes of the response. */
export async function ask<Data, Variables extends AnyVariables>(
  client: Client,
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
): Promise<Data> {
  const isMutation = document.definitions.some((part) => 'operation' in part && part.operation === 'mutation')
  const send = isMutation ? client.mutation(document, variables) : client.query(document, variables)
  const { data, error } = await send.toPromise()
  if (error) {
    const codes = error.graphQLErrors.map((part) => String(part.extensions?.['code'] ?? 'no code'))
    throw new Error(`${error.message} (${codes.join(', ') || 'no response'})`, { cause: error })
  }
  if (data === undefined) throw new Error('a response without data and without errors')
  return data
}
