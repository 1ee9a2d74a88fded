import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { z } from 'zod'
import { contract, query } from './contract.ts'
import { typesOf, type TypeRef, type TypeTable } from './types-of.ts'

function tableOf(outputs: Readonly<Record<string, z.ZodType>>): TypeTable {
  const operations = Object.fromEntries(Object.entries(outputs).map(([name, output]) => [name, query({ output })]))
  return typesOf([contract('orders', { version: '1.0.0', owner: 'tests', operations })])
}

const outputs = ({ operations }: TypeTable): readonly TypeRef[] => operations.map(({ output }) => output)
const named = (name: string): TypeRef => ({ kind: 'named', name, nullable: false })

test('a type that was given a name has it wherever it stands, and others are called by where they stand', () => {
  const Money = z.object({ amount: z.bigint() }).meta({ id: 'Money' })
  const { types, operations } = tableOf({ get: z.object({ price: Money, was: Money.nullable() }), all: z.array(Money) })
  assert.deepEqual([...types.keys()], ['Money', 'OrdersGetOutput'])
  const [get, all] = outputs({ types, operations })
  assert.deepEqual([get, all], [named('OrdersGetOutput'), { kind: 'list', items: named('Money'), nullable: false }])
})

test('types of one name that are unlike get numbers, and what refers to them follows', () => {
  const one = z.object({ inner: z.object({ a: z.string() }).meta({ id: 'Part' }) }).meta({ id: 'Whole' })
  const other = z.object({ inner: z.object({ a: z.bigint() }).meta({ id: 'PartB' }) }).meta({ id: 'WholeB' })
  const { types } = tableOf({ one, other })
  assert.deepEqual([...types.keys()], ['Part', 'Whole', 'PartB', 'WholeB'])
  const clash = typesOf(
    ['a', 'b'].map((name) => {
      const shape = z.object({ value: name === 'a' ? z.string() : z.bigint() }).meta({ id: `Same${name}` })
      const output = z.object({ same: shape, list: z.array(z.object({ own: shape })) })
      return contract('x', {
        version: '1.0.0',
        owner: 'tests',
        operations: { get: query({ output }) },
      })
    }),
  )
  assert.deepEqual(
    [...clash.types.keys()],
    ['Samea', 'XGetOutputListItem', 'XGetOutput', 'Sameb', 'XGetOutputListItem2', 'XGetOutput2'],
  )
  const second = clash.types.get('XGetOutput2')!
  assert.ok(second.kind === 'object' && JSON.stringify(second.fields).includes('XGetOutputListItem2'))
})

test('a type may contain itself', () => {
  const Tree = z.object({
    name: z.string(),
    get kids() {
      return z.array(Tree)
    },
  })
  const { types } = tableOf({ tree: Tree })
  const [tree] = types.values()
  assert.ok(tree?.kind === 'object')
  assert.deepEqual(tree.fields[1]?.type, { kind: 'list', items: named(tree.name), nullable: false })
})

test('a union says what tells its members apart', () => {
  const Paid = z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('card'), number: z.string() }),
    z.object({ kind: z.literal('cash') }),
  ])
  const { types } = tableOf({ paid: Paid, either: z.union([z.string(), z.literal(1), z.number()]) })
  const paid = types.get('OrdersPaidOutput')
  assert.ok(paid?.kind === 'union')
  assert.deepEqual(
    paid.members.map(({ name, tells }) => [name, tells]),
    [
      ['Card', { field: 'kind', value: 'card' }],
      ['Cash', { field: 'kind', value: 'cash' }],
    ],
  )
  const either = types.get('OrdersEitherOutput')
  assert.deepEqual(either?.kind === 'union' && either.members.map(({ name }) => name), ['String', 'Number'])
})

test('every type that is referred to is in the table, under one name', () => {
  const leaf = fc.constantFrom(
    z.string(),
    z.int(),
    z.int32(),
    z.number(),
    z.boolean(),
    z.date(),
    z.bigint(),
    z.unknown(),
    z.enum(['a', 'b']),
  )
  const name = fc.constantFrom('a', 'b', 'c')
  const { schema } = fc.letrec<{ schema: z.ZodType }>((tie) => ({
    schema: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc.dictionary(name, tie('schema'), { minKeys: 1 }).map((fields) => z.object(fields)),
      tie('schema').map((item) => z.array(item)),
      tie('schema').map((item) => z.nullable(item)),
      fc.tuple(tie('schema'), tie('schema')).map((both) => z.union(both)),
      fc.tuple(tie('schema'), tie('schema')).map((both) => z.tuple(both)),
    ),
  }))
  fc.assert(
    fc.property(fc.array(schema, { minLength: 1, maxLength: 3 }), (all) => {
      const table = tableOf(Object.fromEntries(all.map((one, at) => [`op${at}`, one])))
      const seen = new Set<string>()
      const walk = (ref: TypeRef): void => {
        if (ref.kind === 'list' || ref.kind === 'set') return walk(ref.items)
        if (ref.kind === 'map' || ref.kind === 'record') return walk(ref.value)
        if (ref.kind !== 'named' || seen.has(ref.name)) return
        seen.add(ref.name)
        const type = table.types.get(ref.name)
        assert.equal(type?.name, ref.name)
        if (type.kind === 'union') type.members.forEach((one) => walk(one.type))
        else if (type.kind !== 'enum') type.fields.forEach((one) => walk(one.type))
      }
      outputs(table).forEach(walk)
      // And nothing that nobody refers to.
      assert.deepEqual([...table.types.keys()].toSorted(), [...seen].toSorted())
    }),
  )
})

test('a key that has to be there and may be undefined is told from one that may be absent', () => {
  const { types } = tableOf({
    get: z.object({ any: z.unknown(), text: z.union([z.string(), z.undefined()]), own: z.string().optional() }),
  })
  const [type] = types.values()
  assert.ok(type?.kind === 'object')
  assert.deepEqual(
    type.fields.map(({ name, optional, undefinable }) => [name, optional, undefinable]),
    [
      ['any', true, true],
      ['text', true, true],
      ['own', true, undefined],
    ],
  )
})
