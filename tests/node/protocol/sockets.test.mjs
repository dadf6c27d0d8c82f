// graphql-transport-ws, with the npm package graphql-ws and, for messages its client never sends, with raw sockets.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, describe, test } from 'node:test'

import { createClient } from 'graphql-ws'
import WebSocket from 'ws'

import { execute, inDays, listingOf, repeatUntil, signIn, signed, socketUrl } from './server.mjs'

const BOOKINGS = 'subscription { hostBookingChanged { action } }'

const clients = []
after(() => Promise.all(clients.map((client) => client.dispose())))

/** A client, anonymous without a token. */
function connect(token, options = {}) {
  const connectionParams = () => (token ? { Authorization: `Bearer ${token}` } : {})
  const client = createClient({ url: socketUrl, webSocketImpl: WebSocket, connectionParams, retryAttempts: 0, ...options })
  clients.push(client)
  return client
}

/** All responses of an operation. Throws the errors of a refused one. */
async function collect(responses) {
  const results = []
  for await (const response of responses) results.push(response)
  return results
}

describe('graphql-ws', { concurrency: true }, () => {
  test('operations run as the user of the token in connection_init', async () => {
    const query = '{ viewer { email } }'
    const [anonymous] = await collect(connect().iterate({ query }))
    assert.deepEqual(anonymous.data, { viewer: null })
    const [guest, ...more] = await collect(connect(await signIn('guest')).iterate({ query }))
    assert.deepEqual([guest.data, more], [{ viewer: { email: 'guest@demo.roost.example' } }, []])
  })

  test('a mutation is executed', async () => {
    const query = 'mutation ($phone: String) { userUpdate(user: { phone: $phone }) { userErrors { message } } }'
    const [updated, ...more] = await collect(connect(await signIn('guest')).iterate({ query, variables: { phone: '+351 21 000 0000' } }))
    assert.deepEqual([updated.data.userUpdate.userErrors, more], [[], []])
  })

  test('a subscription receives events until the client stops', async () => {
    const host = await signIn('host')
    const id = await listingOf(host)
    const [from, to] = [inDays(310), inDays(311)]
    const received = (async () => {
      const query = 'subscription ($id: ID!, $from: Date!, $to: Date!) { listingCalendarChanged(id: $id, from: $from, to: $to) { date } }'
      for await (const { data } of connect(host).iterate({ query, variables: { id, from, to } })) return data.listingCalendarChanged
    })()
    const change = `mutation ($id: ID!, $from: Date!, $to: Date!, $note: String) {
      listingCalendarUpdate(id: $id, changes: [{ from: $from, to: $to, note: $note, minNights: 2 }]) { userErrors { message } }
    }`
    const days = await repeatUntil(received, (turn) => execute(change, { id, from, to, note: `sockets ${turn}` }, host))
    assert.deepEqual(days, [{ date: from }])
  })

  test('a refused operation gets an `error` message, and the socket stays open', async () => {
    const client = connect()
    for (const [query, code] of [
      ['{', 'GRAPHQL_PARSE_FAILED'],
      ['{ nothing }', 'GRAPHQL_VALIDATION_FAILED'],
      ['query ($id: ID!) { node(id: $id) { id } }', 'GRAPHQL_VALIDATION_FAILED'],
      [BOOKINGS, 'UNAUTHENTICATED'],
    ]) {
      const refused = await collect(client.iterate({ query })).then(() => undefined, (errors) => errors)
      assert.deepEqual(refused.map(({ extensions }) => extensions.code), [code], query)
      assert.match(refused[0].extensions.requestId, /^req_/)
    }
    const [{ data }] = await collect(client.iterate({ query: '{ __typename }' }))
    assert.deepEqual(data, { __typename: 'Query' })
  })

  test('a ping gets a pong', async () => {
    const received = []
    const pong = new Promise((resolve) => {
      connect(undefined, {
        lazy: false,
        keepAlive: 50,
        on: {
          ping: (isReceived) => received.push([isReceived, 'ping']),
          pong: (isReceived) => { received.push([isReceived, 'pong']); resolve() },
        },
      })
    })
    await pong
    assert.deepEqual(received, [[false, 'ping'], [true, 'pong']])
  })

  test('the client reconnects with a new token after its session has ended', async () => {
    const tokens = [await signIn('host'), await signIn('host')]
    const [first] = tokens
    const closed = []
    let opened = 0
    const reconnected = new Promise((resolve) => {
      const client = connect(undefined, {
        connectionParams: () => ({ Authorization: `Bearer ${tokens.shift()}` }),
        retryAttempts: 3,
        retryWait: async () => {},
        on: {
          connected: async () => {
            opened += 1
            if (opened === 2) return resolve()
            await execute('mutation { sessionRevoke { userErrors { message } } }', {}, first)
          },
          closed: ({ code }) => closed.push(code),
        },
      })
      client.subscribe({ query: BOOKINGS }, { next() {}, error() {}, complete() {} })
    })
    await reconnected
    assert.deepEqual([closed, tokens], [[4403], []])
  })
})

