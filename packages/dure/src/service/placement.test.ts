import assert from 'node:assert/strict'
import { test } from 'node:test'
import { command, contract, type AnyContract } from '../contract/contract.ts'
import { database } from '../data/data.ts'
import { groupsOf, parseReplicas, service, system, type Door, type Placement, type Service } from './service.ts'

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

test('threads: each service in one, or those that are named; doors and all others in the main one, last', () => {
  const shown = (placement: Placement, doors: readonly Door[] = []): readonly string[] =>
    groupsOf(system('shop', { services: [mail, orders, stock], doors, placement })).map(({ name, runsIn }) => `${name} ${runsIn}`)
  const each = ['broker thread', 'stock thread', 'orders thread', 'mail thread']
  assert.deepEqual(shown('threads', [door]), [...each, 'doors main'])
  assert.deepEqual(shown('threads'), each)
  assert.deepEqual(shown({ threads: [['mail']] }, [door]), ['broker thread', 'mail thread', 'orders+stock+doors main'])
  assert.deepEqual(shown({ threads: [['orders', 'broker'], ['mail']] }), ['orders+broker thread', 'mail thread', 'stock main'])
  assert.deepEqual(shown('each', [door]).at(-1), 'doors process')
  const copies = (placement: Placement, count: Record<string, number>): unknown =>
    groupsOf(system('shop', { services: [orders, stock], doors: [door], placement }), count).map((group) => group.copies)
  assert.deepEqual(copies('threads', { orders: 2 }), [1, 1, 2, 1])
  assert.throws(() => copies({ threads: [['stock']] }, { orders: 2 }), /"orders\+doors" cannot have 2 copies: it runs the doors/)
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
    [[], /write 'together', 'each', 'threads', groups/],
    ['apart', /"apart"; write 'together'/],
    [{ ghost: { replicas: 2 } }, /names "ghost", which is not in the system/],
    ...[0, 65, 1.5, Number.NaN, '3'].map((count): [unknown, RegExp] => [
      { mail: { replicas: count } },
      /gives "mail" \S+ copies; give a whole number from 1 to 64/,
    ]),
    [{ mail: 3 }, /write 'together', 'each', 'threads', groups/],
    [[['mail', 7]], /write 'together'/],
    [{ threads: [] }, /write 'together'/],
    [{ threads: 'mail' }, /write 'together'/],
    [{ threads: [['mail', 'ghost']] }, /names "ghost", which is not in the system/],
    [{ threads: [['mail'], ['mail'], []] }, /has an empty group; remove it.*names "mail" 2 times/s],
    [{ threads: [['mail', 'doors']] }, /has "doors" in a thread, and they are in the main one/],
  ]
  for (const [placement, expected] of cases) assert.throws(() => names(placement as Placement), expected)
})

test('copies: as the placement says, or whoever starts it; of a service without a store alone', () => {
  const kept = service(contract('kept', { version: '1.0.0', owner: 'tests', operations: { go: command({}) } }), {
    database: database({ migrations: { '001': 'CREATE TABLE t (id INTEGER)' } }),
    handlers: { go: () => undefined },
  }) as Service
  const shop = system('shop', { services: [orders, stock, kept], doors: [door], placement: { stock: { replicas: 3 } } })
  const copies = (replicas?: Record<string, number>, of = shop): unknown =>
    Object.fromEntries(groupsOf(of, replicas).map((group) => [group.name, group.copies]))
  assert.deepEqual(copies(), { broker: 1, stock: 3, orders: 1, kept: 1, doors: 1 })
  assert.deepEqual(copies({ stock: 1, orders: 2 }), { broker: 1, stock: 1, orders: 2, kept: 1, doors: 1 })
  assert.throws(
    () => copies({ kept: 2 }),
    /Cannot split system "shop": "kept" cannot have 2 copies: the store of "kept" is exclusive: .*or run one copy/,
  )
  assert.throws(() => copies({ ghost: 2 }), /names "ghost", which is not in the system; its services are orders, stock, kept/)
  assert.throws(() => copies({ stock: 65 }), /gives "stock" 65 copies; give a whole number from 1 to 64/)
  // What the store says decides, and nothing else of it.
  const shared = Object.assign(() => Promise.reject(new Error('Nobody opens it')), { sharing: 'shared' as const })
  const sharing = system('shop', { services: [orders, stock, kept], database: shared })
  assert.deepEqual(copies({ kept: 2 }, sharing), { broker: 1, stock: 1, orders: 1, kept: 2 })
  // A process with the broker in it has no second.
  const grouped = system('shop', { services: [orders, stock], placement: [['stock'], ['orders']] })
  assert.throws(() => copies({ stock: 2 }, grouped), /"broker\+stock" cannot have 2 copies: it runs the broker/)
  assert.deepEqual(copies({ orders: 2 }, grouped), { 'broker+stock': 1, orders: 2 })
})

test('copies on a command line', () => {
  assert.deepEqual(parseReplicas('orders=3,stock=64'), { orders: 3, stock: 64 })
  for (const text of ['', 'orders', 'orders=', 'orders=0', 'orders=65', 'orders=1.5', 'orders=3,', 'orders=3;stock=2']) {
    assert.throws(() => parseReplicas(text), /is not SERVICE=COPIES, with whole numbers from 1 to 64/, text)
  }
})

test('a service may not be called what a part of a split system is called', () => {
  const broker = named('broker')
  assert.throws(() => system('shop', { services: [broker], placement: 'each' }), /named "broker".*rename its contract/)
  const whole = system('shop', { services: [broker] })
  assert.throws(() => groupsOf(whole), /Cannot split system "shop": A service is named "broker"/)
})
