// The normalised cache: the types without an ID, the connections, and the fields that read an object by its ID.

import { type FieldMergeFunction, type FieldPolicy, InMemoryCache, type StoreObject, type TypePolicies } from '@apollo/client'
import { relayStylePagination } from '@apollo/client/utilities'

/** Interfaces and unions, and the types behind them, so that fragments on an interface match. */
export const possibleTypes: Record<string, string[]> = {
  NotificationSubject: ['Booking', 'BookingAlteration', 'Payout', 'Review'],
  Node: [
    'Booking', 'BookingAlteration', 'BookingEvent', 'LedgerTransaction', 'Listing', 'Notification', 'Payment',
    'Payout', 'Refund', 'Review', 'Session', 'User', 'Viewer',
  ],
  UserError: ['InputUserError', 'NightsUnavailableError', 'QuoteStaleError', 'RefundChangedError', 'StateConflictError'],
}

/** Types without an ID. The cache stores such an object inside its parent object. */
export const values = [
  'Address', 'BookingDecline', 'Cancellation', 'CancellationPreview', 'DateRange', 'GeoPoint', 'GuestCount', 'Money',
  'PriceBreakdown', 'Pricing', 'Quote', 'RateLimit', 'RatingSummary', 'ReviewResponse', 'ReviewWindow', 'SearchFacets',
  'StayCheck', 'StayRules', 'WindowDiscount',
]

/** Parts of a listing's pricing. They have an ID, but change with the listing and are read with it. */
export const parts = ['Season', 'TaxRule']

/** Lists that are not connections. The list of a new response replaces the old one. */
export const lists: Record<string, string[]> = {
  Booking: ['availableActions', 'cancellationSchedule', 'ledger', 'payouts'],
  BookingAlteration: ['availableActions', 'cancellationSchedule'],
  LedgerTransaction: ['entries'],
  Listing: ['amenities', 'calendar', 'houseRules'],
  Payment: ['attempts', 'refunds'],
  Viewer: ['balance', 'roles'],
}

/** Connections, with the arguments that select a list. `first`, `after`, `last` and `before` select a page of it. */
export const connections: Record<string, Record<string, string[] | false>> = {
  Query: { listingSearch: ['where', 'sort'] },
  Booking: { alterations: false, events: false },
  Listing: { reviews: false },
  User: { listings: false, reviewsReceived: false },
  Viewer: {
    listings: ['status'], notifications: ['unreadOnly'], payouts: ['state'], reservations: ['where', 'sort'],
    sessions: false, trips: ['where', 'sort'],
  },
}

/** Whether two responses have equal values in every field that both contain. */
function agree(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b
  if (Array.isArray(a) && Array.isArray(b) && a.length !== b.length) return false
  return Object.entries(a).every(([key, value]) => !(key in b) || agree(value, (b as Record<string, unknown>)[key]))
}

/**
 * Merges the fields of a new response with those that an earlier operation read. If the two differ in any field, the
 * value has changed, and the earlier fields are dropped: the cache must not combine the new total of a price with its
 * old lines.
 * `merge: true` would retain the earlier fields, and without a policy they would always be dropped.
 */
const mergeUnlessChanged: FieldMergeFunction<StoreObject | null> = (existing, incoming, { mergeObjects }) =>
  existing && incoming && agree(existing, incoming) ? mergeObjects(existing, incoming) : incoming

/** Finds the object in the cache by the `id` argument, so that a page opened from a list is shown immediately. */
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

/** Creates a cache. A server that renders pages needs one for each request. */
export const createCache = () => new InMemoryCache({ possibleTypes, typePolicies: typePolicies() })
