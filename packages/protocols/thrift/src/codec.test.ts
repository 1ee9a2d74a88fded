import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { contract, query } from 'dure/contract'
import { drawNumbers } from 'dure/contract/internal'
import { z } from 'zod'
import { codecsOf } from './codec.ts'
import { modelOf } from './model.ts'
import { Every, sample } from './shop.test-support.ts'
import { BinaryReader, BinaryWriter, CompactReader, CompactWriter, Malformed, Misfit, TYPE } from './wire/wire.ts'

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
      { numRuns: 100 },
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
      { numRuns: 500 },
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

test('fields that come in another order, are left out, or stand among others are read as they would be in theirs', () => {
  const fields = { a: fc.string(), b: fc.integer(), c: fc.boolean(), d: fc.double() }
  const codec = codecOf(
    z.object({ a: z.string().optional(), b: z.int32().optional(), c: z.boolean().optional(), d: z.number().optional() }),
  )
  const places = fc
    .subarray(['a', 'b', 'c', 'd', 'unknown'] as const, { minLength: 0 })
    .chain((some) => fc.shuffledSubarray(some, { minLength: some.length }))
  fc.assert(
    fc.property(fc.record(fields), places, fc.constantFrom('binary', 'compact'), (value, order, protocol) => {
      const writer = new PROTOCOLS[protocol][0](1024)
      writer.frame()
      writer.begin()
      const write = {
        a: () => (writer.field(TYPE.string, 1), writer.string(value.a)),
        b: () => (writer.field(TYPE.i32, 2), writer.i32(value.b)),
        c: () => writer.boolField(3, value.c),
        d: () => (writer.field(TYPE.double, 4), writer.double(value.d)),
        unknown: () => (writer.field(TYPE.string, 9), writer.string('of a later release')),
      }
      for (const key of order) write[key]()
      writer.end()
      const expected = Object.fromEntries(Object.entries(value).filter(([key]) => (order as readonly string[]).includes(key)))
      const read = codec(protocol).read(writer.framed().subarray(4)) as object
      assert.deepEqual(read, expected)
      assert.deepEqual(Object.keys(read), Object.keys(expected))
    }),
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

test('bytes are those that npm’s thrift 0.24 writes, with what the compiler makes of the IDL, and are read from them', () => {
  const codec = codecOf(
    z.object({
      ...{ text: z.string(), much: z.string(), whole: z.array(z.int()), small: z.array(z.int32()), share: z.array(z.number()) },
      ...{ yes: z.boolean(), flags: z.array(z.boolean()), lines: z.array(z.object({ at: z.date(), gone: z.boolean() })) },
      ...{ counts: z.map(z.string(), z.int32()), none: z.map(z.string(), z.string()), absent: z.string().optional() },
      ...{ tags: z.set(z.string()), bytes: z.instanceof(Uint8Array) },
    }),
  )
  const value = {
    ...{
      text: '두레',
      much: 'x'.repeat(40),
      whole: [0, -1, 2 ** 40, -(2 ** 52)],
      small: [7, -(2 ** 31)],
      share: [0.1, -1.5e300],
    },
    ...{ yes: true, flags: [true, false], lines: [{ at: new Date(1_764_490_500_123), gone: false }] },
    ...{
      counts: new Map([
        ['a', 1],
        ['b', -300],
      ]),
      none: new Map(),
      tags: new Set(['a', 'b']),
      bytes: new Uint8Array([0, 255]),
    },
  }
  const much = '78'.repeat(40)
  const foreign = {
    binary: [
      `0b000100000006eb9190eba0880b000200000028${much}`,
      '0f00030a000000040000000000000000ffffffffffffffff0000010000000000fff0000000000000',
      '0f0004080000000200000007800000000f000504000000023fb999999999999afe41eb2d66005835020006010f0007020000000201000f00080c00000001',
      '0a00010000019ad3d4581b02000200000d00090b08000000020000000161000000010000000162fffffed40d000a0b0b00000000',
      '0e000c0b00000002000000016100000001620b000d0000000200ff00',
    ],
    compact: [
      `1806eb9190eba0881828${much}`,
      '19460001808080808040ffffffffffffff0f19250effffffff0f19279a9999999999b93f355800662deb41fe',
      '1119210102191c16b6e0a2bdda6612001b02850161020162d7041b002a2801610162180200ff00',
    ],
  }
  for (const protocol of ['binary', 'compact'] as const) {
    const bytes = Buffer.from(foreign[protocol].join(''), 'hex')
    const { write, read } = codec(protocol)
    assert.equal(write(value).toString('hex'), bytes.toString('hex'))
    assert.deepEqual(read(bytes), value)
  }
})
