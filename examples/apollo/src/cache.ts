// The normalised cache: which types have no id, which fields are connections, and which fields find an object by its id.

import { type FieldMergeFunction, type FieldPolicy, InMemoryCache, type StoreObject, type TypePolicies } from '@apollo/client'
import { relayStylePagination } from '@apollo/client/utilities'

/** Interfaces and the types behind them, so that fragments on an interface match. */
export const possibleTypes: Record<string, string[]> = {
  Node: [
    'Booking', 'BookingAlteration', 'BookingEvent', 'LedgerTransaction', 'Listing', 'Notification', 'Payment',
    'PaymentAttempt', 'Payout', 'Quote', 'Refund', 'Review', 'Session', 'User', 'Viewer',
  ],
  UserError: ['InputUserError', 'NightsUnavailableError', 'QuoteStaleError', 'RefundChangedError', 'StateConflictError'],
}

/** Types without an id. The cache keeps such an object inside the object that has it. */
export const values = [
  'Address', 'CancellationPreview', 'DateRange', 'GeoPoint', 'GuestCount', 'Money', 'PriceBreakdown', 'Pricing',
  'RateLimit', 'RatingSummary', 'ReviewResponse', 'ReviewWindow', 'SearchFacets', 'StayCheck', 'StayRules', 'WindowDiscount',
]

/** Parts of a listing's pricing. They have an id, but change with the listing and are read with it. */
export const parts = ['Season', 'TaxRule']

/** Lists that are not connections. A new answer replaces the old list. */
export const lists: Record<string, string[]> = {
  Booking: ['availableActions', 'cancellationSchedule', 'ledger', 'payouts'],
  LedgerTransaction: ['entries'],
  Listing: ['amenities', 'calendar', 'houseRules'],
  Payment: ['attempts', 'refunds'],
  Quote: ['cancellationSchedule'],
  Viewer: ['balance', 'roles'],
}

/** Connections, with the arguments that select another list. `first`, `after`, `last` and `before` select a page of it. */
export const connections: Record<string, Record<string, string[] | false>> = {
  Query: { listingSearch: ['where', 'sort'] },
  Booking: { alterations: false, events: false },
  Listing: { reviews: false },
  User: { listings: false, reviewsReceived: false },
  Viewer: {
    listings: ['status'], notifications: ['unreadOnly'], payouts: ['state'], reservations: ['listingId', 'state'],
    sessions: false, trips: ['state'],
  },
}

/** Whether two answers say the same in every field that both of them read. */
function agree(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b
  if (Array.isArray(a) && Array.isArray(b) && a.length !== b.length) return false
  return Object.entries(a).every(([key, value]) => !(key in b) || agree(value, (b as Record<string, unknown>)[key]))
}

/**
 * Adds the fields of a new answer to those that an earlier operation read. If the two disagree in any field, the value has
 * changed, and the earlier fields are dropped: the cache must not show the new total of a price beside its old lines.
 * `merge: true` would keep the earlier fields, and without a policy they would be dropped every time.
 */
const mergeUnlessChanged: FieldMergeFunction<StoreObject | null> = (existing, incoming, { mergeObjects }) =>
  existing && incoming && agree(existing, incoming) ? mergeObjects(existing, incoming) : incoming

/** Finds the object in the cache by the `id` argument, so that a page opened from a list shows at once. */
const byId = (typename: string): FieldPolicy => ({
  read: (existing, { args, toReference }) =>
    existing ?? (args?.['id'] ? toReference({ __typename: typename, id: args['id'] as string }) : undefined),
})

function typePolicies(): TypePolicies {
  const policies: Record<string, { fields?: Record<string, FieldPolicy> }> = {}
  const fields = (type: string) => ((policies[type] ??= {}).fields ??= {})
  for (const [type, names] of Object.entries(lists)) for (const name of names) fields(type)[name] = { merge: false }
  for (const [type, names] of Object.entries(connections)) {
    for (const [name, keyArgs] of Object.entries(names)) fields(type)[name] = relayStylePagination(keyArgs)
  }
  Object.assign(fields('Query'), { booking: byId('Booking'), listing: byId('Listing'), user: byId('User') })
  const withoutId = values.map((type) => [type, { keyFields: false, merge: mergeUnlessChanged }] as const)
  const inPricing = parts.map((type) => [type, { keyFields: false }] as const)
  return { ...policies, ...Object.fromEntries([...withoutId, ...inPricing]) }
}

/** A new cache. A server that renders pages makes one for each request. */
export const createCache = () => new InMemoryCache({ possibleTypes, typePolicies: typePolicies() })