/** A raw socket, and the messages it received. */
class RawSocket {
  static async open({ protocols = ['graphql-transport-ws'], headers = {}, init } = {}) {
    const raw = new RawSocket()
    raw.socket = new WebSocket(socketUrl, protocols, { headers })
    raw.received = []
    raw.closed = new Promise((resolve) => {
      raw.socket.on('close', (code, reason) => resolve({ code, reason: String(reason) }))
    })
    raw.socket.on('message', (data) => {
      raw.received.push(JSON.parse(data))
      raw.socket.emit('received')
    })
    await once(raw.socket, 'open')
    if (init) {
      raw.send({ type: 'connection_init', payload: init })
      assert.equal((await raw.next()).type, 'connection_ack')
    }
    return raw
  }

  send(message) {
    this.socket.send(typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message))
  }

  async next() {
    if (this.received.length === 0) await Promise.race([once(this.socket, 'received'), this.closed])
    return this.received.shift()
  }
}

const subscribe = (id, query, variables) => ({ type: 'subscribe', id, payload: { query, variables } })

describe('raw sockets', { concurrency: true }, () => {
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
      const raw = await RawSocket.open({ init: {} })
      raw.send(message)
      const { code, reason } = await raw.closed
      assert.equal(code, 4400, reason)
      assert.notEqual(reason, '')
    })
  }

  test('an operation before connection_init closes with 4401', async () => {
    const raw = await RawSocket.open()
    raw.send(subscribe('1', '{ __typename }'))
    assert.deepEqual(await raw.closed, { code: 4401, reason: 'Unauthorized' })
  })

  test('an invalid token closes with 4403, in the message and in the header', async () => {
    const cases = [{ payload: { Authorization: 'Bearer nonsense' } }, { payload: { authorization: 7 } }, { headers: signed('nonsense') }]
    for (const { payload, headers } of cases) {
      const raw = await RawSocket.open({ headers })
      raw.send({ type: 'connection_init', payload })
      assert.equal((await raw.closed).code, 4403, JSON.stringify({ payload, headers }))
      assert.deepEqual(raw.received, [])
    }
  })

  test('no subprotocol closes with 4406, and an unknown one is not accepted', async () => {
    const raw = await RawSocket.open({ protocols: [] })
    assert.equal((await raw.closed).code, 4406)
    await assert.rejects(RawSocket.open({ protocols: ['graphql-ws'] }), /subprotocol/)
  })

  test('no connection_init closes with 4408', async () => {
    const raw = await RawSocket.open()
    assert.deepEqual(await raw.closed, { code: 4408, reason: 'Connection initialisation timeout' })
  })

  test('the id of a running operation closes with 4409', async () => {
    const raw = await RawSocket.open({ init: { Authorization: `Bearer ${await signIn('host')}` } })
    raw.send(subscribe('twice', BOOKINGS))
    raw.send(subscribe('twice', '{ __typename }'))
    assert.deepEqual(await raw.closed, { code: 4409, reason: 'Subscriber for twice already exists' })
  })

  test('a second connection_init closes with 4429', async () => {
    const raw = await RawSocket.open({ init: {} })
    raw.send({ type: 'connection_init' })
    assert.deepEqual(await raw.closed, { code: 4429, reason: 'Too many initialisation requests' })
  })

  test('a pong has the payload of the ping, also before connection_init', async () => {
    const raw = await RawSocket.open()
    raw.send({ type: 'ping', payload: { at: 7 } })
    assert.deepEqual(await raw.next(), { type: 'pong', payload: { at: 7 } })
    raw.send({ type: 'ping' })
    assert.deepEqual(await raw.next(), { type: 'pong' })
    raw.socket.close(1000)
  })

  test('an operation gets `next` and `complete`, or only `error`', async () => {
    const raw = await RawSocket.open({ init: {} })
    raw.send(subscribe('good', '{ __typename }'))
    const { type, id, payload } = await raw.next()
    assert.deepEqual([type, id, payload.data], ['next', 'good', { __typename: 'Query' }])
    assert.deepEqual(await raw.next(), { type: 'complete', id: 'good' })
    raw.send(subscribe('bad', '{ nothing }'))
    const refused = await raw.next()
    assert.deepEqual([refused.type, refused.id, refused.payload.length], ['error', 'bad', 1])
    raw.send({ type: 'complete', id: 'nobody' })
    raw.send({ type: 'ping' })
    assert.deepEqual(await raw.next(), { type: 'pong' })
    raw.socket.close(1000)
  })
})
