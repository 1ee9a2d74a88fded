/**
 * A contract of everything that has ever changed on a journey, served by handlers that give it back as they got it:
 * `dure check placement packages/tools/testing/src/placement/hostile.system.test-support.ts`.
 */
import { CallError, command, contract, error, query, stream } from 'dure/contract'
import { service, system, type System } from 'dure/service'
import { z } from 'zod'

const Tree = z.object({
  value: z.unknown(),
  get branches() {
    return z.array(Tree)
  },
  get next() {
    return Tree.optional()
  },
})

const Dates = z.object({
  at: z.date(),
  maybe: z.date().optional(),
  either: z.union([z.string(), z.date()]),
  all: z.array(z.date()),
})
const Bigs = z.object({
  n: z.bigint(),
  small: z.bigint().min(-3n).max(3n),
  literal: z.literal([1n, 2n]),
  coerced: z.coerce.bigint().optional(),
})
const Bytes = z.object({
  raw: z.instanceof(Uint8Array),
  buffer: z.instanceof(Buffer).optional(),
  many: z.array(z.instanceof(Uint8Array)),
})
const Collections = z.object({
  map: z.map(z.union([z.string(), z.int(), z.bigint()]), z.unknown()),
  dates: z.map(z.date(), z.set(z.date())),
  set: z.set(z.union([z.int(), z.string()])),
  record: z.record(z.string(), z.unknown()),
  named: z.partialRecord(z.enum(['a', '__proto__', 'constructor']), z.int()),
})
const Keys = z.object({
  optional: z.string().optional(),
  nullish: z.string().nullish(),
  filled: z.int().default(3),
  list: z.array(z.string()).default([]),
  fallback: z.enum(['a', 'b']).catch('a'),
  undefined: z.undefined(),
  constructor: z.string().optional(),
})
const Numbers = z.object({
  any: z.number(),
  whole: z.int(),
  money: z.number().multipleOf(0.01),
  odd: z.union([z.number(), z.literal('NaN')]),
})
const Shapes = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('a'), at: z.date() }),
  z.strictObject({ kind: z.literal('b'), bytes: z.instanceof(Uint8Array) }),
  z.looseObject({ kind: z.literal('c') }),
])
const Changed = z.object({
  trimmed: z.string().trim(),
  doubled: z.number().transform((n) => n * 2),
  day: z.codec(z.iso.date(), z.date(), { decode: (text) => new Date(text), encode: (date) => date.toISOString().slice(0, 10) }),
  twice: z.string().transform((text) => [text, text] as const),
})
const Changing = z.object({ trimmed: z.string(), doubled: z.number(), day: z.date(), twice: z.array(z.string()) })
const Frozen = z.object({ list: z.array(z.int()).readonly(), map: z.map(z.string(), z.int()).readonly() })

const Everything = error('EVERYTHING', {
  data: z.object({ dates: Dates, bigs: Bigs, bytes: Bytes, collections: Collections, keys: Keys, rest: z.unknown() }),
  status: 'ABORTED',
  message: ({ bigs }) => `Everything, ${bigs.n} times`,
})

const echo = <S extends z.ZodType>(schema: S) => query({ input: schema, output: schema })

const Hostile = contract('hostile', {
  version: '1.0.0',
  owner: 'testing',
  operations: {
    dates: echo(Dates),
    bigs: echo(Bigs),
    bytes: echo(Bytes),
    collections: echo(Collections),
    keys: echo(Keys),
    numbers: echo(Numbers),
    shapes: echo(Shapes),
    frozen: echo(Frozen),
    tree: echo(Tree),
    unknown: echo(z.unknown()),
    any: echo(z.any()),
    tuple: echo(z.tuple([z.date(), z.bigint().optional()]).rest(z.unknown())),
    both: echo(z.intersection(z.object({ at: z.date() }), z.object({ n: z.bigint() }))),
    texts: echo(
      z.object({ any: z.string(), short: z.string().max(3), email: z.email(), uuid: z.uuid(), moment: z.iso.datetime() }),
    ),
    changed: query({ input: Changed, output: Changing }),
    checked: query({ input: z.string().refine(async (text) => text.length % 2 === 0), output: z.string() }),
    none: command({}),
    failing: query({ input: Everything.data, errors: { Everything } }),
    throwing: query({ input: z.enum(['well', 'circle', 'getter', 'proxy', 'cause', 'code', 'nothing']) }),
    each: stream({ input: z.array(z.unknown()), output: z.unknown() }),
    dated: stream({ input: z.array(z.date()), output: Dates }),
    remembered: command({ input: z.unknown(), output: z.array(z.unknown()) }),
    // Two hundred levels may travel; the deepest asked for here may not.
    deep: query({ input: z.int().min(0).max(260), output: z.unknown() }),
    huge: query({
      input: z.object({ kind: z.enum(['text', 'list', 'bytes', 'map', 'record']), size: z.int().min(0).max(100_000) }),
      output: z.unknown(),
    }),
  },
})

// What it remembers is in memory, so every copy is made anew.
export default function hostile(): System {
  const remembered: unknown[] = []
  const same = <T>(input: T): T => input
  return system('hostile', {
    services: [
      service(Hostile, {
        handlers: {
          dates: same,
          bigs: same,
          bytes: same,
          collections: same,
          keys: same,
          numbers: same,
          shapes: same,
          frozen: same,
          tree: same,
          unknown: same,
          any: same,
          tuple: same as never,
          both: same,
          texts: same,
          changed: (input) => ({ ...input, twice: [...input.twice] }),
          checked: same,
          none: () => {},
          failing: (data) => {
            throw Everything(data)
          },
          throwing: (kind) => {
            if (kind !== 'well') throw THROWN[kind]()
          },
          each: async function* (values) {
            yield* values
          },
          dated: async function* (dates) {
            for (const at of dates) yield { at, either: at, all: dates }
          },
          remembered: (input) => {
            remembered.push(input)
            if (remembered.length > 5) remembered.shift()
            return remembered
          },
          deep: (levels) => {
            let value: unknown = 'bottom'
            for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { in: value }
            return value
          },
          huge: ({ kind, size }) => HUGE[kind](size),
        },
      }),
    ],
  })
}

const numbers = (size: number): readonly number[] => Array.from({ length: size }, (_, at) => at)

const HUGE: Readonly<Record<'text' | 'list' | 'bytes' | 'map' | 'record', (size: number) => unknown>> = {
  text: (size) => 'ü'.repeat(size),
  list: numbers,
  bytes: (size) => new Uint8Array(size).fill(7),
  map: (size) => new Map(numbers(size).map((at) => [at, new Date(at)])),
  record: (size) => Object.fromEntries(numbers(size).map((at) => [`key ${at}`, BigInt(at)])),
}

const boom = (): never => {
  throw new Error('It does not let itself be read')
}

const THROWN: Readonly<Record<'circle' | 'getter' | 'proxy' | 'cause' | 'code' | 'nothing', () => unknown>> = {
  circle: () => {
    const value: Record<string, unknown> = {}
    return (value['self'] = value)
  },
  getter: () => Object.defineProperty(new Error('x'), 'message', { get: boom }),
  proxy: () => new Proxy({}, { get: boom, getPrototypeOf: boom }),
  cause: () => {
    const error = new Error('x')
    return Object.assign(error, { cause: error })
  },
  code: () => Object.assign(new CallError('ABORTED', 'x'), { code: 'NOT_A_CODE' }),
  nothing: () => undefined,
}
