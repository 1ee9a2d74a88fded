import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { z } from 'zod'
import {
  compareContracts,
  contract,
  ContractError,
  describeContract,
  error,
  query,
  versionTrouble,
  type AnyContract,
  type FieldNumbers,
} from './contract.ts'
import { drawNumbers, numbersOf, retiredOf } from './numbers.ts'
import { typesOf } from './types-of.ts'

function ordersOf(fields: readonly string[], numbers?: FieldNumbers, version = '1.0.0'): AnyContract {
  const Order = z.object(Object.fromEntries(fields.map((name) => [name, z.string()]))).meta({ id: 'Order' })
  const operations = { get: query({ output: Order, errors: { Gone: error('GONE') } }) }
  return contract('orders', { version, owner: 'tests', operations, ...(numbers && { numbers }) })
}

test('a name that is new gets a number that nothing had before, wherever it stands', () => {
  const first = drawNumbers(ordersOf(['id', 'note']))
  assert.deepEqual(first, { Order: { id: 1, note: 2 }, 'get errors': { GONE: 1 } })
  const second = drawNumbers(ordersOf(['added', 'id'], first))
  assert.deepEqual(second['Order'], { id: 1, note: 2, added: 3 })
  const after = ordersOf(['added', 'id'], second)
  assert.deepEqual(retiredOf(after, typesOf([after]), 'Order'), [['note', 2]])
  assert.equal(numbersOf(after)('Order', 'added'), 3)
})

test('values of enumerations and members of unions have numbers too', () => {
  const output = z.object({ size: z.enum(['small', 'large']), either: z.union([z.string(), z.bigint()]) })
  const numbers = drawNumbers(contract('shop', { version: '1.0.0', owner: 'tests', operations: { get: query({ output }) } }))
  assert.deepEqual(numbers, {
    ShopGetOutput: { size: 1, either: 2 },
    ShopGetOutputSize: { small: 1, large: 2 },
    ShopGetOutputEither: { String: 1, Bigint: 2 },
  })
})

test('what has no number is named, with what to do', () => {
  assert.throws(() => numbersOf(ordersOf(['id', 'note'], { Order: { id: 1 } })), {
    name: 'TypeError',
    message:
      'Cannot number the fields of contract "orders": "note" of "Order", "GONE" of "get errors" have no number. ' +
      'Write them with "dure docs --format numbers --out numbers.json", and give them to the contract: numbers: numbers.orders',
  })
})

test('a number that is no number, or is given twice, is refused where the contract is defined', () => {
  const wrong = (id: unknown) => (): unknown => ordersOf(['id'], { Order: { other: 4, id: id as number } })
  for (const [id, found] of [
    [0, /1 to 536870911/],
    [1.5, /no whole number/],
    ['1', /no whole number/],
    [19_500, /protobuf keeps/],
    [2 ** 29, /1 to 536870911/],
    [4, /which "other" has/],
  ] as const)
    assert.throws(wrong(id), (error) => error instanceof ContractError && found.test(error.problems[0]!.found))
})

test('compat refuses a number that is changed, dropped or given to another', () => {
  const kept = { Order: { id: 1, note: 2 }, 'get errors': { GONE: 1 } }
  const before = describeContract(ordersOf(['id', 'note'], kept))
  const troubleOf = (numbers: FieldNumbers | undefined): string[] => {
    const after = describeContract(ordersOf(['id', 'note'], numbers, '1.1.0'))
    const changes = compareContracts(before, after)
    assert.match(versionTrouble(before, after, changes) ?? '', /Version 1\.1\.0 breaks/)
    return changes.filter(({ level }) => level === 'breaking').map(({ where, message }) => `${where} ${message.split(':')[0]}`)
  }
  const gone = (name: string, was: number): string => `orders number of ${name} is gone (was ${was})`
  assert.deepEqual(troubleOf({ ...kept, Order: { id: 1, note: 3 } }), ['orders number of Order.note is 3 (was 2)'])
  assert.deepEqual(troubleOf({ ...kept, Order: { id: 1, other: 2 } }), [gone('Order.note', 2)])
  assert.deepEqual(troubleOf({ Order: kept.Order }), [gone('get errors.GONE', 1)])
  assert.deepEqual(troubleOf(undefined), ['orders numbers are gone'])
  const more = describeContract(ordersOf(['id', 'note', 'more'], { ...kept, Order: { id: 1, note: 2, more: 3 } }, '1.1.0'))
  assert.deepEqual(
    compareContracts(before, more).filter(({ where }) => where.includes('number')),
    [],
  )
})

test('however fields come and go, a number belongs to one name for ever', () => {
  const names = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), { minLength: 1 })
  fc.assert(
    fc.property(fc.array(names, { minLength: 1, maxLength: 8 }), (versions) => {
      const owner = new Map<number, string>()
      let numbers: FieldNumbers | undefined
      for (const fields of versions) {
        numbers = drawNumbers(ordersOf(fields, numbers))
        for (const [name, number] of Object.entries(numbers['Order']!)) {
          assert.equal(owner.get(number) ?? name, name)
          owner.set(number, name)
        }
        const of = numbersOf(ordersOf(fields, numbers))
        for (const name of fields) assert.equal(owner.get(of('Order', name)), name)
      }
    }),
  )
})
