import fc from 'fast-check'

let made: fc.Arbitrary<unknown> | undefined

/**
 * Any value that may travel: JSON, Date, bigint, bytes, Map, Set, `undefined`, NaN, -0 and what is odd about objects. Made when
 * it is first asked for, because the tables of all characters that it needs take a second to make.
 */
export function anything(): fc.Arbitrary<unknown> {
  return (made ??= makeAnything())
}

function makeAnything(): fc.Arbitrary<unknown> {
  const scalar = fc.oneof(
    fc.string({ maxLength: 8 }),
    fc.string({ maxLength: 8, unit: 'binary' }),
    fc.integer(),
    fc.double(),
    fc.boolean(),
    fc.bigInt(),
    fc.constantFrom<unknown>(null, undefined, NaN, -0, Infinity, -Infinity, '', '__proto__', 2 ** 53, -(2n ** 70n), '\ud800'),
  )
  const bytes = fc.uint8Array({ maxLength: 8 })
  return fc.anything({
    key: fc.oneof(
      fc.string({ maxLength: 5 }),
      fc.constantFrom('__proto__', 'constructor', '1', '0', '$dure', 'value', 'toJSON', 'then', 'length', ''),
    ),
    values: [scalar, fc.date({ noInvalidDate: true }), bytes, bytes.map(Buffer.from)],
    maxDepth: 3,
    maxKeys: 4,
    withMap: true,
    withSet: true,
    withNullPrototype: true,
  })
}

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

/** What may not travel and must be refused alike everywhere; beside it what only looks dangerous. */
export const hostile: fc.Arbitrary<unknown> = fc.constantFrom(...makers).map((make) => make())

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
