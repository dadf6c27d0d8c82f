// The door to the server: an urql client that signs its requests and names its operations by hash.

import { createHash } from 'node:crypto'

import { persistedExchange } from '@urql/exchange-persisted'
import { type AnyVariables, Client, fetchExchange, type TypedDocumentNode } from '@urql/core'
import type { DocumentNode } from 'graphql'

/**
 * How operations are sent: their text each time; by the hash of their text, which the server asks for once (APQ); or
 * only by the hash that codegen wrote into src/gql/persisted-documents.json, which the server was given beforehand.
 */
export type Sending = 'text' | 'automatic' | 'trusted'

/** The hash that codegen embedded when it wrote the manifest. */
function embedded(document: DocumentNode): string {
  const meta = (document as { __meta__?: { hash?: string } }).__meta__
  if (meta?.hash === undefined) throw new Error('this document is not in the manifest: run `npm run codegen`')
  return meta.hash
}

/**
 * urql without its cache: a program that runs once reads nothing twice. In an app, put `cacheExchange` of
 * `@urql/exchange-graphcache` first; every thing with an `id` is unique by it, so its default keys are right.
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

/** Sends an operation and gives its data, or fails with the code that the server named. */
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
    throw new Error(`${error.message} (${codes.join(', ') || 'no answer'})`, { cause: error })
  }
  if (data === undefined) throw new Error('an answer without data and without an error')
  return data
}
