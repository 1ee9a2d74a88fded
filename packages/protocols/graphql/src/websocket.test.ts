import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { CallError } from 'dure/contract'
import { createClient, type Client, type ClientOptions } from 'graphql-ws'
import { WebSocket } from 'ws'
import { all, shop, type Shop } from './shop.test-support.ts'

/** The client of graphql-ws itself. */
function clientOf(t: TestContext, { url }: Shop, options: Partial<ClientOptions> = {}): Client {
  const client = createClient({ url: url.replace('http', 'ws'), retryAttempts: 0, webSocketImpl: WebSocket, ...options })
  t.after(() => client.dispose())
  return client
}

/** A connection of a client that says what it likes; all that it hears, the code of its end last. */
function rude({ url }: Shop, path = '', headers: Record<string, string> = {}) {
  const one = new WebSocket(url.replace('http', 'ws') + path, 'graphql-transport-ws', { headers })
  const heard: string[] = []
  one.on('error', ({ message }) => heard.push(message))
  one.on('message', (data: Buffer) => heard.push(data.toString()))
  const ended = new Promise<string>((resolve) => one.on('close', (code) => resolve(`${heard.join('\n')} ${code}`)))
  const open = new Promise((resolve) => one.once('open', resolve))
  return { one, heard, ended, open }
}

test('queries, commands and streams go over one connection, with the codes of what fails', async (t) => {
  const served = await shop(t)
  const client = clientOf(t, served)
  assert.deepEqual(await all(client.iterate({ query: '{ ordersAll { id customer { name } } }' })), [
    {
      data: {
        ordersAll: ['a', 'b', 'a', null].map((name, at) => ({ id: String(at), customer: name && { name: `Sori ${name}` } })),
      },
    },
  ])
  const placed = 'mutation { ordersPlace(id: "1", pieces: 2) }'
  assert.deepEqual(await all(client.iterate({ query: placed })), [{ data: { ordersPlace: '1 × 2' } }])
  const watched = await all(client.iterate({ query: 'subscription { ordersWatch(count: 2) { n } }' }))
  assert.deepEqual(
    watched,
    [0, 1].map((n) => ({ data: { ordersWatch: { n } } })),
  )
  const [failed] = await all(client.iterate({ query: '{ ordersFail(how: sold_out) }' }))
  assert.deepEqual(failed?.errors?.[0]?.extensions, { code: 'SOLD_OUT', status: 'FAILED_PRECONDITION', data: { left: 2 } })
  const [slow] = await all(client.iterate({ query: '{ ordersFail(how: slow) }', extensions: { 'request-timeout': '0.05' } }))
  assert.equal(slow?.errors?.[0]?.extensions?.['code'], 'DEADLINE_EXCEEDED')
  // What is wrong with a document ends it before it begins.
  const wrong = await all(client.iterate({ query: '{ nothing }' })).catch((errors: unknown) => errors)
  assert.match(JSON.stringify(wrong), /Cannot query field[^]*"code":"INVALID_ARGUMENT"/)
  const header = { query: '{ ordersAll { id } }', extensions: { headers: { 'request-timeout': 'soon' } } }
  const refused = await all(client.iterate(header)).catch((errors: unknown) => errors)
  assert.match(JSON.stringify(refused), /INVALID_HEADER/)
})

test('whoever leaves a stream ends it, and the connection goes on', async (t) => {
  const served = await shop(t)
  const client = clientOf(t, served)
  for await (const { data } of client.iterate({ query: 'subscription { ordersWatch(count: 3) { n } }' })) {
    assert.deepEqual(data, { ordersWatch: { n: 0 } })
    break
  }
  await served.ended
  assert.equal((await all(client.iterate({ query: '{ __typename }' }))).length, 1)
})

test('who connects says so as its connection begins, or is not let in', async (t) => {
  let found = 0
  const security = {
    authenticate: ({ header }: { header: (name: string) => string | undefined }) => {
      found++
      const [subject, scope] = header('authorization')?.split(' ') ?? []
      if (subject === 'nobody') throw new CallError('UNAUTHENTICATED', 'That is nobody')
      return subject === undefined ? undefined : { subject, kind: 'user' as const, scopes: [scope!], roles: [] }
    },
  }
  const served = await shop(t, { security })
  const place = 'mutation { a: ordersPlace(id: "1", pieces: 1) }'
  const client = clientOf(t, served, { lazy: false, connectionParams: { Authorization: 'sori orders.write' } })
  for (let n = 0; n < 2; n++) assert.equal((await all(client.iterate({ query: place })))[0]?.errors, undefined)
  assert.deepEqual([found, served.placed], [3, ['1', '1']])
  const reader = clientOf(t, served, { connectionParams: { headers: { authorization: 'sori orders.read' } } })
  const [refused] = await all(reader.iterate({ query: place }))
  assert.equal(refused?.errors?.[0]?.extensions?.['code'], 'PERMISSION_DENIED')
  const nobody = clientOf(t, served, { connectionParams: { authorization: 'nobody' } })
  const end = await all(nobody.iterate({ query: place })).catch((event: unknown) => event as { code: number; reason: string })
  assert.deepEqual([(end as { code: number }).code, (end as { reason: string }).reason], [4403, 'That is nobody'])
})

