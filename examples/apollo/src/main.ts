// Runs the client of this folder against a server with the demonstration data: two tabs, one session, and the cache.

import assert from 'node:assert/strict'
import { randomUUID, webcrypto } from 'node:crypto'

import { gql, type TypedDocumentNode } from '@apollo/client'
import { filter, firstValueFrom } from 'rxjs'
import WebSocket from 'ws'

import { connect, once } from './client.js'
import { checkComplete } from './complete.js'
import { type Environment, Session, type Tokens } from './session.js'

// Browsers, and Node.js from version 20 on, provide it.
if (!globalThis.crypto) Object.defineProperty(globalThis, 'crypto', { value: webcrypto })

const url = new URL('/graphql', process.env['ROOST_URL'] ?? 'http://127.0.0.1:8000').href
const log = (what: string, result: string) => console.log(`${what.padEnd(9)} ${result}`)
const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10)

// The cache warns when a response drops fields that another operation has read.
const warnings: unknown[][] = []
console.warn = (...words) => void warnings.push(words)
console.error = (...words) => void warnings.push(words)

/** What two tabs of one browser share and Node.js does not provide. */
class Browser {
  /** The names of the operations sent. */
  readonly sent: string[] = []
  #values = new Map<string, string>()
  #locked: Promise<unknown> = Promise.resolve()
  loseNextResponse = false

  readonly storage = {
    getItem: (key: string) => this.#values.get(key) ?? null,
    setItem: (key: string, value: string) => void this.#values.set(key, value),
    removeItem: (key: string) => void this.#values.delete(key),
  }

  /** Runs one callback at a time, in the order of the requests, like the Web Locks of an origin. */
  readonly locks = {
    request: <T>(_name: string, run: () => Promise<T>): Promise<T> => {
      const result = this.#locked.then(run)
      this.#locked = result.catch(() => undefined)
      return result
    },
  }

  readonly fetch: typeof fetch = async (input, init) => {
    const { operationName } = JSON.parse(String(init?.body)) as { operationName?: string }
    this.sent.push(operationName ?? 'Refresh')
    const response = await fetch(input, init)
    if (!this.loseNextResponse) return response
    this.loseNextResponse = false
    throw new TypeError('the connection was lost before the response arrived')
  }

