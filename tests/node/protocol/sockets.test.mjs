// graphql-transport-ws, by the npm package graphql-ws and, for what its client never does, by hand.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, describe, test } from 'node:test'

import { createClient } from 'graphql-ws'
import WebSocket from 'ws'

import { ask, inDays, listingOf, signIn, signed, socketUrl, until } from './server.mjs'

const BOOKINGS = 'subscription { hostBookingChanged { action } }'

const clients = []
after(() => Promise.all(clients.map((client) => client.dispose())))

/** A client that is nobody's without a token. */
function connect(token, options = {}) {
  const connectionParams = () => (token ? { Authorization: `Bearer ${token}` } : {})
  const client = createClient({ url: socketUrl, webSocketImpl: WebSocket, connectionParams, retryAttempts: 0, ...options })
  clients.push(client)
  return client
}

/** All answers of an operation; the errors of one that is refused are thrown. */
async function all(answers) {
  const heard = []
  for await (const answer of answers) heard.push(answer)
  return heard
}

describe('graphql-ws', { concurrency: true }, () => {
  test('asks as whoever the token of connection_init names', async () => {
    const query = '{ viewer { email } }'
    const [nobody] = await all(connect().iterate({ query }))
    assert.deepEqual(nobody.data, { viewer: null })
    const [guest, ...more] = await all(connect(await signIn('guest')).iterate({ query }))
    assert.deepEqual([guest.data, more], [{ viewer: { email: 'guest@demo.roost.example' } }, []])
  })

  test('changes what it may change', async () => {
    const query = 'mutation ($phone: String) { userUpdate(user: { phone: $phone }) { userErrors { message } } }'
    const [updated, ...more] = await all(connect(await signIn('guest')).iterate({ query, variables: { phone: '+351 21 000 0000' } }))
    assert.deepEqual([updated.data.userUpdate.userErrors, more], [[], []])
  })

  test('hears what happens until it has heard enough', async () => {
    const host = await signIn('host')
    const id = await listingOf(host)
    const [from, to] = [inDays(310), inDays(311)]
    const heard = (async () => {
      const query = 'subscription ($id: ID!, $from: Date!, $to: Date!) { listingCalendarChanged(id: $id, from: $from, to: $to) { date } }'
      for await (const { data } of connect(host).iterate({ query, variables: { id, from, to } })) return data.listingCalendarChanged
    })()
    const change = `mutation ($id: ID!, $from: Date!, $to: Date!, $note: String) {
      listingCalendarUpdate(id: $id, changes: [{ from: $from, to: $to, note: $note, minNights: 2 }]) { userErrors { message } }
    }`
    const days = await until(heard, (turn) => ask(change, { id, from, to, note: `sockets ${turn}` }, host))
    assert.deepEqual(days, [{ date: from }])
  })

  test('is told by `error` why an operation does not run, and goes on', async () => {
    const client = connect()
    for (const [query, code] of [
      ['{', 'GRAPHQL_PARSE_FAILED'],
      ['{ nothing }', 'GRAPHQL_VALIDATION_FAILED'],
      ['query ($id: ID!) { node(id: $id) { id } }', 'GRAPHQL_VALIDATION_FAILED'],
      [BOOKINGS, 'UNAUTHENTICATED'],
    ]) {
      const refused = await all(client.iterate({ query })).then(() => undefined, (errors) => errors)
      assert.deepEqual(refused.map(({ extensions }) => extensions.code), [code], query)
      assert.match(refused[0].extensions.requestId, /^req_/)
    }
    const [{ data }] = await all(client.iterate({ query: '{ __typename }' }))
    assert.deepEqual(data, { __typename: 'Query' })
  })

  test('hears pongs for its pings', async () => {
    const heard = []
    const pong = new Promise((resolve) => {
      connect(undefined, {
        lazy: false,
        keepAlive: 50,
        on: {
          ping: (received) => heard.push([received, 'ping']),
          pong: (received) => { heard.push([received, 'pong']); resolve() },
        },
      })
    })
    await pong
    assert.deepEqual(heard, [[false, 'ping'], [true, 'pong']])
  })

  test('comes back with a fresh token when its session has ended', async () => {
    const tokens = [await signIn('host'), await signIn('host')]
    const [first] = tokens
    const closed = []
    let opened = 0
    const again = new Promise((resolve) => {
      const client = connect(undefined, {
        connectionParams: () => ({ Authorization: `Bearer ${tokens.shift()}` }),
        retryAttempts: 3,
        retryWait: async () => {},
        on: {
          connected: async () => {
            opened += 1
            if (opened === 2) return resolve()
            await ask('mutation { sessionRevoke { userErrors { message } } }', {}, first)
          },
          closed: ({ code }) => closed.push(code),
        },
      })
      client.subscribe({ query: BOOKINGS }, { next() {}, error() {}, complete() {} })
    })
    await again
    assert.deepEqual([closed, tokens], [[4403], []])
  })
})

