// A guest's whole story against a live server: register, search, quote, book, read, cancel for the exact refund.

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
import { socket, steps } from './subscribe.js'

const url = new URL('/graphql', process.env['ROOST_URL'] ?? 'http://127.0.0.1:8000').href
const sending = (process.env['ROOST_SENDING'] ?? 'text') as Sending
assert.ok(['text', 'automatic', 'trusted'].includes(sending), 'ROOST_SENDING is text, automatic or trusted')

let token: string | undefined
const client = connect(url, sending, () => token)

const log = (step: string, what: string) => console.log(`${step.padEnd(9)} ${what}`)
const inDays = (days: number) =>
  new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10) as `${number}-${number}-${number}`
const money = (amount: FragmentType<typeof AmountFragmentDoc>): AmountFragment => unmask(AmountFragmentDoc, amount)
const say = (amount: FragmentType<typeof AmountFragmentDoc>) => `${money(amount).decimal} ${money(amount).currency}`

/** An account of our own; every request after it is signed. */
async function register(): Promise<void> {
  const email = `ana-${randomUUID()}@example.com`
  const user = { email, password: randomUUID(), displayName: 'Ana', timeZone: 'Europe/Lisbon' }
  const { tokens, viewer } = done((await ask(client, RegisterDocument, { user })).userRegister)
  token = unmask(TokensFragmentDoc, tokens)?.accessToken
  assert.ok(token, 'no token')
  assert.equal(viewer?.email, email)
  log('register', email)
}

/** The cheapest listing that confirms at once and gives money back to those who cancel early. */
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
    log('search', `${page.totalCount} places, ${read} read: “${title}” in ${address.city} for ${say(edge.price.total)}`)
    return id
  }
  throw new Error(`none of ${read} places confirms at once`)
}

/** The price promise for it. */
async function quote(listing: string, stay: StayInput) {
  const { quote } = done((await ask(client, QuoteDocument, { listing, stay })).quoteCreate)
  assert.ok(quote, 'no quote')
  const lines = quote.price.lines.reduce((sum, line) => sum + money(line.total).amount, 0)
  assert.equal(lines, money(quote.price.total).amount, 'the lines add up to the total')
  log('quote', `${say(quote.price.total)} until ${quote.expiresAt}`)
  for (const tier of quote.cancellationSchedule) log('', `before ${tier.until}: ${say(tier.refund)} back (${tier.label})`)
  return quote
}

/** Books it, and sends the same request again as if the answer had been lost. */
async function book(promise: { token: string; price: { total: FragmentType<typeof AmountFragmentDoc> } }) {
  const key = randomUUID()
  const send = async (card: string, key: string) =>
    done((await ask(client, BookDocument, { quote: promise.token, card, key })).bookingCreate).booking
  const declined = await refusal(send('declined', randomUUID()))
  assert.equal(declined.refusals[0]?.code, 'PAYMENT_DECLINED')
  log('book', `another card first: ${declined.message}`)
  const booking = unmask(StayFragmentDoc, await send('ok', key))
  const again = unmask(StayFragmentDoc, await send('ok', key))
  assert.ok(booking, 'no booking')
  assert.equal(again?.id, booking.id, 'the same key books once')
  assert.equal(booking.state, 'CONFIRMED')
  assert.deepEqual(money(booking.price.total), money(promise.price.total), 'the price is the one that was promised')
  const { code, state, stay, listing } = booking
  log('book', `${code} is ${state}, ${stay.nights} nights in “${listing.title}”; sent again, it is the same`)
  return booking
}

/** Reads it by its id, and finds it among the trips. */
async function read(id: string) {
  const booking = unmask(StayFragmentDoc, (await ask(client, BookingDocument, { id })).booking)
  assert.ok(booking?.cancellation, 'it can be cancelled')
  assert.ok(booking.availableActions.includes('CANCEL'))
  const trips = pages(async (after) => {
    const { viewer } = await ask(client, TripsDocument, { first: 1, after })
    assert.ok(viewer, 'nobody is signed in')
    return viewer.trips
  })
  const ids: string[] = []
  for await (const page of trips) ids.push(...unmask(StayFragmentDoc, page.nodes).map((trip) => trip.id))
  assert.ok(ids.includes(id), 'the booking is among the trips')
  log('read', `${booking.code}: ${booking.cancellation.reason}; ${say(booking.cancellation.refund)} would come back`)
  return booking.cancellation.refund
}

/** Asks for a wrong refund, is told the right one, and cancels for that. */
async function cancel(id: string, shown: FragmentType<typeof AmountFragmentDoc>): Promise<void> {
  const { amount, currency } = money(shown)
  const send = async (refund: { amount: number; currency: string }) =>
    done((await ask(client, CancelDocument, { id, refund, key: randomUUID() })).bookingCancel)
  const actual = (await refusal(send({ amount: amount + 1, currency }))).find('RefundChangedError')?.actual
  assert.ok(actual, 'one unit too much is a RefundChangedError')
  assert.equal(money(actual.refund).amount, amount)
  const cancelled = await send({ amount, currency })
  const booking = unmask(StayFragmentDoc, cancelled.booking)
  assert.equal(booking?.state, 'CANCELLED_BY_GUEST')
  assert.ok(cancelled.refund, 'a refund')
  assert.equal(money(cancelled.refund.amount).amount, amount, 'the refund is the one that was shown, to the unit')
  log('cancel', `${booking.code} is ${booking.state}; ${say(cancelled.refund.amount)} back, ${cancelled.refund.state}`)
}

/** Does something to a booking while listening to it, until the cancellation has been heard. */
async function listening(id: string, act: () => Promise<void>): Promise<void> {
  const live = socket(url, () => token)
  const silence = setTimeout(() => {
    console.error('nothing was heard for half a minute')
    process.exit(1)
  }, 30_000)
  const opened = new Promise<void>((resolve) => live.on('connected', () => resolve()))
  const heard = (async () => {
    for await (const step of steps(live, id)) {
      log('heard', `${step.action}: ${step.from} → ${step.to}`)
      if (step.to === 'CANCELLED_BY_GUEST') return
    }
    throw new Error('the server ended the subscription')
  })()
  await opened
  // The protocol does not say when a subscription has begun, but the act reads a few times before it changes anything.
  await Promise.all([heard, act()])
  clearTimeout(silence)
  await live.dispose()
}

/** The refusal that is expected; anything else is a failure of the story. */
async function refusal(answer: Promise<unknown>): Promise<Refused> {
  const found = await answer.then(() => undefined, (error: unknown) => error)
  if (found instanceof Refused) return found
  throw found ?? new Error('what should have been refused was done')
}

const stay: StayInput = { checkIn: inDays(60), checkOut: inDays(63), adults: 2, children: 0, infants: 0, pets: 0 }
log('connect', `${url}, operations sent as ${sending}`)
await register()
const promise = await quote(await search(stay), stay)
const booking = await book(promise)
await listening(booking.id, async () => cancel(booking.id, await read(booking.id)))
log('done', 'all as it should be')
