// The descriptions of the schema: complete sentences that say more than the name, in plain technical English.

import assert from 'node:assert/strict'
import test from 'node:test'

import { buildSchema } from 'graphql'

import * as rules from './descriptions.mjs'
import { schema } from './files.mjs'

const FAULTS = {
  short: 'descriptions that only repeat the name',
  retired: 'descriptions with retired words',
  unfinished: 'descriptions that are not sentences',
  silentNulls: 'nullable fields that do not say when they are null',
  silentAbsences: 'optional arguments that do not say what their absence means',
  unevenPages: 'paging arguments that are described in different ways',
}

for (const [name, fault] of Object.entries(FAULTS)) {
  test(`there are no ${fault}`, () => assert.deepEqual(rules[name](schema), []))
}

test('each rule finds its fault', () => {
  const faulty = buildSchema(`
    "Root of all queries of the test."
    type Query {
      "The name."
      name: String!
      "Where the booking stands in its life."
      state: String!
      "the title of the listing"
      title: String!
      "The rating of the listing by its guests."
      rating: Float
      "Null if there is no listing with this ID."
      listing("Global ID of the listing." id: ID): String
      "Bookings of the viewer, newest first."
      trips("Number of items. Default: 20." first: Int "Only items after it, if absent all." after: String): String!
      "Payouts of the viewer, newest first."
      payouts("Number of items. Default: 10." first: Int = 10): String!
    }
    "Values of a listing that can be changed."
    input ListingInput {
      "Title of at most 120 characters."
      title: String
      "Number of guests of the stay."
      guests: Int! = 1
      "Global ID of the listing."
      id: ID!
    }
  `)
  assert.deepEqual(rules.short(faulty), ['Query.name'])
  assert.deepEqual(rules.retired(faulty), ['Query.state: stands'])
  assert.deepEqual(rules.unfinished(faulty), ['Query.title'])
  assert.deepEqual(rules.silentNulls(faulty), ['Query.rating'])
  assert.deepEqual(rules.silentAbsences(faulty), ['Query.listing(id:)', 'ListingInput.title', 'ListingInput.guests'])
  assert.deepEqual(rules.unevenPages(faulty), ['Query.payouts(first:)'])
})
