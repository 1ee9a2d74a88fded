import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CallContext } from './context.ts'
import type { Endpoint } from './endpoint.ts'
import { createJoinedTransport } from './joined.ts'
import { createLocalTransport } from './local.ts'
import type { Route, Target } from './transport.ts'

const route = (from: string): Route => ({
  call: async () => from,
  stream: () => ({
    async *[Symbol.asyncIterator]() {
      yield from
    },
  }),
})
const context = {} as CallContext

test('a call takes the local way while its service runs here, and the remote one otherwise', async () => {
  const local = createLocalTransport()
  const looked: string[] = []
  const remote = {
    route: (target: Target) => {
      looked.push(`${target.service}.${target.operation} ${String(target.repeatable)}`)
      return route('far')
    },
  }
  const joined = createJoinedTransport({ local, remote })
  const target = { service: 'orders', operation: 'find', repeatable: true }
  const add = (): void => local.add(target, route('near') as Endpoint)
  add()
  const find = joined.route(target)
  const first = async (): Promise<unknown> => {
    for await (const value of find.stream('in', context)) return value
    return undefined
  }
  assert.deepEqual([await find.call('in', context), await first(), find.local], ['near', 'near', true])
  assert.deepEqual(looked, [], 'what runs here is not looked for elsewhere')
  local.remove('orders')
  assert.deepEqual([await find.call('in', context), await first(), find.local], ['far', 'far', false])
  add()
  assert.deepEqual([await find.call('in', context), await first()], ['near', 'near'])
  assert.deepEqual(looked, ['orders.find true'])
})

test('what a service of this process does not have is told apart from a service that is not here', async () => {
  const local = createLocalTransport()
  const later = local.route({ service: 'orders', operation: 'later' })
  await assert.rejects(later.call('in', context), { code: 'UNAVAILABLE', message: /no service "orders" runs here/ })
  local.add({ service: 'orders', operation: 'find' }, route('near') as Endpoint)
  await assert.rejects(later.call('in', context), { code: 'UNIMPLEMENTED', details: { begun: false } })
})
