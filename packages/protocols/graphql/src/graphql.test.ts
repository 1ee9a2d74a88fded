import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CallError } from 'dure/contract'
import { auditServer } from 'graphql-http'
import { shop } from './shop.test-support.ts'

const EVERYTHING = `{
  ordersEcho(
    price: { amount: "123456789012345678901", currency: KRW }
    payment: { cash: { at: "2026-11-30T08:15:00.000Z" } }
    either: { money: { amount: "1", currency: USD } }
    whole: 9007199254740991, small: -7, tags: ["a", "b"], place: { item1: 1.5, item2: "x" }
    byName: [{ key: "k", value: { amount: "2", currency: USD } }]
    counts: [{ key: "a b", value: [[{ key: "n", value: 1 }]] }]
    any: { deep: [1, null, "t"] }
  ) {
    price { amount currency }
    payment { __typename ... on OrdersEchoOutputPaymentCash { kind at } }
    either { __typename ... on Money { amount } }
    whole small tags place { item1 item2 } note any
    byName { key value { amount } } counts { key value { key value } }
  }
}`

test('values of every kind go in and come out as they are', async (t) => {
  const { ask } = await shop(t)
  const { data, errors } = await ask(EVERYTHING)
  assert.equal(errors, undefined)
  assert.deepEqual(data.ordersEcho, {
    price: { amount: '123456789012345678901', currency: 'KRW' },
    payment: { __typename: 'OrdersEchoOutputPaymentCash', kind: 'cash', at: '2026-11-30T08:15:00.000Z' },
    either: { __typename: 'Money', amount: '1' },
    ...{ whole: 9007199254740991, small: -7, tags: ['a', 'b'], place: { item1: 1.5, item2: 'x' }, note: null },
    any: { deep: [1, null, 't'] },
    byName: [{ key: 'k', value: { amount: '2' } }],
    counts: [{ key: 'a b', value: [[{ key: 'n', value: 1 }]] }],
  })
})

test('what is wrong with an input is said before and after it is a call', async (t) => {
  const { ask, placed } = await shop(t)
  const early = await ask('mutation { ordersPlace(id: 7, pieces: 1.5) }')
  assert.deepEqual([early.status, early.errors?.length, early.errors![0].extensions.code], [400, 2, 'INVALID_ARGUMENT'])
  const late = await ask('mutation { ordersPlace(id: "x", pieces: 0) }')
  assert.deepEqual(late.errors![0].extensions.issues[0].path, ['pieces'])
  assert.deepEqual(placed, [])
})

test('declared errors keep code and data, internal ones keep their secrets, and a deadline is one', async (t) => {
  const { ask } = await shop(t)
  const { data, errors } = await ask('{ ordersFail(how: sold_out) all: ordersAll { id } }')
  // The field is required, so nothing is left of the answer.
  assert.equal(data, null)
  assert.deepEqual(errors![0].extensions, { code: 'SOLD_OUT', status: 'FAILED_PRECONDITION', data: { left: 2 } })
  const broken = await ask('{ ordersFail(how: broken) }')
  assert.equal(broken.errors![0].extensions.code, 'INTERNAL')
  assert.ok(!JSON.stringify(broken).includes('1234'))
  const slow = await ask('{ ordersFail(how: slow) }', { headers: { 'request-timeout': '0.05' } })
  assert.equal(slow.errors![0].extensions.code, 'DEADLINE_EXCEEDED')
  const wrong = await ask('{ ordersAll { id } }', { headers: { 'request-timeout': 'soon' } })
  assert.deepEqual([wrong.status, wrong.errors![0].extensions.code], [400, 'INVALID_HEADER'])
})

test('links of one level are one call, with each key once', async (t) => {
  const { ask, asked } = await shop(t)
  const { data } = await ask('{ ordersAll { id customer { name } } again: ordersAll { customer { id } } }')
  assert.deepEqual(
    data.ordersAll.map((order: { customer: { name: string } | null }) => order.customer?.name),
    ['Sori a', 'Sori b', 'Sori a', undefined],
  )
  assert.deepEqual(asked, [['a', 'b']])
})

test('commands of one request are done one after the other, for whoever the door found out once', async (t) => {
  let found = 0
  const security = {
    authenticate: ({ header }: { header: (name: string) => string | undefined }) => {
      found++
      const [subject, scope] = header('authorization')?.split(' ') ?? []
      if (subject === 'nobody') throw new CallError('UNAUTHENTICATED', 'That is nobody')
      return subject === undefined ? undefined : { subject, kind: 'user' as const, scopes: [scope!], roles: [] }
    },
  }
  const { ask, placed } = await shop(t, { security })
  const twice = 'mutation { a: ordersPlace(id: "1", pieces: 1) b: ordersPlace(id: "2", pieces: 2) }'
  const { data, errors } = await ask(twice, { headers: { authorization: 'sori orders.write' } })
  assert.equal(errors, undefined)
  assert.deepEqual([data, placed, found], [{ a: '1 × 1', b: '2 × 2' }, ['1', '2'], 1])
  const refused = await ask(twice, { headers: { authorization: 'sori orders.read' } })
  assert.equal(refused.errors![0].extensions.code, 'PERMISSION_DENIED')
  assert.equal((await ask(twice)).errors![0].extensions.code, 'UNAUTHENTICATED')
  assert.equal((await ask(twice, { headers: { authorization: 'nobody' } })).errors![0].message, 'That is nobody')
  assert.deepEqual(placed, ['1', '2'])
})

test('what is done without an answer is Done', async (t) => {
  const { ask } = await shop(t)
  assert.deepEqual((await ask('mutation { ordersForget(id: "1") }')).data, { ordersForget: true })
})

test('a stream comes as events, and whoever leaves ends it', async (t) => {
  const { url, ended } = await shop(t)
  const watch = async (count: number, signal?: AbortSignal): Promise<Response> =>
    fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({ query: `subscription { ordersWatch(count: ${count}) { n } }` }),
      ...(signal && { signal }),
    })
  const whole = await (await watch(2)).text()
  assert.deepEqual(
    whole.match(/^data: .+$/gm),
    [0, 1].map((n) => `data: {"data":{"ordersWatch":{"n":${n}}}}`),
  )
  assert.match(whole, /event: complete\ndata: \n\n$/)
  const leave = new AbortController()
  const reader = (await watch(3, leave.signal)).body!.getReader()
  await reader.read()
  leave.abort()
  await ended
})

test('the audits of GraphQL over HTTP pass, all of them', async (t) => {
  const { url } = await shop(t)
  const results = await auditServer({ url })
  const failed = results.flatMap((one) => (one.status === 'ok' ? [] : [`${one.status} ${one.id} ${one.name}`]))
  assert.deepEqual(failed, [])
  assert.ok(results.length >= 61, `${results.length} audits`)
})