  /** Sets the expiry of the access token to the past, and clears the list of operations sent. */
  expire(): void {
    const stored = JSON.parse(this.#values.get('roost:session') ?? '')
    this.#values.set('roost:session', JSON.stringify({ ...stored, expiresAt: new Date(0).toISOString() }))
    this.sent.length = 0
  }

  refreshes = () => this.sent.filter((what) => what === 'Refresh').length
}

type Amount = { amount: number; currency: string; decimal: string }
type Rows<Node> = { totalCount?: number; pageInfo: { hasNextPage: boolean; endCursor: string | null }; edges: { node: Node }[] }
type Place = { id: string; title: string; bookingMode: string; host: { id: string }; pricing: { base: Amount } }
type Refusals = { userErrors: { code: string; message: string }[] }

const AMOUNT = gql`fragment Amount on Money { amount currency decimal }`

const SIGN_IN: TypedDocumentNode<{ sessionCreate: Refusals & { tokens: Tokens | null } }, { email: string; password: string }> = gql`
  mutation SignIn($email: String!, $password: String!) {
    sessionCreate(email: $email, password: $password) {
      tokens { accessToken expiresAt refreshToken }
      userErrors { code message field }
    }
  }`

const VIEWER: TypedDocumentNode<{ viewer: { user: { id: string }; listings: Rows<{ id: string }> } | null }> = gql`
  query Viewer {
    viewer {
      id
      user { id displayName }
      listings(first: 1, status: [PUBLISHED]) { pageInfo { hasNextPage endCursor } edges { node { id } } }
    }
  }`

const SEARCH: TypedDocumentNode<{ listingSearch: Rows<Place> }, { where: object; first: number; after?: string | null }> = gql`
  query Search($where: ListingSearchWhere!, $first: Int!, $after: String) {
    listingSearch(where: $where, sort: TOTAL_ASC, first: $first, after: $after) {
      totalCount
      pageInfo { hasNextPage endCursor }
      edges { node { id title bookingMode host { id } pricing { base { ...Amount } } } }
    }
  }
  ${AMOUNT}`

const TITLE: TypedDocumentNode<{ listing: { id: string; title: string } | null }, { id: string }> = gql`
  query Title($id: ID!) { listing(id: $id) { id title } }`

const FEES: TypedDocumentNode<{ listing: { pricing: { cleaningFee: Amount | null } } | null }, { id: string }> = gql`
  query Fees($id: ID!) { listing(id: $id) { id pricing { cleaningFee { ...Amount } } } }
  ${AMOUNT}`

const BASE: TypedDocumentNode<{ listing: Pick<Place, 'pricing'> | null }, { id: string }> = gql`
  query Base($id: ID!) { listing(id: $id) { id pricing { base { ...Amount } } } }
  ${AMOUNT}`

const QUOTE: TypedDocumentNode<{ quoteCreate: Refusals & { quote: { token: string } | null } }, { id: string; stay: object }> = gql`
  mutation Quote($id: ID!, $stay: StayInput!) {
    quoteCreate(listingId: $id, stay: $stay) { quote { token } userErrors { code message field } }
  }`

const BOOK: TypedDocumentNode<{ bookingCreate: Refusals & { booking: { id: string; state: string } | null } }, { quote: string }> = gql`
  mutation Book($quote: String!) {
    bookingCreate(quoteToken: $quote, booking: { paymentMethodToken: "ok" }) {
      booking { id code state version }
      userErrors { code message field }
    }
  }`

const CALENDAR: TypedDocumentNode<{ listingCalendarChanged: { date: string; note: string | null }[] }, { id: string; from: string; to: string }> = gql`
  subscription Calendar($id: ID!, $from: Date!, $to: Date!) {
    listingCalendarChanged(id: $id, from: $from, to: $to) { date note }
  }`

const NOTE: TypedDocumentNode<{ listingCalendarUpdate: Refusals }, { id: string; changes: object[] }> = gql`
  mutation Note($id: ID!, $changes: [CalendarChangeInput!]!) {
    listingCalendarUpdate(id: $id, changes: $changes) { userErrors { code message field } }
  }`

const browser = new Browser()
const tab = () => {
  const session = new Session(url, browser satisfies Environment)
  return { session, client: connect(url, session, { fetch: browser.fetch, webSocketImpl: WebSocket }) }
}
const [one, two] = [tab(), tab()]

function done<P extends Refusals>(payload: P | undefined): P {
  assert.deepEqual(payload?.userErrors, [])
  return payload as P
}

async function signIn(): Promise<void> {
  const notified = new Promise<void>((resolve) => two.session.onChange(resolve))
  const variables = { email: 'host@demo.roost.example', password: 'roost-demo-2027' }
  const { data } = await one.client.mutate({ mutation: SIGN_IN, variables })
  await one.session.save(done(data?.sessionCreate).tokens ?? undefined)
  await notified
  log('sign in', 'the second tab was notified')
}

/** Both tabs need a new token at the same time, and one of them refreshes it. */
async function refresh(): Promise<void> {
  browser.expire()
  const viewers = await Promise.all([one, two].map(({ client }) => client.query({ query: VIEWER, fetchPolicy: 'network-only' })))
  assert.ok(viewers.every(({ data }) => data?.viewer), 'both tabs are signed in')
  assert.equal(browser.refreshes(), 1)
  log('refresh', 'two tabs, one request')
}

/** The response to a refresh is lost, and the tab is closed. Another tab repeats the request and stays signed in. */
async function recover(): Promise<void> {
  browser.expire()
  browser.loseNextResponse = true
  await assert.rejects(one.session.accessToken(), /connection was lost/)
  const { data } = await two.client.query({ query: VIEWER, fetchPolicy: 'network-only' })
  assert.ok(data?.viewer)
  assert.equal(browser.refreshes(), 2)
  log('recover', 'the session survived a lost response')
}

/** A token that the server refuses is replaced, and the operation is repeated. */
async function replace(): Promise<void> {
  const stored = JSON.parse(browser.storage.getItem('roost:session') ?? '')
  browser.storage.setItem('roost:session', JSON.stringify({ ...stored, accessToken: 'wrong' }))
  browser.sent.length = 0
  const { data } = await two.client.query({ query: VIEWER, fetchPolicy: 'network-only' })
  assert.ok(data?.viewer)
  assert.equal(browser.refreshes(), 1)
  log('replace', 'a refused token was replaced')
}

/** Two pages form one list, and objects that a list has loaded need no further request. */
async function read(): Promise<Place[]> {
  const variables = { where: { capacity: 2, stay: { checkIn: inDays(60), checkOut: inDays(63), adults: 2 } }, first: 20 }
  const list = one.client.watchQuery({ query: SEARCH, variables })
  const watching = list.subscribe(() => {})
  const { data } = await firstValueFrom(list.pipe(filter(({ dataState }) => dataState === 'complete')))
  assert.ok(data?.listingSearch?.pageInfo)
  await list.fetchMore({ variables: { ...variables, after: data.listingSearch.pageInfo.endCursor ?? null } })
  const places = one.client.readQuery({ query: SEARCH, variables })?.listingSearch.edges.map(({ node }) => node) ?? []
  assert.equal(places.length, 40)
  assert.equal(new Set(places.map(({ id }) => id)).size, 40)
  watching.unsubscribe()
  const id = places[0]?.id as string
  browser.sent.length = 0
  assert.equal((await one.client.query({ query: TITLE, variables: { id } })).data?.listing?.title, places[0]?.title)
  assert.deepEqual(browser.sent, [])
  await one.client.query({ query: FEES, variables: { id } })
  await one.client.query({ query: BASE, variables: { id } })
  assert.deepEqual([...new Set(browser.sent)], ['Fees'], 'the fees did not drop the price that the list had read')
  log('read', `${places.length} listings in one list`)
  return places
}

/** A mutation sent twice with the same key books once. */
async function book(places: Place[]): Promise<void> {
  const { data } = await one.client.query({ query: VIEWER })
  const place = places.find(({ bookingMode, host }) => bookingMode === 'INSTANT' && host.id !== data?.viewer?.user.id)
  assert.ok(place, 'an instant-booking listing of another host exists')
  const stay = { checkIn: inDays(60), checkOut: inDays(63), adults: 2 }
  const quoted = await one.client.mutate({ mutation: QUOTE, variables: { id: place.id, stay } })
  const quote = done(quoted.data?.quoteCreate).quote?.token as string
  const context = once()
  const send = async () => done((await one.client.mutate({ mutation: BOOK, variables: { quote }, context })).data?.bookingCreate).booking
  const booking = await send()
  assert.equal(booking?.state, 'CONFIRMED')
  assert.equal((await send())?.id, booking.id)
  log('book', 'sent twice, booked once')
}

/** Changes a note until the other tab has received an event: the start of a subscription is not acknowledged. */
async function subscribe(): Promise<void> {
  const { data } = await one.client.query({ query: VIEWER })
  const id = data?.viewer?.listings.edges[0]?.node.id as string
  const [from, to, mark] = [inDays(200), inDays(201), randomUUID()]
  let isReceived = false
  const received = new Promise<void>((resolve, reject) => {
    const changes = two.client.subscribe({ query: CALENDAR, variables: { id, from, to } })
    changes.subscribe({ error: reject, next: ({ data }) => data?.listingCalendarChanged[0]?.note?.startsWith(mark) && resolve() })
  }).finally(() => (isReceived = true))
  for (let turn = 0; !isReceived; turn += 1) {
    assert.ok(turn < 200, 'no event was received')
    const changes = [{ from, to, note: `${mark} ${turn}` }]
    done((await one.client.mutate({ mutation: NOTE, variables: { id, changes } })).data?.listingCalendarUpdate)
    await Promise.race([received, new Promise((resolve) => setTimeout(resolve, 100))])
  }
  await received
  done((await one.client.mutate({ mutation: NOTE, variables: { id, changes: [{ from, to, note: null }] } })).data?.listingCalendarUpdate)
  log('subscribe', 'the other tab received the change')
}

await checkComplete()
await signIn()
await refresh()
await recover()
await replace()
await book(await read())
await subscribe()
assert.deepEqual(warnings, [], 'Apollo Client logged no warning')
log('done', 'all checks passed')
process.exit(0)
