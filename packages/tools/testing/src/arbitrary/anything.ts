import fc from 'fast-check'

/** Any value that may travel: JSON, Date, bigint, bytes, Map, Set, `undefined`, NaN, -0 and what is odd about objects. */
export function anything(): fc.Arbitrary<unknown> {
  return travelling
}

/** What may not travel and must be refused alike everywhere; beside it what only looks dangerous. */
export function hostile(): fc.Arbitrary<unknown> {
  return fc.constantFrom(...makers).map((make) => make())
}

const scalar: fc.Arbitrary<unknown> = fc.oneof(
  fc.string({ maxLength: 8 }),
  fc.string({ maxLength: 8, unit: 'binary' }),
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.bigInt(),
  fc.constantFrom<unknown>(null, undefined, NaN, -0, Infinity, -Infinity, '', '__proto__', 2 ** 53, -(2n ** 70n), '\ud800'),
)

const date: fc.Arbitrary<Date> = fc.date({ noInvalidDate: true })

const { travelling } = fc.letrec<{ travelling: unknown }>((tie) => {
  const inside = tie('travelling')
  const depthIdentifier = 'anything'
  const few = { maxLength: 4, depthIdentifier } as const
  const key = fc.oneof(
    fc.string({ maxLength: 5 }),
    fc.constantFrom('__proto__', 'constructor', '1', '0', '$dure', 'value', 'toJSON', 'then', 'length', ''),
  )
  return {
    travelling: fc.oneof(
      { depthSize: 'small', withCrossShrink: true, maxDepth: 5, depthIdentifier },
      { weight: 6, arbitrary: scalar },
      { weight: 1, arbitrary: date },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 8 }) },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes)) },
      { weight: 2, arbitrary: fc.array(inside, few) },
      { weight: 3, arbitrary: fc.array(fc.tuple(key, inside), few).map((entries) => Object.fromEntries(entries) as unknown) },
      {
        weight: 1,
        arbitrary: fc.array(fc.tuple(key, inside), few).map((entries) => {
          const bare: unknown = Object.create(null)
          return Object.assign(bare as object, Object.fromEntries(entries.filter(([name]) => name !== '__proto__'))) as unknown
        }),
      },
      { weight: 1, arbitrary: fc.array(fc.tuple(inside, inside), few).map((pairs) => new Map(pairs)) },
      { weight: 1, arbitrary: fc.array(inside, few).map((items) => new Set(items)) },
    ),
  }
})

class Point {
  readonly x = 1
  get y(): number {
    return 2
  }
}

class LaterDate extends Date {}
class OwnArray extends Array<unknown> {}
class OwnMap extends Map<unknown, unknown> {}

/** Made anew each time, so that nobody meets what another has changed. */
const makers: readonly (() => unknown)[] = [
  () => new Point(),
  () => () => 'called',
  () => Symbol('here'),
  () => new Date(NaN),
  () => new LaterDate(0),
  () => OwnArray.from([1, 2]),
  () => new OwnMap([[1, 2]]),
  () => new Error('as a value'),
  () => /pattern/g,
  () => new URL('http://localhost/'),
  () => Promise.resolve(1),
  () => new WeakMap(),
  () => new ArrayBuffer(4),
  () => new Uint16Array([1, 2]),
  () => new Float64Array([1.5]),
  () => new DataView(new ArrayBuffer(2)),
  () => Object(1n) as unknown,
  () => Object('boxed') as unknown,
  () => {
    const cycle: Record<string, unknown> = {}
    cycle['self'] = cycle
    return cycle
  },
  () => nested(150),
  () => nested(250),
  () => new Map<unknown, unknown>([[{ a: 1 }, new Point()]]),
  () => new Set([() => 1]),
  () => ({ [Symbol('key')]: 1, seen: true }),
  () => ({
    get computed() {
      return 'by a getter'
    },
  }),
  () => Object.defineProperty({ shown: 1 }, 'hidden', { value: 2, enumerable: false }),
  () => Object.freeze({ frozen: Object.freeze([1]) }),
  () => ({ toJSON: () => 'another' }),
  () => ({ toJSON: 'a text' }),
  // oxlint-disable-next-line unicorn/no-thenable -- what it is here for
  () => ({ then: 'a text' }),
  () => Object.assign([1, 2], { extra: 3 }),
  () => withHole(),
  () => ({ $dure: 'date', value: '2020-01-01T00:00:00.000Z' }),
  () => 'long '.repeat(20_000),
  () => Array.from({ length: 5_000 }, (_, i) => i),
  () => new Uint8Array(100_000).fill(7),
  () => JSON.parse('{"__proto__":{"polluted":true}}') as unknown,
]

function withHole(): unknown[] {
  const list = [1, 2, 3]
  delete list[1]
  return list
}

function nested(depth: number): unknown {
  let value: unknown = 'bottom'
  for (let i = 0; i < depth; i++) value = i % 2 === 0 ? [value] : { in: value }
  return value
}
