import assert from 'node:assert/strict'
import { test } from 'node:test'
import { command, contract, type AnyContract } from '../contract/contract.ts'
import { groupsOf, service, system, type Door, type Placement, type Service } from './service.ts'

function named(name: string, ...needs: readonly AnyContract[]): Service {
  const own = contract(name, { version: '1.0.0', owner: 'tests', operations: { go: command({}) } })
  return service(own, {
    needs: Object.fromEntries(needs.map((need) => [need.name, need])),
    handlers: { go: () => undefined },
  }) as Service
}

const stock = named('stock')
const orders = named('orders', stock.contract)
const mail = named('mail', orders.contract)
const door: Door = { name: 'door', open: async () => ({ url: undefined, close: async () => {} }) }
const names = (placement: Placement | undefined, doors: readonly Door[] = []): readonly string[] =>
  groupsOf(system('shop', { services: [mail, orders, stock], doors, ...(placement === undefined ? {} : { placement }) })).map(
    ({ name }) => name,
  )

test('alone, each: the broker first, whoever is needed before who needs it, doors last', () => {
  assert.deepEqual(names('each', [door]), ['broker', 'stock', 'orders', 'mail', 'doors'])
  assert.deepEqual(names('each'), ['broker', 'stock', 'orders', 'mail'])
  assert.deepEqual(names(undefined, [door]), ['broker', 'stock', 'orders', 'mail', 'doors'])
})

test('groups: what is not said has a place all the same', () => {
  assert.deepEqual(names([['mail'], ['orders', 'stock']], [door]), ['broker+mail', 'orders+stock', 'doors'])
  assert.deepEqual(names([['mail', 'doors'], ['stock'], ['orders', 'broker']], [door]), ['orders+broker', 'stock', 'mail+doors'])
  assert.deepEqual(names([['mail', 'orders', 'stock', 'broker', 'doors']], [door]), ['mail+orders+stock+broker+doors'])
})

test('a placement that cannot be is refused with all that is wrong with it', () => {
  const cases: [unknown, RegExp][] = [
    [[['mail', 'orders']], /Cannot put system "shop" together: .*leaves "stock" out/],
    [[['mail', 'orders', 'stock', 'ghost']], /names "ghost", which is not in the system; its services are mail, orders, stock/],
    [
      [
        ['mail', 'orders'],
        ['stock', 'mail'],
      ],
      /names "mail" 2 times/,
    ],
    [[['mail', 'orders', 'stock'], []], /empty group/],
    [[], /write 'together', 'each', or groups/],
    ['apart', /"apart"; write 'together'/],
    [[['mail', 7]], /write 'together'/],
  ]
  for (const [placement, expected] of cases) assert.throws(() => names(placement as Placement), expected)
})

test('a service may not be called what a part of a split system is called', () => {
  const broker = named('broker')
  assert.throws(() => system('shop', { services: [broker], placement: 'each' }), /named "broker".*rename its contract/)
  const whole = system('shop', { services: [broker] })
  assert.throws(() => groupsOf(whole), /Cannot split system "shop": A service is named "broker"/)
})
