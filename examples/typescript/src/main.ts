// A guest's flow against a live server: register, search, quote, book, read, cancel for the exact refund.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'

import { ask, connect, type Sending } from './client.js'
import {
  AmountFragmentDoc, BookDocument, BookingDocument, CancelDocument, QuoteDocument, RegisterDocument, SearchDocument,
  StayFragmentDoc, TokensFragmentDoc, TripsDocument, type AmountFragment, type StayInput,
} from './gql/graphql.js'
import { type FragmentType, unmask } from './gql/index.js'
import { pages } from './pages.js'
import { done, Refused } from './refusals.js'
import { bookingEvents, socket } from './subscribe.js'

const url = new URL('/graphql', process.env['ROOST_URL'] ?? 'http://127.0.0.1:8000').href
const sending = (process.env['ROOST_SENDING'] ?? 'text') as Sending
assert.ok(['text', 'automatic', 'trusted'].includes(sending), 'ROOST_SENDING is text, automatic or trusted')

let token: string | undefined
const client = connect(url, sending, () => token)

const log = (action: string, what: string) => console.log(`${action.padEnd(9)} ${what}`)
const inDays = (days: number) =>
  new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10) as `${number}-${number}-${number}`
const money = (amount: FragmentType<typeof AmountFragmentDoc>): AmountFragment => unmask(AmountFragmentDoc, amount)
const format = (amount: FragmentType<typeof AmountFragmentDoc>) => `${money(amount).decimal} ${money(amount).currency}`

/** Registers an account. All further requests send its access token. */
async function register(): Promise<void> {
  const email = `ana-${randomUUID()}@example.com`
  const user = { email, password: randomUUID(), displayName: 'Ana', timeZone: 'Europe/Lisbon' }
  const { tokens, viewer } = done((await ask(client, RegisterDocument, { user })).userRegister)
  token = unmask(TokensFragmentDoc, tokens)?.accessToken
  assert.ok(token, 'no token')
  assert.equal(viewer?.email, email)
  log('register', email)
}

/** Returns the ID of the cheapest listing with instant booking and a refund for early cancellation. */
async function search(stay: StayInput) {
  const where = { stay, freeCancellation: true, capacity: 2 }
  const found = pages(async (after) => (await ask(client, SearchDocument, { where, first: 5, after })).listingSearch)
  let read = 0
  for await (const page of found) {
    read += page.edges.length
    const edge = page.edges.find(({ node }) => node.bookingMode === 'INSTANT')
    if (!edge) continue
    assert.ok(edge.price, 'a search with a stay has prices')
    const { id, title, address } = edge.node
    log('search', `${page.totalCount} listings, ${read} read: “${title}” in ${address.city} for ${format(edge.price.total)}`)
    return id
  }
  throw new Error(`none of ${read} listings has instant booking`)
}

/** Requests a quote for the listing. */
async function quote(listing: string, stay: StayInput) {
  const { quote } = done((await ask(client, QuoteDocument, { listing, stay })).quoteCreate)
  assert.ok(quote, 'no quote')
  const lines = quote.price.lines.reduce((sum, line) => sum + money(line.total).amount, 0)
  assert.equal(lines, money(quote.price.total).amount, 'the lines add up to the total')
  log('quote', `${format(quote.price.total)} until ${quote.expiresAt}`)
  for (const tier of quote.cancellationSchedule) log('', `before ${tier.until}: refund of ${format(tier.refund)} (${tier.label})`)
  return quote
}

/** Books the quote, and repeats the request as if the response had been lost. */
async function book(quoted: { token: string; price: { total: FragmentType<typeof AmountFragmentDoc> } }) {
  const key = randomUUID()
  const send = async (card: string, key: string) =>
    done((await ask(client, BookDocument, { quote: quoted.token, card, key })).bookingCreate).booking
  const declined = await refusal(send('declined', randomUUID()))
  assert.equal(declined.refusals[0]?.code, 'PAYMENT_DECLINED')
  log('book', `first with a declined card: ${declined.message}`)
  const booking = unmask(StayFragmentDoc, await send('ok', key))
  const repeated = unmask(StayFragmentDoc, await send('ok', key))
  assert.ok(booking, 'no booking')
  assert.equal(repeated?.id, booking.id, 'the same key books once')
  assert.equal(booking.state, 'CONFIRMED')
  assert.deepEqual(money(booking.price.total), money(quoted.price.total), 'the price equals the quote')
  const { code, state, stay, listing } = booking
  log('book', `${code} is ${state}, ${stay.nights} nights in “${listing.title}”; the repeated request returned the same booking`)
  return booking
}

