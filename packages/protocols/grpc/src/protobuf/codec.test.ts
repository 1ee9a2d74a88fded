import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contract, query, type AnyContract } from 'dure/contract'
import { drawNumbers } from 'dure/contract/internal'
import fc from 'fast-check'
import protobufjs from 'protobufjs'
import { z } from 'zod'
import { createCodecs, type Codec } from './codec.ts'
import { protoDocument } from './document.ts'
import { packageOf } from './package.ts'

function numbered(output: z.ZodType): AnyContract {
  const options = { version: '1.0.0', owner: 'tests', operations: { get: query({ output }) } }
  return contract('shop', { ...options, numbers: drawNumbers(contract('shop', options)) })
}

/** The codec of what an operation answers, and the same message as protobufjs reads it from our document. */
function codecOf(output: z.ZodType): Codec & { readonly theirs: protobufjs.Type; readonly text: string } {
  const given = numbered(output)
  const { text } = protoDocument(given)
  const { response } = packageOf(given).methods[0]!
  const root = new protobufjs.Root()
  protobufjs.parse(text, root, { keepCase: true })
  for (const file of ['struct', 'timestamp', 'empty'])
    root.addJSON(protobufjs.common.get(`google/protobuf/${file}.proto`)!.nested!)
  const name = response.imported === undefined ? `shop.v1.${response.name}` : response.name
  return { ...createCodecs()(response), theirs: root.lookupType(name), text }
}

type Both = { readonly schema: z.ZodType; readonly value: fc.Arbitrary<unknown> }
const key = fc.constantFrom('a', 'fooBar', 'foo_bar', 'A', '한글', 'x y')
const safe = fc.maxSafeInteger().map((value) => (Object.is(value, -0) ? 0 : value))
const leaf = fc.constantFrom<Both>(
  { schema: z.string(), value: fc.string({ unit: 'grapheme' }) },
  { schema: z.int(), value: safe },
  { schema: z.int32(), value: fc.integer() },
  { schema: z.number(), value: fc.double({ noNaN: true, noDefaultInfinity: true }) },
  { schema: z.boolean(), value: fc.boolean() },
  {
    schema: z.date(),
    value: fc.date({ min: new Date(-62_135_596_800_000), max: new Date(253_402_300_799_999), noInvalidDate: true }),
  },
  { schema: z.bigint(), value: fc.bigInt() },
  { schema: z.instanceof(Uint8Array), value: fc.uint8Array() },
  { schema: z.enum(['small', 'Large', 'x-l']), value: fc.constantFrom('small', 'Large', 'x-l') },
  { schema: z.null(), value: fc.constant(null) },
  { schema: z.unknown(), value: fc.jsonValue({ maxDepth: 4, noNullPrototype: true } as never) },
)
const { both } = fc.letrec<{ both: Both }>((tie) => ({
  both: fc.oneof(
    { maxDepth: 4 },
    leaf,
    fc.dictionary(key, fc.tuple(tie('both'), fc.boolean()), { minKeys: 1 }).map((fields): Both => {
      const shape = Object.entries(fields).map(([name, [{ schema }, optional]]) => [name, optional ? schema.optional() : schema])
      const required = Object.entries(fields).flatMap(([name, [{ schema }, optional]]) =>
        optional || schema instanceof z.ZodUnknown ? [] : [name],
      )
      const values = Object.fromEntries(Object.entries(fields).map(([name, [{ value }]]) => [name, value]))
      return {
        schema: z.object(Object.fromEntries(shape) as Record<string, z.ZodType>),
        value: fc.record(values, { requiredKeys: required, noNullPrototype: true }),
      }
    }),
    tie('both').map(({ schema, value }) => ({ schema: z.array(schema), value: fc.array(value, { maxLength: 4 }) })),
    tie('both').map(({ schema, value }) => ({ schema: schema.nullable(), value: fc.option(value) })),
    tie('both').map(({ schema, value }) => ({
      schema: z.record(z.string(), schema),
      value: fc.dictionary(fc.string(), value, { maxKeys: 3, noNullPrototype: true }),
    })),
    fc.tuple(leaf, tie('both')).map(([k, v]) => ({
      schema: z.map(k.schema, v.schema),
      value: fc.array(fc.tuple(k.value, v.value), { maxLength: 3 }).map((pairs) => new Map(pairs)),
    })),
    fc
      .tuple(tie('both'), tie('both'))
      .map(([a, b]) => ({ schema: z.tuple([a.schema, b.schema]), value: fc.tuple(a.value, b.value) })),
    fc.tuple(tie('both'), tie('both')).map(([a, b]) => ({
      schema: z.discriminatedUnion('kind', [
        z.object({ kind: z.literal('one'), a: a.schema }),
        z.object({ kind: z.literal('other'), b: b.schema }),
      ]),
      value: fc.oneof(
        fc.record({ kind: fc.constant('one'), a: a.value }, { noNullPrototype: true }),
        fc.record({ kind: fc.constant('other'), b: b.value }, { noNullPrototype: true }),
      ),
    })),
  ),
}))

test('whatever a contract says, a value comes back as it was, and protobufjs can read it', () => {
  fc.assert(
    fc.property(
      both.chain(({ schema, value }) => fc.tuple(fc.constant(schema), fc.array(value, { minLength: 1, maxLength: 3 }))),
      ([schema, values]) => {
        const { encode, decode, theirs } = codecOf(schema)
        for (const value of values) {
          const bytes = encode(value)
          assert.deepEqual(decode(bytes), value)
          // What they read and write again means the same to us.
          assert.deepEqual(decode(theirs.encode(theirs.decode(bytes)).finish()), value)
        }
      },
    ),
    { numRuns: 60 },
  )
})