/** A socket without a client of the protocol, and what was said on it. */
class Raw {
  static async open({ protocols = ['graphql-transport-ws'], headers = {}, init } = {}) {
    const raw = new Raw()
    raw.socket = new WebSocket(socketUrl, protocols, { headers })
    raw.heard = []
    raw.closed = new Promise((resolve) => {
      raw.socket.on('close', (code, reason) => resolve({ code, reason: String(reason) }))
    })
    raw.socket.on('message', (data) => {
      raw.heard.push(JSON.parse(data))
      raw.socket.emit('heard')
    })
    await once(raw.socket, 'open')
    if (init) {
      raw.say({ type: 'connection_init', payload: init })
      assert.equal((await raw.next()).type, 'connection_ack')
    }
    return raw
  }

  say(message) {
    this.socket.send(typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message))
  }

  async next() {
    if (this.heard.length === 0) await Promise.race([once(this.socket, 'heard'), this.closed])
    return this.heard.shift()
  }
}

const subscribe = (id, query, variables) => ({ type: 'subscribe', id, payload: { query, variables } })

describe('by hand', { concurrency: true }, () => {
  const malformed = {
    'no JSON': '{',
    'a list': '[]',
    'no type': '{}',
    'an unknown type': { type: 'start' },
    'a message of the server': { type: 'connection_ack' },
    'no id': { type: 'subscribe', payload: { query: '{ __typename }' } },
    'an empty id': subscribe('', '{ __typename }'),
    'a number for an id': subscribe(1, '{ __typename }'),
    'no payload': { type: 'subscribe', id: '1' },
    'no document': { type: 'subscribe', id: '1', payload: {} },
    'variables in a list': subscribe('1', '{ __typename }', []),
    'bytes': Buffer.from('{"type":"ping"}'),
  }
  for (const [name, message] of Object.entries(malformed)) {
    test(`${name} closes with 4400`, async () => {
      const raw = await Raw.open({ init: {} })
      raw.say(message)
      const { code, reason } = await raw.closed
      assert.equal(code, 4400, reason)
      assert.notEqual(reason, '')
    })
  }

  test('an operation before connection_init closes with 4401', async () => {
    const raw = await Raw.open()
    raw.say(subscribe('1', '{ __typename }'))
    assert.deepEqual(await raw.closed, { code: 4401, reason: 'Unauthorized' })
  })

  test('a token that is none closes with 4403, in the message and in the header', async () => {
    const asked = [{ say: { Authorization: 'Bearer nonsense' } }, { say: { authorization: 7 } }, { headers: signed('nonsense') }]
    for (const { say, headers } of asked) {
      const raw = await Raw.open({ headers })
      raw.say({ type: 'connection_init', payload: say })
      assert.equal((await raw.closed).code, 4403, JSON.stringify({ say, headers }))
      assert.deepEqual(raw.heard, [])
    }
  })

  test('no subprotocol closes with 4406, and one of others is not agreed to', async () => {
    const raw = await Raw.open({ protocols: [] })
    assert.equal((await raw.closed).code, 4406)
    await assert.rejects(Raw.open({ protocols: ['graphql-ws'] }), /subprotocol/)
  })

  test('no connection_init closes with 4408', async () => {
    const raw = await Raw.open()
    assert.deepEqual(await raw.closed, { code: 4408, reason: 'Connection initialisation timeout' })
  })

  test('an id of an operation that runs closes with 4409', async () => {
    const raw = await Raw.open({ init: { Authorization: `Bearer ${await signIn('host')}` } })
    raw.say(subscribe('twice', BOOKINGS))
    raw.say(subscribe('twice', '{ __typename }'))
    assert.deepEqual(await raw.closed, { code: 4409, reason: 'Subscriber for twice already exists' })
  })

  test('a second connection_init closes with 4429', async () => {
    const raw = await Raw.open({ init: {} })
    raw.say({ type: 'connection_init' })
    assert.deepEqual(await raw.closed, { code: 4429, reason: 'Too many initialisation requests' })
  })

  test('a ping is answered with what it carried, before connection_init too', async () => {
    const raw = await Raw.open()
    raw.say({ type: 'ping', payload: { at: 7 } })
    assert.deepEqual(await raw.next(), { type: 'pong', payload: { at: 7 } })
    raw.say({ type: 'ping' })
    assert.deepEqual(await raw.next(), { type: 'pong' })
    raw.socket.close(1000)
  })

  test('an operation is next and complete, or error and nothing more', async () => {
    const raw = await Raw.open({ init: {} })
    raw.say(subscribe('good', '{ __typename }'))
    const { type, id, payload } = await raw.next()
    assert.deepEqual([type, id, payload.data], ['next', 'good', { __typename: 'Query' }])
    assert.deepEqual(await raw.next(), { type: 'complete', id: 'good' })
    raw.say(subscribe('bad', '{ nothing }'))
    const refused = await raw.next()
    assert.deepEqual([refused.type, refused.id, refused.payload.length], ['error', 'bad', 1])
    raw.say({ type: 'complete', id: 'nobody' })
    raw.say({ type: 'ping' })
    assert.deepEqual(await raw.next(), { type: 'pong' })
    raw.socket.close(1000)
  })
})
