import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { once } from 'node:events'
import { test } from 'node:test'
import { shop } from './shop.test-support.ts'

const nested = (levels: number): string => `{ ordersAll { id ${'... on Order { '.repeat(levels)}id${' }'.repeat(levels)} } }`

test('documents that are too much are refused, and others are served', async (t) => {
  const { ask } = await shop(t, { door: { limits: { depth: 3, aliases: 5, fields: 50, calls: 3, tokens: 300, body: 4_000 } } })
  const deep = `{ ordersEcho { byName { value { amount { a { b } } } } } }`
  const aliases = `{ ordersAll { ${Array.from({ length: 6 }, (_, n) => `a${n}: id`).join(' ')} } }`
  const calls = `{ ${Array.from({ length: 4 }, (_, n) => `a${n}: ordersAll { id }`).join(' ')} }`
  // Each fragment spreads the next twice: two to the power of ten fields.
  const doubling = `{ ordersAll { ...f0 } } ${Array.from({ length: 10 }, (_, n) => `fragment f${n} on Order { ${n === 9 ? 'id' : `...f${n + 1} ...f${n + 1}`} }`).join(' ')}`
  const circle = '{ ordersAll { ...a } } fragment a on Order { ...b } fragment b on Order { ...a }'
  for (const [query, words] of [
    [deep, /more than 3 levels/],
    [aliases, /more than 5 aliases/],
    [calls, /more than 3 fields at its root/],
    [doubling, /more than 50 fields/],
    [circle, /Cannot spread fragment/],
    [`{ ${'ordersAll { id } '.repeat(100)} }`, /more than 300 tokens/],
    ['{ ordersAll { id ', /Syntax Error/],
    [nested(30), /./],
  ] as const) {
    const { status, errors } = await ask(query)
    if (query === nested(30)) assert.equal(status, 200)
    else assert.match(errors![0].message, words)
  }
  const large = await ask(`{ ordersAll { id } } #${'x'.repeat(5_000)}`)
  assert.deepEqual([large.status, large.errors![0].extensions.code], [413, 'BODY_TOO_LARGE'])
  assert.equal((await ask('{ ordersAll { id } }')).data.ordersAll.length, 4)
})

test('a door without introspection says nothing of its schema', async (t) => {
  const { ask } = await shop(t, { door: { introspection: false } })
  assert.match((await ask('{ __schema { types { name } } }')).errors![0].message, /introspection/i)
  assert.equal((await ask('{ __typename }')).data.__typename, 'Query')
})

test('more requests than there is room for are told to come again', async (t) => {
  const { ask, running } = await shop(t, { door: { limits: { requests: 1 } } })
  const slow = ask('{ ordersFail(how: slow) }', { headers: { 'request-timeout': '30' } }).catch(() => {})
  for (;;) {
    const { status, errors } = await ask('{ ordersAll { id } }')
    if (status === 200) continue
    assert.deepEqual([status, errors![0].extensions.code], [503, 'OVERLOADED'])
    break
  }
  await running.stop({ timeout: 50 })
  await slow
})

test('who connects and says nothing, or half a thing, keeps nobody from being served', async (t) => {
  const { url, ask } = await shop(t)
  const { port } = new URL(url)
  const half = connect(Number(port), '127.0.0.1')
  await once(half, 'connect')
  half.write('POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"query"')
  assert.equal((await ask('{ ordersAll { id } }')).status, 200)
  half.destroy()
})

test('a stream under way is ended when the door closes, with the reason', async (t) => {
  const { url, running } = await shop(t)
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
    body: JSON.stringify({ query: 'subscription { ordersWatch(count: 3) { n } }' }),
  })
  const text = response.text()
  await running.stop()
  assert.match(await text, /the server is stopping[^]*event: complete/)
})

test('a link that leads nowhere is refused when the door opens, and so is what has no query', async (t) => {
  const link = { key: () => 1, input: () => ({}), keyOf: () => 1 }
  const { Customers } = await import('./shop.test-support.ts')
  const to = { ...link, contract: Customers, operation: 'byIds' }
  await assert.rejects(shop(t, { door: { links: { Odrer: { customer: to } } } }), /no object of that name; they have/)
  await assert.rejects(shop(t, { door: { links: { Order: { customer: { ...to, operation: 'all' } } } } }), /no query here/)
  await assert.rejects(shop(t, { door: { links: { Order: { id: to } } } }), /has a field of that name/)
  await assert.rejects(shop(t, { door: { contracts: [], links: {} } }), /it has to have a query/)
})