test('credentials that have ended end the connection with the next operation, and newer ones go on', async (t) => {
  let token = 'old'
  let knows: (given: string | undefined) => 'yes' | 'UNAUTHENTICATED' | 'UNAVAILABLE' = () => 'yes'
  const security = {
    authenticate: ({ header }: { header: (name: string) => string | undefined }) => {
      const known = knows(header('authorization'))
      if (known !== 'yes') throw new CallError(known, 'The token has ended')
      return { subject: 'sori', kind: 'user' as const, scopes: ['orders.write'], roles: [] }
    },
  }
  const served = await shop(t, { security })
  const closed: unknown[] = []
  const client = clientOf(t, served, {
    connectionParams: () => ({ authorization: token }),
    ...{ retryAttempts: 3, retryWait: async () => {} },
    on: { closed: (event) => void closed.push((({ code, reason }) => [code, reason])(event as CloseEvent)) },
  })
  const place = (id: string) => all(client.iterate({ query: `mutation { ordersPlace(id: "${id}", pieces: 1) }` }))
  await client.iterate({ query: 'subscription { ordersWatch(count: 3) { n } }' }).next()
  // Who cannot be asked now may be asked again.
  knows = () => 'UNAVAILABLE'
  assert.equal((await place('1'))[0]?.errors?.[0]?.extensions?.['code'], 'UNAVAILABLE')
  assert.deepEqual([closed, served.placed], [[], []])
  token = 'new'
  knows = (given) => (given === token ? 'yes' : 'UNAUTHENTICATED')
  assert.equal((await place('2'))[0]?.errors, undefined)
  assert.deepEqual([closed, served.placed], [[[4403, 'The token has ended']], ['2']])
  // The stream of the first connection.
  await served.ended
  // Before there is nothing to connect to again.
  await client.dispose()
})

test('what is no message of the protocol ends its connection, and others are served', async (t) => {
  const served = await shop(t, { door: { limits: { body: 4_000, operations: 2, connections: 3 } } })
  const client = clientOf(t, served)
  const init = '{"type":"connection_init"}'
  const watch = (id: number): string =>
    JSON.stringify({ id: String(id), type: 'subscribe', payload: { query: 'subscription { ordersWatch(count: 3) { n } }' } })
  for (const [says, code] of [
    [['{'], 4400],
    [['null'], 4400],
    [['{"type":"shout"}'], 4400],
    [[watch(1)], 4401],
    [[init, init], 4429],
    [[init, '{"type":"next","id":"1","payload":{}}'], 4400],
    [['x'.repeat(5_000)], 1009],
    [[Buffer.from(init)], 4400],
  ] as const) {
    const { one, ended, open } = rude(served)
    await open
    for (const text of says) one.send(text)
    assert.match(await ended, new RegExp(` ${code}$`), String(says))
    assert.equal((await all(client.iterate({ query: '{ __typename }' }))).length, 1)
  }
  const { one, heard, open } = rude(served)
  await open
  one.send(init)
  while (heard.length < 1) await new Promise(setImmediate)
  for (const id of [1, 2, 3]) one.send(watch(id))
  while (!heard.some((text) => /"id":"3","type":"error".*OVERLOADED/.test(text))) await new Promise(setImmediate)
  // An id twice is the protocol's own.
  one.send(watch(1))
  await new Promise((resolve) => one.once('close', (code) => resolve(assert.equal(code, 4409))))
  assert.match(await rude(served, '/other').ended, /404/)
  assert.match(await rude(served, '', { origin: 'https://evil.example' }).ended, /403/)
  // What is asked of another protocol is asked of this one.
  const plain = await fetch(`${served.url}?query={__typename}`)
  assert.equal(plain.status, 200)
})

test('who says nothing is told to leave', async (t) => {
  const served = await shop(t, { door: { limits: { hello: 20 } } })
  assert.match(await rude(served).ended, / 4408$/)
})

test('a door that closes sends its clients elsewhere, with what they still wait for', async (t) => {
  const served = await shop(t)
  const closed = Promise.withResolvers<number>()
  const client = clientOf(t, served, { on: { closed: (event) => closed.resolve((event as { code: number }).code) } })
  const values = client.iterate({ query: 'subscription { ordersWatch(count: 3) { n } }' })
  await values.next()
  const rest = all(values).catch(() => 'cut off')
  await served.running.stop()
  assert.equal(await closed.promise, 1001)
  // No end was said, so that a client that tries again asks again.
  assert.equal(await rest, 'cut off')
  await served.ended
})
