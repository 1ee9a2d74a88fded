/** What handlers may throw, and a caller hears of it under every placement: nothing of it may keep a call from its end. */
import assert from 'node:assert/strict'
import { z } from 'zod'
import { CallError, DeclaredError, query, stream, type Status } from '../contract/contract.ts'
import { code, OutOfStock, type Conforms } from './transport-rig.conformance.ts'

export type HostileThrow = { readonly name: string; readonly code: Status; readonly make: () => unknown }

const boom = (): never => {
  throw new Error('It does not let itself be read')
}

const everyTrap: ProxyHandler<object> = {
  get: boom,
  getPrototypeOf: boom,
  has: boom,
  ownKeys: boom,
  getOwnPropertyDescriptor: boom,
}

const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

const unreadable = <T extends object>(value: T, key: string): T =>
  Object.defineProperty(value, key, { get: boom, enumerable: true })

const endless = (): unknown => ({ toJSON: endless })

const nested = (levels: number): unknown => {
  let value: unknown = 'bottom'
  for (let level = 0; level < levels; level++) value = { value }
  return value
}

const circle = (): object => {
  const value: Record<string, unknown> = {}
  value['self'] = value
  return value
}

const circularCause = (): Error => {
  const error = new Error('It is its own cause')
  error.cause = error
  return error
}

const known = (details: Readonly<Record<string, unknown>> = {}): CallError =>
  new CallError('NOT_FOUND', 'No such order', { details })
const declared = (data: unknown = undefined): DeclaredError =>
  new DeclaredError({ code: 'NOWHERE_DECLARED', data, status: 'ABORTED', message: 'Not declared' })

/** Of each: what it is, and the code that its caller hears. */
const MADE: readonly (readonly [name: string, code: Status, make: () => unknown])[] = [
  ['an object that holds itself', 'UNKNOWN', circle],
  ['an object with a getter that throws', 'UNKNOWN', () => unreadable({}, 'field')],
  ['an object with a toJSON that throws', 'UNKNOWN', () => ({ toJSON: boom })],
  ['an object with a toJSON without end', 'UNKNOWN', endless],
  ['an object with a then that throws', 'UNKNOWN', () => unreadable({}, 'then')],
  ['an object without a text', 'UNKNOWN', () => ({ toString: boom, [Symbol.toPrimitive]: boom })],
  ['a bare object', 'UNKNOWN', () => Object.create(null) as object],
  ['twenty thousand levels', 'UNKNOWN', () => nested(20_000)],
  ['a Proxy that throws whatever it is asked', 'UNKNOWN', () => new Proxy({}, everyTrap)],
  ['a Proxy of an Error that throws whatever it is asked', 'UNKNOWN', () => new Proxy(new Error('x'), everyTrap)],
  ['a revoked Proxy', 'UNKNOWN', revoked],
  ['a function', 'UNKNOWN', () => boom],
  ['a symbol', 'UNKNOWN', () => Symbol('thrown')],
  ['a bigint', 'UNKNOWN', () => 2n ** 70_000n],
  ['an invalid date', 'UNKNOWN', () => new Date(Number.NaN)],
  ['a map of circles', 'UNKNOWN', () => new Map([[circle(), circle()]])],
  ['undefined', 'UNKNOWN', () => undefined],
  ['null', 'UNKNOWN', () => null],
  ['a text of a million characters', 'UNKNOWN', () => 'x'.repeat(1_000_000)],
  ['half a surrogate and a zero', 'UNKNOWN', () => '\ud800\0'],
  ['an error that is its own cause', 'INTERNAL', circularCause],
  ['an error caused by a Proxy', 'INTERNAL', () => new Error('x', { cause: new Proxy({}, everyTrap) })],
  [
    'an error with fields that cannot be read',
    'INTERNAL',
    () => ['name', 'message', 'stack', 'code', 'cause'].reduce((error, key) => unreadable(error, key), new Error('x')),
  ],
  [
    'an error with fields of other kinds',
    'INTERNAL',
    () => Object.assign(new Error('x'), { name: Symbol('n'), message: circle(), stack: 5n, code: {}, cause: boom }),
  ],
  ['an error with a toJSON that throws', 'INTERNAL', () => Object.assign(new Error('x'), { toJSON: boom })],
  ['an error with a million characters', 'INTERNAL', () => new Error('x'.repeat(1_000_000))],
  ['a Proxy of an Error whose fields cannot be read', 'INTERNAL', () => new Proxy(new Error('x'), { get: boom })],
  ['errors in errors', 'INTERNAL', () => new AggregateError([circularCause(), new Proxy({}, everyTrap)], 'several')],
  ['a canonical error', 'NOT_FOUND', () => known()],
  ['one whose details hold themselves', 'NOT_FOUND', () => known({ circle: circle() })],
  ['one whose details cannot be read', 'NOT_FOUND', () => known(unreadable({}, 'id'))],
  ['one whose details are a Proxy', 'NOT_FOUND', () => known(new Proxy({}, everyTrap))],
  ['one whose details are none', 'NOT_FOUND', () => Object.assign(known(), { details: null })],
  [
    'one whose details nothing can carry',
    'NOT_FOUND',
    () => known({ function: boom, symbol: Symbol('s'), deep: nested(10_000) }),
  ],
  ['one with a million characters', 'NOT_FOUND', () => new CallError('NOT_FOUND', 'x'.repeat(1_000_000))],
  ['one of a code that there is not', 'UNKNOWN', () => Object.assign(known(), { code: 'NOT_A_CODE' })],
  ['one whose code is an object', 'UNKNOWN', () => Object.assign(known(), { code: circle() })],
  ['one whose words cannot be read', 'INTERNAL', () => unreadable(known(), 'message')],
  ['one whose code cannot be read', 'INTERNAL', () => unreadable(known(), 'code')],
  ['a Proxy of one', 'INTERNAL', () => new Proxy(known(), { get: boom })],
  ['an error that is not declared', 'INTERNAL', () => declared(circle())],
  ['one whose code is a symbol', 'INTERNAL', () => Object.assign(declared(), { code: Symbol('c') })],
  ['one whose data cannot be read', 'INTERNAL', () => unreadable(Object.assign(declared(), { code: 'OUT_OF_STOCK' }), 'data')],
  ['one whose data are of other kinds', 'INTERNAL', () => Object.assign(declared(circle()), { code: 'OUT_OF_STOCK' })],
]

