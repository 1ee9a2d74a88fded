import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { CallError, contract, DeclaredError, query, stream } from 'dure/contract'
import { service, system } from 'dure/service'
import { z } from 'zod'
import { Customers, Orders, run, sample, shop } from './shop.test-support.ts'
import { thrift, thriftHandlers, type ThriftHandlersOptions } from './thrift.ts'

/** The same contracts in a system of their own, whose handlers ask the other one over Thrift. */
async function translated(t: TestContext, options: ThriftHandlersOptions) {
  const { operations, ...rest } = Orders
  const { watch: _, ...calls } = operations
  const Calls = { ...rest, operations: calls } as Omit<typeof Orders, 'operations'> & { operations: typeof calls }
  const one = service(Calls, { handlers: thriftHandlers(Calls, options) })
  const other = service(Customers, { handlers: thriftHandlers(Customers, { ...options, oneway: [], multiplexed: true }) })
  const running = await run(t, system('translated', { services: [one, other], security: 'off' }))
  return { orders: running.client(Calls), customers: running.client(Customers) }
}

for (const protocol of ['binary', 'compact'] as const)
  test(`values of every kind go in and come out as they are (${protocol})`, async (t) => {
    const { address } = await shop(t)
    const { orders, customers } = await translated(t, { address, protocol, multiplexed: true })
    assert.deepEqual(await orders.echo(sample()), sample())
    const { note: _, bytes: __, ...less } = { ...sample(), payment: { kind: 'card' as const, number: '1' }, either: 'text' }
    assert.deepEqual(await orders.echo(less), less)
    assert.deepEqual([await orders.find({ id: 'none' }), await orders.find({ id: '1' })], [null, '1'])
    assert.deepEqual([await orders.ping(), await customers.ping()], [true, false])
    assert.deepEqual(await customers.budget({ id: '1' }), { amount: 5n, currency: 'USD' })
  })

test('declared errors keep code and data, internal ones their secrets, and a deadline is one', async (t) => {
  const { address } = await shop(t)
  const { orders } = await translated(t, { address, multiplexed: true })
  await assert.rejects(orders.fail({ how: 'sold out' }), (error: unknown) => {
    assert.ok(error instanceof DeclaredError)
    assert.deepEqual([error.code, error.data], ['SOLD_OUT', { left: 2, since: new Date(0) }])
    return true
  })
  await assert.rejects(orders.fail({ how: 'broken' }), (error: unknown) => {
    assert.ok(error instanceof CallError)
    return error.code === 'INTERNAL' && !error.message.includes('1234')
  })
  await assert.rejects(orders.fail({ how: 'slow' }, { timeout: 50 }), { code: 'DEADLINE_EXCEEDED' })
  assert.equal(await orders.ping(), true)
})

test('a command is oneway where its caller says so', async (t) => {
  const { address, deleted } = await shop(t)
  const { orders } = await translated(t, { address, oneway: ['orders.delete'], multiplexed: true })
  await orders.delete({ id: '7' })
  // On the same connection, what follows is served after it has begun.
  await orders.ping()
  while (deleted.length === 0) await orders.ping()
  assert.deepEqual(deleted, ['7'])
})

test('what cannot be said in Thrift is refused when the door is made, with the remedy', async (t) => {
  const Bare = contract('bare', {
    version: '1.0.0',
    owner: 'tests',
    operations: { one: query({ input: z.object({ id: z.string() }), output: z.string() }) },
  })
  const bare = service(Bare, { handlers: { one: ({ id }) => id } })
  await assert.rejects(run(t, system('bare', { services: [bare], doors: [thrift({ port: 0 })], security: 'off' })), (error) => {
    assert.match(
      String((error as Error).message),
      /contract "bare": "id" of "BareOneInput" has no number.*dure docs --format numbers/,
    )
    return true
  })
  const Watched = contract('watched', {
    version: '1.0.0',
    owner: 'tests',
    operations: { all: stream({ output: z.string() }) },
  })
  assert.throws(
    () => thriftHandlers(Watched, { address: { kind: 'tcp', host: '127.0.0.1', port: 1 } }),
    /"all" would be a stream/,
  )
})