/** Reads the booking by its ID and in the list of trips. Returns the refund of a cancellation. */
async function read(id: string) {
  const booking = unmask(StayFragmentDoc, (await ask(client, BookingDocument, { id })).booking)
  assert.ok(booking?.cancellationPreview, 'the booking can be cancelled')
  assert.ok(booking.availableActions.includes('CANCEL'))
  const trips = pages(async (after) => {
    const { viewer } = await ask(client, TripsDocument, { first: 1, after })
    assert.ok(viewer, 'signed in')
    return viewer.trips
  })
  const ids: string[] = []
  for await (const page of trips) ids.push(...unmask(StayFragmentDoc, page.nodes).map((trip) => trip.id))
  assert.ok(ids.includes(id), 'the booking is among the trips')
  const { explanation, refund } = booking.cancellationPreview
  log('read', `${booking.code}: ${explanation} The refund would be ${format(refund)}`)
  return refund
}

/** Cancels with a wrong refund, reads the correct one from the error, and cancels with that. */
async function cancel(id: string, shown: FragmentType<typeof AmountFragmentDoc>): Promise<void> {
  const { amount, currency } = money(shown)
  const send = async (refund: { amount: number; currency: string }) =>
    done((await ask(client, CancelDocument, { id, refund, key: randomUUID() })).bookingCancel)
  const actual = (await refusal(send({ amount: amount + 1, currency }))).find('RefundChangedError')?.actual
  assert.ok(actual, 'a wrong refund returns a RefundChangedError')
  assert.equal(money(actual.refund).amount, amount)
  const cancelled = await send({ amount, currency })
  const booking = unmask(StayFragmentDoc, cancelled.booking)
  assert.equal(booking?.state, 'CANCELLED_BY_GUEST')
  assert.deepEqual([booking.cancellation?.by, booking.cancellation?.note], ['GUEST', 'A change of plans.'])
  assert.ok(cancelled.refund, 'a refund')
  assert.equal(money(cancelled.refund.amount).amount, amount, 'the refund equals the preview')
  log('cancel', `${booking.code} is ${booking.state}; refund of ${format(cancelled.refund.amount)}, ${cancelled.refund.state}`)
}

/** Subscribes to a booking and performs an action. Resolves once the event of the cancellation has been received. */
async function withSubscription(id: string, act: () => Promise<void>): Promise<void> {
  const live = socket(url, () => token)
  const timer = setTimeout(() => {
    console.error('no event was received within 30 seconds')
    process.exit(1)
  }, 30_000)
  const opened = new Promise<void>((resolve) => live.on('connected', () => resolve()))
  const received = (async () => {
    for await (const event of bookingEvents(live, id)) {
      log('event', `${event.action}: ${event.fromState} → ${event.toState}`)
      if (event.toState === 'CANCELLED_BY_GUEST') return
    }
    throw new Error('the server ended the subscription')
  })()
  await opened
  // The protocol does not acknowledge a subscription, but the action sends several queries before its first mutation.
  await Promise.all([received, act()])
  clearTimeout(timer)
  await live.dispose()
}

/** Returns the expected refusal. Throws if the operation succeeds or fails otherwise. */
async function refusal(answer: Promise<unknown>): Promise<Refused> {
  const found = await answer.then(() => undefined, (error: unknown) => error)
  if (found instanceof Refused) return found
  throw found ?? new Error('the operation should have been refused')
}

const stay: StayInput = { checkIn: inDays(60), checkOut: inDays(63), adults: 2, children: 0, infants: 0, pets: 0 }
log('connect', `${url}, operations sent as ${sending}`)
await register()
const quoted = await quote(await search(stay), stay)
const booking = await book(quoted)
await withSubscription(booking.id, async () => cancel(booking.id, await read(booking.id)))
log('done', 'all checks passed')