export const HOSTILE_THROWS: readonly HostileThrow[] = MADE.map(([name, code, make]) => ({ name, code, make }))

/** Inputs that throw when they are read. */
export const UNREADABLE_VALUES: readonly (() => unknown)[] = [
  () => new Proxy({}, everyTrap),
  () => new Proxy([], everyTrap),
  revoked,
  () => unreadable({}, 'field'),
  () => ({ list: [unreadable({}, 'field')] }),
  () => new Map([[1, new Proxy({}, everyTrap)]]),
  () => new Proxy({}, { ownKeys: boom }),
]

/** Registers the cases. */
export function hostileCases(conforms: Conforms): void {
  const which = z.int()
  conforms(
    'whatever a handler throws, its caller hears a code and the call is over',
    {
      sync: query({ input: which, errors: { OutOfStock } }),
      later: query({ input: which, errors: { OutOfStock } }),
      thenable: query({ input: which, errors: { OutOfStock } }),
      items: stream({ input: which, output: z.unknown(), errors: { OutOfStock } }),
      first: stream({ input: which, output: z.unknown(), errors: { OutOfStock } }),
    },
    {
      sync: (at: number) => {
        throw HOSTILE_THROWS[at]!.make()
      },
      later: async (at: number) => {
        throw HOSTILE_THROWS[at]!.make()
      },
      thenable: (at: number) =>
        // oxlint-disable-next-line unicorn/no-thenable -- a promise of another library
        ({ then: (_: unknown, reject: (thrown: unknown) => void) => reject(HOSTILE_THROWS[at]!.make()) }),
      items: async function* (at: number) {
        yield 1
        throw HOSTILE_THROWS[at]!.make()
      },
      first: (at: number) => ({
        [Symbol.asyncIterator]: () => ({
          next: () => {
            throw HOSTILE_THROWS[at]!.make()
          },
          return: () => {
            throw HOSTILE_THROWS[at]!.make()
          },
        }),
      }),
    },
    async ({ client, admission }) => {
      const read = async (values: AsyncIterable<unknown>): Promise<void> => {
        for await (const _ of values);
      }
      for (const [at, { name, code: expected }] of HOSTILE_THROWS.entries()) {
        const calls = {
          sync: () => client.sync(at),
          later: () => client.later(at),
          thenable: () => client.thenable(at),
          items: () => read(client.items(at)),
          first: () => read(client.first(at)),
        }
        for (const [how, call] of Object.entries(calls)) {
          const thrown = await call().then(
            () => assert.fail('It went well'),
            (failure: unknown) => failure,
          )
          assert.ok(thrown instanceof CallError, `${name}, ${how}: the raw error came out`)
          assert.equal(thrown.code, expected, `${name}, ${how}: ${thrown.message}`)
        }
      }
      assert.equal(admission.inside(), 0)
    },
  )

  conforms(
    'an input that throws when it is read is refused, and the call is over',
    {
      plain: query({ input: z.object({ field: z.string() }) }),
      any: query({ input: z.unknown() }),
      items: stream({ input: z.unknown(), output: z.unknown() }),
    },
    {
      plain: () => assert.fail('It must not run'),
      any: () => assert.fail('It must not run'),
      items: () => assert.fail('It must not run'),
    },
    async ({ client, admission }) => {
      const messages = new Set<string>()
      for (const make of UNREADABLE_VALUES) {
        const calls = [
          () => client.plain(make() as never),
          () => client.any(make()),
          () => client.items(make())[Symbol.asyncIterator]().next(),
        ]
        for (const call of calls) {
          const thrown: unknown = await call().then(
            () => assert.fail('It was taken'),
            (failure: unknown) => failure,
          )
          code('INVALID_ARGUMENT')(thrown)
          messages.add((thrown as CallError).message.replace(/^Call to rig.\w+/, ''))
        }
      }
      assert.equal(messages.size, 1, [...messages].join('\n'))
      assert.equal(admission.inside(), 0)
    },
  )
}
