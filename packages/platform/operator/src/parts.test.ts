import assert from 'node:assert/strict'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { start, system } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { places, shop } from './office.test-support.ts'
import { desk } from './operator.test-support.ts'
import { operatorParts, routesPart, sessionsPart } from './operator.ts'

type Read = {
  readonly partition: number
  readonly position: string
  readonly message: { readonly id: string; readonly data: string }
}
type Page = { readonly messages: readonly Read[]; readonly more: boolean }

test('topics are told with their groups, browsed within bounds, and published to, in one process and in three', async (t) => {
  for (const [where, { ask }, seen] of await places(t)) {
    for (let n = 1; n <= 3; n++)
      await ask('explorer', 'call', { service: 'office', operation: 'give', input: { cartId: `c${n}`, count: n } })
    const published = await ask<{ key: string; id: string }>(
      ...(['topics', 'publish', { event: 'cart.filled', data: { cartId: 'c4', count: 4 } }, { reason: 'It was lost' }] as const),
    )
    assert.equal(published.key, 'c4')
    while (seen.length < 4) await new Promise((resolve) => setTimeout(resolve, 5))
    assert.deepEqual(seen.toSorted(), ['c1 1', 'c2 2', 'c3 3', 'c4 4'], where)
    type Topic = {
      topic: string
      partitions?: number
      events: object[]
      groups: { group: string; lag: number; members: number }[]
    }
    const read = async (): Promise<Topic> => (await ask<Topic[]>('topics', 'list')).find(({ topic }) => topic === 'cart.filled')!
    while ((await read()).groups[0]?.lag !== 0) await new Promise((resolve) => setTimeout(resolve, 5))
    const { partitions, events, groups } = await read()
    assert.deepEqual(
      [partitions, events, groups.map(({ group }) => group)],
      [...[2, [{ service: 'office', event: 'cart.filled', version: 1 }]], ['office/cart.filled']],
    )
    const { messages, more } = await ask<Page>('topics', 'browse', { topic: 'cart.filled' })
    assert.deepEqual([messages.length, more], [4, false])
    assert.ok(messages.some(({ message: { id } }) => id === published.id))
    const first = await ask<Page>('topics', 'browse', { topic: 'cart.filled', limit: 2 })
    assert.deepEqual([first.messages.length, first.more], [2, true])
    assert.equal((await ask<Page>('topics', 'browse', { topic: 'cart.filled', bytes: 1 })).messages.length, 1)
    const { partition } = messages[0]!
    const own = messages.filter((one) => one.partition === partition)
    const after = await ask<Page>('topics', 'browse', { topic: 'cart.filled', partition, after: own[0]!.position })
    assert.deepEqual(
      after.messages.map(({ position }) => position),
      own.slice(1).map(({ position }) => position),
    )
    await assert.rejects(ask('topics', 'browse', { topic: 'cart.filled', partition: 2 }), {
      code: 'NOT_FOUND',
      message: /it has 2/,
    })
    await assert.rejects(ask('topics', 'browse', { topic: 'cart.filled', after: '1' }), { code: 'INVALID_ARGUMENT' })
    await assert.rejects(ask('topics', 'browse', { topic: 'nothing' }), { code: 'NOT_FOUND' })
    const publish = (name: string, data: unknown) => ask('topics', 'publish', { event: name, data }, { reason: 'A test' })
    await assert.rejects(publish('cart.filled', { cartId: 'c5' }), { code: 'INVALID_ARGUMENT', message: /count/ })
    await assert.rejects(publish('cart.lost', {}), { code: 'NOT_FOUND', message: /there are cart.given, cart.filled/ })
    await assert.rejects(ask('topics', 'publish', { event: 'cart.filled', data: {} }), { message: /needs a reason/ })
    await assert.rejects(ask('topics', 'forget', { group: 'office/cart.filled' }, { reason: 'A test' }), {
      code: 'FAILED_PRECONDITION',
    })
    type Told = { readonly action: string; readonly actor: string; readonly about: object }
    const acts = (await ask<Told[]>('audit', 'list')).filter(({ action }) => action === 'topics.publish')
    assert.deepEqual([acts[1]!.actor, acts[1]!.about], ['ida', { id: published.id, topic: 'cart.filled', outcome: 'done' }])
  }
})

