import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { contract, query } from './contract.ts'
import { identifiersFor } from './identifiers.ts'
import { memberFinder } from './members.ts'
import { typesOf, type NamedType } from './types-of.ts'

function memberOf(schema: z.ZodType, value: unknown): string | undefined {
  const Unions = contract('unions', { version: '1.0.0', owner: 'tests', operations: { one: query({ output: schema }) } })
  const table = typesOf([Unions])
  const { name } = table.operations[0]!.output as { readonly name: string }
  const { members } = table.types.get(name) as NamedType & { readonly kind: 'union' }
  return memberFinder(table)(members, value)?.name
}

test('a member is found by what tells it, by its kind, and by all of its fields before some of them', () => {
  const told = z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('card'), number: z.string() }),
    z.object({ kind: z.literal('cash') }),
  ])
  assert.equal(memberOf(told, { kind: 'cash', number: '1' }), 'Cash')
  const kinds = z.union([z.string(), z.date(), z.array(z.int()), z.map(z.string(), z.int())])
  assert.deepEqual(
    ['a', new Date(), [1], new Map([['a', 1]]), [1.5], null].map((value) => memberOf(kinds, value)),
    ['String', 'Date', 'Array', 'Map', undefined, undefined],
  )
  const wider = z.union([z.strictObject({ a: z.int() }), z.strictObject({ a: z.int(), b: z.int().optional(), c: z.null() })])
  assert.equal(memberOf(wider, { a: 1 }), 'Option1')
  assert.equal(memberOf(wider, { a: 1, b: 2, c: null }), 'Option2')
  assert.equal(memberOf(wider, { b: 2 }), undefined)
})

test('words become names that are unlike, and those of a language give way', () => {
  const words = ['plain', 'de-light', 'de_light', '2nd', '', '__proto__', 'delete', 'true']
  const names = identifiersFor(words, new Set(['delete', 'true']))
  assert.deepEqual([...names.values()], ['plain', 'de_light', 'delete_', 'true_', 'de_light_2', '_2nd', '_', 'proto__'])
})
