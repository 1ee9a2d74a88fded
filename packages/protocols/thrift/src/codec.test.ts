import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { contract, query } from 'dure/contract'
import { drawNumbers } from 'dure/contract/internal'
import { z } from 'zod'
import { codecsOf } from './codec.ts'
import { modelOf } from './model.ts'
import { Every, sample } from './shop.test-support.ts'
import { BinaryReader, BinaryWriter, CompactReader, CompactWriter, Malformed, Misfit } from './wire/wire.ts'

const PROTOCOLS = { binary: [BinaryWriter, BinaryReader], compact: [CompactWriter, CompactReader] } as const
type Protocol = keyof typeof PROTOCOLS

function codecOf(schema: z.ZodType) {
  const Bare = contract('values', { version: '1.0.0', owner: 'tests', operations: { one: query({ output: schema }) } })
  const model = modelOf([{ ...Bare, numbers: drawNumbers(Bare) }])
  const codec = codecsOf(model).of(model.services[0]!.methods[0]!.output!)
  return (protocol: Protocol) => {
    const [Writer, Reader] = PROTOCOLS[protocol]
    const writer = new Writer(16 * 1024 * 1024)
    return {
      write: (value: unknown): Buffer => {
        writer.frame()
        codec.write(writer, value)
        return writer.framed().subarray(4)
      },
      read: (bytes: Buffer): unknown => codec.read(new Reader(bytes)),
    }
  }
}

const text = fc.string({ unit: 'grapheme', maxLength: 40 })
const plain = { noNullPrototype: true } as const
const money = fc.record({ amount: fc.bigInt(), currency: fc.constantFrom('KRW', 'USD') }, plain)
const moment = fc.date({ noInvalidDate: true })
const unlike = <T>(of: fc.Arbitrary<T>) => fc.uniqueArray(of, { maxLength: 4 })
const every = fc.record(
  {
    price: money,
    payment: fc.oneof(
      fc.record({ kind: fc.constant('card'), number: text }, plain),
      fc.record({ kind: fc.constant('cash'), at: fc.option(moment) }, plain),
    ),
    either: fc.oneof(text, fc.double(), money),
    whole: fc.maxSafeInteger().map((n) => n + 0),
    small: fc.integer(),
    share: fc.double(),
    yes: fc.boolean(),
    at: moment,
    bytes: fc.uint8Array(),
    tags: unlike(text).map((items) => new Set(items)),
    sizes: fc.array(fc.record({ size: fc.maxSafeInteger() }, plain), { maxLength: 4 }).map((items) => new Set(items)),
    byName: unlike(text).map((keys) => new Map(keys.map((key) => [key, { amount: 1n, currency: 'USD' }]))),
    byMoney: fc.array(fc.tuple(money, fc.boolean()), { maxLength: 20 }).map((entries) => new Map(entries)),
    counts: fc.dictionary(text, fc.array(fc.dictionary(text, fc.double(), plain), { maxLength: 3 }), plain),
    place: fc.tuple(fc.double(), text),
    note: fc.option(text),
    nothing: fc.option(text),
    holes: fc.array(fc.option(text), { maxLength: 20 }),
    any: fc.jsonValue(),
  },
  {
    ...plain,
    requiredKeys: [
      ...(['price', 'payment', 'either', 'whole', 'small', 'share', 'yes', 'at', 'tags', 'sizes', 'byName', 'byMoney'] as const),
      ...(['counts', 'place', 'nothing', 'holes', 'any'] as const),
    ],
  },
)

const codecs = codecOf(Every)

for (const protocol of ['binary', 'compact'] as const) {
  test(`whatever a contract allows comes back as it was (${protocol})`, () => {
    const { write, read } = codecs(protocol)
    fc.assert(
      fc.property(every, (value) => {
        assert.deepEqual(read(write(value)), value)
      }),
      { numRuns: 300 },
    )
  })

  test(`bytes that are cut or changed are refused or read, and no more than that (${protocol})`, () => {
    const { write, read } = codecs(protocol)
    const whole = write(sample())
    for (let size = 0; size < whole.length; size++)
      assert.throws(() => read(whole.subarray(0, size)), Malformed, `of ${whole.length} bytes only ${size}`)
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }), (changes) => {
        const bytes = Buffer.from(whole)
        for (const [at, byte] of changes) bytes[at] = byte
        try {
          read(bytes)
        } catch (error) {
          assert.ok(error instanceof Malformed, String(error))
        }
      }),
      { numRuns: 2_000 },
    )
  })

  test(`sizes and depths that are too much are refused before anything is made of them (${protocol})`, () => {
    const List = z.array(z.array(z.string()))
    const { read } = codecOf(List)(protocol)
    const sizes = protocol === 'binary' ? ['0f7fffffff', '0fffffffff', '0b00000002'] : ['f9ffffffff0f', 'f9ffffffff7f', '29']
    for (const hex of sizes) assert.throws(() => read(Buffer.from(hex, 'hex')), Malformed, hex)
    type Tree = { readonly under?: Tree | undefined }
    const Tree: z.ZodType<Tree> = z.lazy(() => z.object({ under: Tree.optional() })).meta({ id: 'Tree' })
    const tree = codecOf(Tree)(protocol)
    const deep = (levels: number): Tree => (levels === 0 ? {} : { under: deep(levels - 1) })
    assert.deepEqual(tree.read(tree.write(deep(200))), deep(200))
    assert.throws(() => tree.read(tree.write(deep(2_000))), /nested more than/)
    // The same where nobody knows the field.
    const unknown = codecOf(z.object({ other: z.string().optional() }))(protocol)
    assert.throws(() => unknown.read(Buffer.from(tree.write(deep(2_000)).map((byte) => (byte === 1 ? 9 : byte)))), Malformed)
  })
}

test('a value that Thrift has no bytes for is found before any is sent', () => {
  const { write } = codecOf(z.object({ text: z.string(), whole: z.int(), at: z.date() }))('binary')
  const right = { text: 'a', whole: 1, at: new Date(0) }
  for (const [wrong, words] of [
    [{ text: '\ud800' }, /lone surrogate/],
    [{ whole: 1.5 }, /integer of 53 bits/],
    [{ at: new Date(Number.NaN) }, /a date should/],
    [{ text: undefined }, /undefined stands where a string should/],
  ] as const)
    assert.throws(
      () => write({ ...right, ...wrong }),
      (error: unknown) => error instanceof Misfit && words.test(error.message),
    )
})

test('fields that are not known are left out, and the wrong type of one that is known is said', () => {
  const wide = codecOf(z.object({ a: z.string(), b: z.array(z.map(z.string(), z.boolean())), c: z.boolean() }))
  for (const protocol of ['binary', 'compact'] as const) {
    const bytes = wide(protocol).write({ a: 'x', b: [new Map([['k', true]])], c: true })
    assert.deepEqual(codecOf(z.object({ a: z.string() }))(protocol).read(bytes), { a: 'x' })
    assert.throws(() => codecOf(z.object({ a: z.int() }))(protocol).read(bytes), /field 1 of .* has type 11, and "a" has type 10/)
  }
})