test('an aggregate is shown at a version and a time, and nothing personal of it', async (t) => {
  for (const [where, { ask }] of await places(t)) {
    for (const count of [3, 4])
      await ask('explorer', 'call', { service: 'office', operation: 'give', input: { cartId: 'c1', count } })
    const { aggregates } = await ask<{ aggregates: object[] }>('aggregates', 'list')
    assert.deepEqual(aggregates, [{ service: 'office', name: 'cart', events: ['cart.given', 'cart.filled'] }], where)
    const which = { aggregate: 'cart', id: 'c1' }
    const [only] = await ask<{ id: string; version: number }[]>('aggregates', 'streams', { aggregate: 'cart' })
    assert.deepEqual([only!.id, only!.version], ['c1', 4])
    assert.deepEqual(await ask('aggregates', 'streams', { aggregate: 'cart', after: 'c1' }), [])
    const events = await ask<{ type: string; time: number; data: Record<string, unknown> }[]>('aggregates', 'events', which)
    assert.deepEqual(
      events.map(({ type, data }) => [type, data['name'] ?? data['count']]),
      [
        ...[
          ['cart.given', '(forgotten)'],
          ['cart.filled', 3],
        ],
        ...[
          ['cart.given', '(forgotten)'],
          ['cart.filled', 4],
        ],
      ],
    )
    assert.doesNotMatch(JSON.stringify(events), /Lovelace/)
    const names = ['(forgotten)', '(forgotten)']
    assert.deepEqual(await ask('aggregates', 'show', which), { version: 4, state: { names, count: 7 } })
    assert.deepEqual(await ask('aggregates', 'show', { ...which, version: 2 }), {
      version: 2,
      state: { names: names.slice(1), count: 3 },
    })
    const before = await ask('aggregates', 'show', { ...which, time: events[0]!.time - 1 })
    assert.deepEqual(before, { version: 0, state: { names: [], count: 0 } })
    await assert.rejects(ask('aggregates', 'show', { aggregate: 'cart', id: 'c9' }), { code: 'NOT_FOUND' })
    await assert.rejects(ask('aggregates', 'show', { aggregate: 'basket', id: 'c1' }), { code: 'NOT_FOUND', message: /"basket"/ })
    const forgotten = await ask('aggregates', 'forget', { subject: 'ada' }, { reason: 'She wished it' })
    assert.deepEqual(forgotten, { forgotten: [{ service: 'office', value: true }], silent: [] })
  }
})

test('an operation is called as the contract says it, and its failure is an answer', async (t) => {
  for (const [where, { ask, send }] of await places(t)) {
    type Shown = { name: string; external: boolean; operations: { name: string; input?: object; errors: object[] }[] }
    const [office] = await ask<Shown[]>('explorer', 'contracts', {}, { as: 'vi viewer' })
    const give = office!.operations.find(({ name }) => name === 'give')!
    assert.deepEqual(
      [office!.name, office!.external, Object.keys((give.input as { properties: object }).properties)],
      [...['office', false], ['cartId', 'count']],
    )
    const call = (operation: string, input?: unknown) => ask('explorer', 'call', { service: 'office', operation, input })
    assert.deepEqual(await call('seen'), { ok: true, value: [] }, where)
    assert.deepEqual(await call('give', { cartId: 'c', count: 100 }), {
      ok: false,
      error: { code: 'TOO_MANY', message: 'That is too much', declared: true, data: { most: '99' } },
    })
    const refused = (await call('give', { cartId: 1 })) as { ok: boolean; error: { code: string; issues: { path: string[] }[] } }
    assert.deepEqual([refused.error.code, refused.error.issues[0]!.path], ['INVALID_ARGUMENT', ['cartId']])
    await assert.rejects(call('lose'), { code: 'UNIMPLEMENTED', message: /there are give, seen, ticks/ })
    const input = encodeURIComponent(JSON.stringify({ service: 'office', operation: 'ticks', input: { upTo: 2 } }))
    const read = (as: string) => send(`/api/operator/explorer/stream?input=${input}`, { headers: { 'x-test': as } })
    assert.equal((await read('ida operator')).body, 'data: 1\n\ndata: 2\n\nevent: end\ndata: {}\n\n')
    assert.equal((await read('vi viewer')).status, 403)
    const lines = await ask<{ subject: string; about: { outcome: string } }[]>('audit', 'list', { action: 'operation.call' })
    assert.deepEqual(
      lines.map(({ subject, about }) => `${subject} ${about.outcome}`),
      ['office.give begun', 'office.give failed', 'office.give begun', 'office.give failed'],
    )
  }
})

