/** Contracts and values of them that chance makes. */
import fc from 'fast-check'
import { contract, query } from 'dure/contract'
import { z } from 'zod'

export type Made = { readonly schema: z.ZodType; readonly value: fc.Arbitrary<unknown> }

/** Text that XML can hold. */
export const text: fc.Arbitrary<string> = fc
  .string({
    unit: fc.oneof(
      fc.constantFrom('a', 'Z', ' ', '<', '&', '"', ']]>', '\n', '\r', '\t', '가', '😀'),
      fc.string({ maxLength: 1 }),
    ),
  })
  // oxlint-disable-next-line no-control-regex
  .map((made) => made.toWellFormed().replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '?'))

const FIELDS = ['a', 'b', 'item', 'class', 'two words', '3rd', '__hidden', 'xml', 'äöü', 'key'] as const
const date = fc.date({ noInvalidDate: true })
const scalars: readonly Made[] = [
  { schema: z.string(), value: text },
  { schema: z.boolean(), value: fc.boolean() },
  { schema: z.int32(), value: fc.integer() },
  { schema: z.int(), value: fc.maxSafeInteger() },
  { schema: z.number(), value: fc.double({ noNaN: true, noDefaultInfinity: true }) },
  { schema: z.date(), value: date },
  { schema: z.bigint(), value: fc.bigInt({ min: -(10n ** 22n), max: 10n ** 22n }) },
  { schema: z.instanceof(Uint8Array), value: fc.uint8Array() },
  { schema: z.enum(['one', ' two ', '<&>']), value: fc.constantFrom('one', ' two ', '<&>') },
  {
    schema: z.unknown(),
    value: fc.anything({
      withDate: true,
      withBigInt: true,
      withMap: true,
      withSet: true,
      key: text,
      values: [text, fc.integer(), fc.boolean(), fc.constant(null)],
    }),
  },
]

/** Of fields: a key that has to be there, whose value may be undefined. One that may be absent as well is read as absent. */
const undefinable: Made = { schema: z.union([z.string(), z.undefined()]), value: fc.option(text, { nil: undefined }) }

const few = { maxLength: 3 }
const PLAIN = { noNullPrototype: true }

export const made: fc.Arbitrary<Made> = fc.letrec<{ made: Made }>((tie) => {
  const inner = tie('made')
  const of = <T>(from: fc.Arbitrary<T>, make: (given: T) => Made): fc.Arbitrary<Made> => from.map(make)
  return {
    made: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom(...scalars),
      of(inner, ({ schema, value }) => ({ schema: z.array(schema), value: fc.array(value, few) })),
      of(inner, ({ schema, value }) => ({ schema: schema.nullable(), value: fc.option(value) })),
      of(fc.constantFrom(...scalars.slice(0, 4)), ({ schema, value }) => ({
        schema: z.set(schema),
        value: fc.array(value, few).map((all) => new Set(all)),
      })),
      of(inner, ({ schema, value }) => ({
        schema: z.record(z.string(), schema),
        value: fc.dictionary(
          text.filter((key) => key !== '__proto__'),
          value,
          { maxKeys: 3, noNullPrototype: true },
        ),
      })),
      of(fc.tuple(fc.constantFrom(...scalars.slice(0, 4)), inner), ([key, one]) => ({
        schema: z.map(key.schema, one.schema),
        value: fc.array(fc.tuple(key.value, one.value), few).map((all) => new Map(all)),
      })),
      of(fc.tuple(inner, inner), ([one, other]) => ({
        schema: z.tuple([one.schema, other.schema]),
        value: fc.tuple(one.value, other.value),
      })),
      of(fc.tuple(inner, inner), ([one, other]) => ({
        schema: z.discriminatedUnion('kind', [
          z.object({ kind: z.literal('one'), value: one.schema }),
          z.object({ kind: z.literal('other'), value: other.schema }),
        ]),
        value: fc.oneof(
          fc.record({ kind: fc.constant('one'), value: one.value }, PLAIN),
          fc.record({ kind: fc.constant('other'), value: other.value }, PLAIN),
        ),
      })),
      of(
        fc.uniqueArray(
          fc.tuple(
            fc.constantFrom(...FIELDS),
            fc.oneof({ weight: 9, arbitrary: inner }, { weight: 1, arbitrary: fc.constant(undefinable) }),
            fc.boolean(),
          ),
          { maxLength: 4, selector: ([name]) => name },
        ),
        (fields) => objectOf(fields.map(([name, one, optional]) => [name, one, optional && one !== undefinable])),
      ),
    ),
  }
}).made

function objectOf(fields: readonly (readonly [string, Made, boolean])[]): Made {
  const schema = z.object(
    Object.fromEntries(fields.map(([name, one, optional]) => [name, optional ? one.schema.optional() : one.schema])),
  )
  const value = fc.record(Object.fromEntries(fields.map(([name, one]) => [name, one.value])), {
    noNullPrototype: true,
    requiredKeys: fields.flatMap(([name, , optional]) => (optional ? [] : [name])),
  })
  return { schema, value }
}

/** A contract that takes such a value as a field, and answers with it. */
export function contractOf({ schema }: Made) {
  return contract('made', {
    ...{ version: '1.0.0', owner: 'tests' },
    operations: { echo: query({ input: z.object({ value: schema }), output: schema }) },
  })
}
