import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { z } from 'zod'
import { livePolicies, type CallPolicies, type LivePolicies } from '../call/call.ts'
import { CallError, command, contract, error, query, stream } from '../contract/contract.ts'
import { refusedBy } from '../resilience/resilience.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import { service, start, system, type Running } from './service.ts'

const Gone = error('GONE')
const Stock = contract('stock', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    left: query({ input: z.string(), output: z.object({ left: z.int(), at: z.date() }), errors: { Gone } }),
    take: command({ input: z.string(), output: z.int() }),
    watch: stream({ input: z.string(), output: z.int() }),
  },
})
const Shop = contract('shop', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    ask: query({ input: z.string(), output: z.object({ left: z.int(), from: z.string() }), errors: { Gone } }),
    twice: query({ input: z.string(), output: z.boolean() }),
  },
})

type Given = {
  readonly policies?: CallPolicies | LivePolicies
  readonly own?: CallPolicies
  readonly fallback?: (sku: string, error: unknown) => { left: number; at: Date }
}

/** A shop that asks a stock which answers as told. */
async function shop(t: TestContext, { policies, own, fallback }: Given) {
  const told = {
    how: (sku: string): unknown => (sku === 'gone' ? Promise.reject(Gone()) : { left: 1, at: new Date(0) }),
    calls: 0,
  }
  const answer = (sku: string) => {
    told.calls++
    return told.how(sku) as never
  }
  const stock = service(Stock, {
    handlers: {
      left: answer,
      take: answer,
      watch: async function* (sku) {
        yield await answer(sku)
      },
    },
  })
  const front = service(Shop, {
    needs: { warehouse: Stock },
    ...(own === undefined ? {} : { policies: own }),
    ...(fallback === undefined ? {} : { fallbacks: { warehouse: { left: fallback } } }),
    handlers: {
      ask: async (sku, { warehouse }) => {
        const answered = await warehouse.left.attempt(sku)
        if (!answered.ok) throw answered.error
        return { left: answered.value.left, from: answered.from ?? 'callee' }
      },
      twice: async (sku, { warehouse }) => {
        const [one, two] = await Promise.all([warehouse.left(sku), warehouse.left(sku)])
        const same = one === two
        one.at.setTime(9)
        return !same && two.at.getTime() === 0
      },
    },
  })
  const directory = mkdtempSync(join(tmpdir(), 'dure-policies-'))
  const made = system('shops', { services: [stock, front], ...(policies === undefined ? {} : { policies }) })
  const running: Running = await start(made, { directory, log: silentLogger() })
  t.after(async () => {
    await running.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  return { running, client: running.client(Shop), stock: running.client(Stock), told }
}

const code = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => 'answered',
    (thrown: { code?: unknown }) => thrown.code,
  )
const down = () => Promise.reject(new CallError('UNAVAILABLE', 'It is down'))

test('a breaker of the system opens for each caller by itself, is read and told as a metric, and declared errors do not open it', async (t) => {
  const { running, client, stock, told } = await shop(t, { policies: { stock: { breaker: { minimumCalls: 4 } } } })
  for (let i = 0; i < 10; i++) assert.equal(await code(client.ask('gone')), 'GONE')
  told.how = down
  for (let i = 0; i < 20; i++) assert.equal(await code(client.ask('apple')), 'UNAVAILABLE')
  assert.ok(told.calls < 25, `${told.calls} calls reached it`)
  const made = told.calls
  assert.equal(await code(client.ask('apple')), 'UNAVAILABLE')
  assert.equal(told.calls, made)
  const states = running.calls().map(({ caller, operation, breaker }) => [caller, operation, breaker?.now.state])
  assert.deepEqual(
    states.filter(([, operation]) => operation === 'left'),
    [
      ['shop', 'left', 'OPEN'],
      [undefined, 'left', 'CLOSED'],
    ],
  )
  told.how = () => ({ left: 1, at: new Date(0) })
  assert.equal(await code(stock.left('apple')), 'answered', 'who calls from outside has a breaker of its own')
})

test('an answer of a fallback is marked, and one that throws tells both errors', async (t) => {
  const { running, client, told } = await shop(t, {
    fallback: (sku, error) => {
      if (sku === 'none') throw new Error('the shelf is empty')
      return { left: (error as CallError).code === 'UNAVAILABLE' ? 100 : 0, at: new Date(1) }
    },
  })
  assert.deepEqual(await client.ask('apple'), { left: 1, from: 'callee' })
  told.how = down
  assert.deepEqual(await client.ask('apple'), { left: 100, from: 'fallback' })
  assert.equal(await code(client.ask('none')), 'UNAVAILABLE')
  told.how = () => Promise.reject(Gone())
  assert.equal(await code(client.ask('gone')), 'GONE', 'a declared error is an answer')
  const { ever } = running.calls().find(({ caller }) => caller === 'shop')!
  assert.deepEqual([ever.callee, ever.fallback, ever.fallbackFailed, ever.refusedByCallee], [1, 1, 1, 1])
})

test('policies change while the system runs: those that make no sense are refused and the old ones go on', async (t) => {
  const policies = livePolicies()
  const { client, told } = await shop(t, { policies, own: { stock: { rateLimit: { rate: 1, per: 1_000_000 } } } })
  assert.equal(await code(client.ask('apple')), 'answered')
  assert.equal(await code(client.ask('apple')), 'RESOURCE_EXHAUSTED', 'what the service says itself')
  assert.throws(() => policies.set({ stock: { breaker: { window: { calls: 2 }, minimumCalls: 5 } } }), {
    name: 'TypeError',
    message: /^Cannot use the policy of "stock": .*it would never open/,
  })
  assert.throws(() => policies.set({ stock: { breakers: {} } as never }), /it has "breakers"; give timeout, breaker, /)
  assert.equal(await code(client.ask('apple')), 'RESOURCE_EXHAUSTED', 'the old ones go on')
  policies.set({ 'stock.left': { rateLimit: false, breaker: { force: 'open' } } })
  assert.equal(await code(client.ask('apple')), 'UNAVAILABLE')
  policies.set({ 'stock.left': { rateLimit: false } })
  assert.equal(await code(client.ask('apple')), 'answered')
  assert.equal(told.calls, 2)
  policies.set({ 'stock.left': { rateLimit: false, timeout: 30 } })
  told.how = () => new Promise(() => {})
  assert.equal(await code(client.ask('apple')), 'DEADLINE_EXCEEDED')
})

test('operations of a service share its limit by their priority, and one with a limit of its own stands beside it', async (t) => {
  const policies = livePolicies({ stock: { limit: { limit: 4 } }, 'stock.left': { priority: 'low' } })
  const { stock, told } = await shop(t, { policies })
  const open = Promise.withResolvers<unknown>()
  told.how = () => open.promise
  const calls = [code(stock.take('a')), code(stock.take('b'))]
  const refused: unknown = await stock.left('a').catch((error: unknown) => error)
  assert.equal(refusedBy(refused), 'limit', 'half of four is for low priority, and taken')
  assert.match((refused as Error).message, /Call of "stock" was not made: 2 are under way of 4/)
  // What has not changed keeps its state: the two are still counted.
  policies.set({ ...policies.current(), 'stock.watch': { priority: 'high' } })
  calls.push(code(stock.take('c')))
  assert.equal(refusedBy(await stock.take('d').catch((error: unknown) => error)), 'limit')
  policies.set({ ...policies.current(), 'stock.left': { priority: 'low', limit: { limit: 2 } } })
  calls.push(code(stock.left('b')))
  open.resolve({ left: 1, at: new Date(0) })
  // A command of stock answers a number, and so these calls fail, but they were made.
  assert.deepEqual(await Promise.all(calls), ['INTERNAL', 'INTERNAL', 'INTERNAL', 'answered'])
})

test('policies that make no sense are refused before anything starts', () => {
  const services = [service(Stock, { handlers: { left: () => undefined as never, take: () => 1, watch: async function* () {} } })]
  assert.throws(() => system('s', { services, policies: { stock: { hedge: { after: -1 } } } }), /"after" is -1/)
  assert.throws(
    () => system('s', { services, policies: { stock: { limit: { limit: 'vegas' as never } } } }),
    /give a number, "gradient" or "aimd"/,
  )
  assert.throws(() => system('s', { services, policies: { stock: { remote: { attempts: 0 } } } }), /"attempts" is 0/)
  assert.throws(() => service(Stock, { policies: { x: { timeout: 0 } }, handlers: {} as never }), /"timeout" is 0/)
})

test('equal queries are one call with an answer for each, of one principal; commands are not', async (t) => {
  const { running, client, stock, told } = await shop(t, { policies: { stock: { collapse: true } } })
  assert.equal(await client.twice('apple'), true)
  assert.equal(told.calls, 1)
  const [ana, bo] = ['ana', 'bo'].map((subject) =>
    running.client(Stock, { principal: { subject, kind: 'user', scopes: [], roles: [] } }),
  )
  told.calls = 0
  await Promise.all([ana!.left('a'), bo!.left('a'), ana!.left('a'), ana!.left('b')])
  assert.equal(told.calls, 3)
  told.calls = 0
  told.how = () => 1
  await Promise.all([stock.take('a'), stock.take('a')])
  assert.equal(told.calls, 2)
})

test('who shares a call keeps a deadline and an end of its own', async (t) => {
  const { stock, told } = await shop(t, { policies: { stock: { collapse: true } } })
  const open = Promise.withResolvers<unknown>()
  told.how = () => open.promise
  const controller = new AbortController()
  const calls = [
    code(stock.left('a', { signal: controller.signal })),
    code(stock.left('a', { timeout: 30 })),
    code(stock.left('a')),
  ]
  assert.equal(await calls[1], 'DEADLINE_EXCEEDED')
  // It asked first, and the call that all share goes on without it.
  controller.abort()
  assert.equal(await calls[0], 'CANCELLED')
  open.resolve({ left: 1, at: new Date(0) })
  assert.equal(await calls[2], 'answered')
  assert.equal(told.calls, 1)
})

test('a stale answer stands in while there is no other, and says so', async (t) => {
  const { client, told } = await shop(t, { own: { stock: { cache: { stale: 60_000 } } } })
  assert.equal((await client.ask('apple')).from, 'callee')
  told.how = down
  assert.equal((await client.ask('apple')).from, 'stale')
  assert.equal(await code(client.ask('pear')), 'UNAVAILABLE')
})

test('streams pass breakers and limits, and hold their place until they end', async (t) => {
  const { stock, told } = await shop(t, { policies: { stock: { bulkhead: { concurrency: 1 }, breaker: { minimumCalls: 3 } } } })
  const read = async (): Promise<unknown> => {
    const values = []
    for await (const value of stock.watch('a')) values.push(value)
    return values
  }
  told.how = () => 5
  assert.deepEqual(await read(), [5])
  const open = stock.watch('a')[Symbol.asyncIterator]()
  await open.next()
  const refused: unknown = await read().catch((error: unknown) => error)
  assert.equal(refusedBy(refused), 'bulkhead')
  await open.return?.()
  assert.deepEqual(await read(), [5])
  told.how = down
  for (let i = 0; i < 5; i++) assert.equal(await code(read()), 'UNAVAILABLE')
  const open2: unknown = await read().catch((error: unknown) => error)
  assert.equal(refusedBy(open2), 'breaker')
})