test('settings say where they come from, and calls how they stand', async (t) => {
  const { ask } = await desk(t, { ...shop(), parts: operatorParts, policies: { 'office.seen': { breaker: {} } } })
  const entry = await ask<{ value: number; secret: boolean; from: string }>('settings', 'why', { key: 'office.limit' })
  assert.deepEqual([entry.value, entry.secret], [7, false])
  await assert.rejects(ask('settings', 'why', { key: 'office.nothing' }), { code: 'NOT_FOUND' })
  assert.equal((await ask<{ version: number }>('settings', 'show')).version, 1)
  await ask('explorer', 'call', { service: 'office', operation: 'seen' })
  type Calls = { calls: { service: string; operation: string; breaker?: { state: string }; ever: object; policies: string[] }[] }
  const { calls, peers } = await ask<Calls & { peers: unknown[] }>('resilience', 'show')
  assert.deepEqual(peers, [], 'nobody is called in another process')
  const seen = calls.find(({ operation }) => operation === 'seen')!
  assert.deepEqual([seen.breaker!.state, seen.ever, seen.policies], ['CLOSED', { callee: 1 }, ['breaker']])
})

test('sessions are ended with a reason, and gateways told as far as they answer', async (t) => {
  const ended: string[] = []
  const sessions = sessionsPart({ endAll: async (subject, by) => void ended.push(`${by} ends ${subject}`) })
  const routes = routesPart([
    { name: 'here', status: () => ({ version: 'a1' }), routes: () => ({ orders: { prefix: '/orders', filters: [() => {}] } }) },
    { name: 'gone', status: () => Promise.reject(new Error('It does not answer')) },
  ])
  const { ask } = await desk(t, { ...shop(), parts: [sessions, routes] })
  await assert.rejects(ask('sessions', 'end', { subject: 'eve' }), { message: /needs a reason/ })
  assert.equal(await ask('sessions', 'end', { subject: 'eve' }, { reason: 'Her laptop was stolen' }), undefined)
  assert.deepEqual(ended, ['ida ends eve'])
  assert.deepEqual(await ask('routes', 'list'), [
    { name: 'here', version: 'a1', routes: [{ name: 'orders', route: { prefix: '/orders', filters: [null] } }] },
    { name: 'gone', routes: [], silent: 'It does not answer' },
  ])
})

test('a service that is away is named, and the others still answer', async (t) => {
  const { services, audit, config } = shop()
  const parted = { services, audit, config }
  const directory = mkdtempSync(join(tmpdir(), 'dure-operator-'))
  const options = { directory, log: silentLogger() }
  const broker = await start(system('shop', { telemetry: false, ...parted }), { ...options, part: ['broker'] })
  t.after(() => broker.stop())
  const { ask } = await desk(t, { ...parted, parts: operatorParts, directory, part: ['doors'] })
  const { silent } = await ask<{ silent: { service: string }[] }>('sagas', 'list')
  assert.deepEqual(silent, [])
  const listed = await ask<{ silent: { service: string; why: string }[] }>('letters', 'list')
  assert.deepEqual(
    listed.silent.map(({ service: name }) => name),
    ['office'],
  )
  const { ok, reasons } = await ask<{ ok: boolean; reasons: string[] }>('health', 'ready')
  assert.deepEqual([ok, reasons], [false, ['office: No process runs it']])
})
