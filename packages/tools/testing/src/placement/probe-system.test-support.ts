/** A system whose only service does everything that a handler should not do, and says what it went through. */
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import {
  CallError,
  channel,
  command,
  contract,
  DeclaredError,
  error,
  query,
  stream,
  type AnyContract,
  type Principal,
} from 'dure/contract'
import { service, system, type Service, type System } from 'dure/service'
import { z } from 'zod'
import { scramble } from './caller.ts'
import { guardedServices } from './guarded-probes.test-support.ts'
import { allowOf, vaultServices } from './allow-probes.test-support.ts'
import { eventServices } from './probe-events.test-support.ts'

const Declared = error('DECLARED', {
  data: z.object({ at: z.date(), big: z.bigint(), map: z.map(z.string(), z.date()), maybe: z.string().optional() }),
  status: 'NOT_FOUND',
  message: ({ big }) => `Declared with ${big}`,
})
const Bare = error('BARE')
const Held = error('HELD', { data: z.object({ at: z.date(), list: z.array(z.number()) }) })
const Undeclared = error('UNDECLARED')

const name = z.string()
const Owned = z.object({ owner: z.string() })
const ownOnly = ({ subject }: Principal, { owner }: z.output<typeof Owned>): boolean => subject === owner
const definition = contract('probe', {
  version: '1.0.0',
  owner: 'testing',
  operations: {
    echo: query({ input: z.unknown(), output: z.unknown() }),
    spoil: query({ input: z.unknown(), output: z.string() }),
    held: query({ output: z.unknown() }),
    refuse: query({ input: name, output: z.unknown(), errors: { Declared, Bare } }),
    produce: query({ input: name, output: z.unknown() }),
    wait: query({ input: z.object({ name, ms: z.number() }), output: name, deadline: 20_000 }),
    never: query({ input: name, deadline: 20_000 }),
    context: query({ output: z.unknown() }),
    guarded: query({ output: z.string(), scope: 'probe:read' }),
    guardedCount: stream({ output: z.string(), scope: 'probe:read' }),
    known: query({ input: z.int(), output: z.string(), access: 'authenticated' }),
    staff: query({ input: z.int(), output: z.string(), scope: 'probe:read', roles: ['admin', 'auditor'] }),
    own: query({ input: Owned, output: z.string(), authorize: ownOnly }),
    ownCount: stream({ input: Owned, output: z.string(), authorize: ownOnly }),
    unsure: query({ output: z.string(), authorize: () => JSON.parse('nothing') as boolean }),
    note: command({ input: z.number(), output: z.number() }),
    seen: query({ output: z.array(z.string()) }),
    count: stream({
      input: z.object({
        name,
        from: z.number().default(1),
        to: z.number(),
        ms: z.number().default(0),
        fails: z.string().optional(),
      }),
      output: z.number(),
    }),
    repeat: stream({ input: z.unknown(), output: z.unknown() }),
    silent: stream({ input: name, output: z.number() }),
    growing: stream({ output: z.unknown() }),
    talk: channel({
      input: z.object({
        name,
        most: z.number().default(1_000_000),
        fails: z.string().optional(),
        spoils: z.boolean().default(false),
      }),
      incoming: z.unknown(),
      output: z.unknown(),
    }),
    strict: channel({ input: name, incoming: z.number(), output: z.number() }),
    sum: channel({ incoming: z.number(), output: z.number() }),
    guardedTalk: channel({ incoming: z.number(), output: z.string(), scope: 'probe:read' }),
    error: query({ errors: { Held } }),
    details: query({}),
  },
})
/** One hop further away: passes on what it is asked. */
const front = contract('front', {
  version: '1.0.0',
  owner: 'testing',
  operations: {
    echo: definition.operations.echo,
    refuse: definition.operations.refuse,
    produce: definition.operations.produce,
    wait: definition.operations.wait,
    never: definition.operations.never,
    context: definition.operations.context,
    guarded: query({ output: z.string() }),
    guardedCount: stream({ output: z.string() }),
    count: definition.operations.count,
    silent: definition.operations.silent,
    talk: definition.operations.talk,
    guardedTalk: channel({ incoming: z.number(), output: z.string() }),
  },
})

/** Probes call by name, and look at what comes back as unknown. */
export const ProbeContract: AnyContract = definition
export const Front: AnyContract = front

class OwnError extends Error {
  readonly extra = { hidden: 'inside' }
}
class Point {
  readonly x = 1
}

/** Everything a handler may throw. */
const thrown: Readonly<Record<string, () => unknown>> = {
  'a string': () => 'a string',
  undefined: () => undefined,
  null: () => null,
  'an object': () => ({ code: 'NOT_FOUND', message: 'not really' }),
  'an Error': () => new Error('secret: password 1234'),
  'an error of its own class': () => new OwnError('inside'),
  'an AbortError of its own': () => new DOMException('not of this call', 'AbortError'),
  'a declared error': () => Declared({ at: new Date(7), big: 9n, map: new Map([['k', new Date(8)]]), maybe: undefined }),
  'a declared error without data': () => Bare(),
  'a declared error with wrong data': () => Declared({ at: 'never' } as never),
  'a declared error with a message of its own': () =>
    new DeclaredError({ code: 'BARE', data: undefined, status: 'INTERNAL', message: 'in other words' }),
  'an error of another contract': () => Undeclared(),
  'a CallError': () => new CallError('ABORTED', 'A concurrent change got in the way'),
  'a CallError with details': () =>
    new CallError('OUT_OF_RANGE', 'Too far', {
      details: { at: new Date(1), big: 2n, map: new Map([[1, new Set([-0])]]), gone: undefined },
    }),
  'a CallError with a cause': () => new CallError('INTERNAL', 'Because', { cause: new Error('of this') }),
  'a CallError with details that cannot travel': () =>
    new CallError('DATA_LOSS', 'Gone', { details: { call: () => 1, point: new Point() } }),
  'a CallError with a class in its details': () => new CallError('DATA_LOSS', 'Gone', { details: { point: new Point() } }),
  'a CallError with a Buffer in its details': () => new CallError('DATA_LOSS', 'Gone', { details: { bytes: Buffer.from('ab') } }),
}
export const THROWN: readonly string[] = Object.keys(thrown)

/** Answers that the contract allows and the road does not. */
const produced: Readonly<Record<string, () => unknown>> = {
  'a class instance': () => ({ point: new Point() }),
  'a function': () => () => 1,
  'a cycle': () => {
    const cycle: unknown[] = []
    cycle.push(cycle)
    return cycle
  },
  'an invalid date': () => new Date(NaN),
  'a promise in an object': () => ({ later: Promise.resolve(1) }),
  'a frozen object': () => Object.freeze({ a: Object.freeze([1]) }),
  nothing: () => undefined,
  'a Buffer': () => Buffer.from('from a pool'),
  // oxlint-disable-next-line unicorn/no-thenable -- what it is here for
  'a thenable': () => ({ then: (resolve: (value: unknown) => void) => resolve('what it resolved to') }),
}
export const PRODUCED: readonly string[] = Object.keys(produced)
export const produce = (what: string): unknown => produced[what]!()

/** A system with a memory of its own: made anew for every copy. */
export function probeSystem(): System {
  const seen: string[] = []
  const held = { count: 0, list: [1], when: new Date(5), map: new Map([['k', 'v']]) }
  const told = (text: string, signal: AbortSignal): void => {
    signal.addEventListener('abort', () => seen.push(`${text} ended: ${(signal.reason as Error).name}`), { once: true })
  }
  const services: readonly Service[] = [
    service(definition, {
      handlers: {
        echo: (input) => input,
        spoil: (input) => {
          scramble(input)
          return 'spoilt'
        },
        held: () => {
          held.count++
          // After it was answered, so that only a copy can stay what it was.
          void turn().then(() => held.list.push(held.count))
          return held
        },
        refuse: async (what) => {
          if (!what.startsWith('at once: ')) await turn()
          throw thrown[what.replace('at once: ', '')]!()
        },
        produce: (what) => produced[what]!(),
        wait: async ({ name, ms }, { signal }) => {
          seen.push(`${name} began`)
          told(name, signal)
          await sleep(ms, undefined, { signal })
          return name
        },
        never: (text: string, { signal }) => {
          seen.push(`${text} began`)
          told(text, signal)
          return new Promise<never>(() => {})
        },
        // One by one: what a handler knows of its call stands on a prototype.
        context: (_input, call) => ({
          left: call.deadline - call.clock.monotonic(),
          caller: call.caller,
          correlationId: call.correlationId,
          causationId: call.causationId,
          traceparent: call.traceparent,
          idempotencyKey: call.idempotencyKey,
          principal: call.principal,
          metadata: call.metadata,
          aborted: call.signal.aborted,
        }),
        guarded: (_input, { principal }) => principal?.subject ?? 'nobody',
        guardedCount: async function* (_input, { principal }) {
          yield principal?.subject ?? 'nobody'
        },
        known: (_input, { principal }) => principal?.subject ?? 'nobody',
        staff: (_input, { principal }) => principal?.subject ?? 'nobody',
        own: ({ owner }) => owner,
        ownCount: async function* ({ owner }) {
          yield owner
        },
        unsure: () => 'sure',
        note: (n) => {
          seen.push(`note ${n}`)
          return n
        },
        seen: () => seen,
        count: async function* ({ name, from, to, ms, fails }, { signal }) {
          told(name, signal)
          try {
            for (let n = from; n <= to; n++) {
              if (ms > 0) await sleep(ms)
              seen.push(`${name} made ${n}`)
              yield n
            }
            if (fails !== undefined) throw thrown[fails]!()
          } finally {
            seen.push(`${name} let go`)
          }
        },
        repeat: async function* (input) {
          yield input
          yield input
        },
        // oxlint-disable-next-line require-yield -- a stream that never says anything
        silent: async function* (text, { signal }) {
          told(text, signal)
          seen.push(`${text} began`)
          await new Promise(() => {})
        },
        growing: async function* () {
          const list: number[] = []
          for (let n = 1; n <= 3; n++) {
            list.push(n)
            yield { list }
          }
        },
        talk: async function* ({ name, most, fails, spoils }, incoming, { signal }) {
          told(name, signal)
          let heard = 0
          try {
            for await (const value of incoming) {
              seen.push(`${name} heard ${++heard}`)
              yield value
              if (spoils) scramble(value)
              if (heard >= most) break
            }
            if (fails !== undefined) throw thrown[fails]!()
            yield 'heard all'
          } finally {
            seen.push(`${name} let go`)
          }
        },
        strict: (_name, incoming) => incoming,
        sum: async function* (_input, incoming) {
          let sum = 0
          for await (const n of incoming) sum += n
          yield sum
        },
        guardedTalk: async function* (_input, incoming, { principal }) {
          for await (const n of incoming) yield `${principal?.subject ?? 'nobody'} ${n}`
        },
        ...throwsHeld(),
      },
    }),
    ...eventServices(),
    ...guardedServices(),
    frontService(),
    ...vaultServices(),
  ]
  return system('probes', { services, allow: allowOf(services) })
}

/** Passes on what it is asked. */
function frontService(): Service {
  return service(front, {
    needs: { probe: definition },
    handlers: {
      echo: (input, { probe }) => probe.echo(input),
      refuse: (what, { probe }) => probe.refuse(what),
      produce: (what, { probe }) => probe.produce(what),
      wait: (input, { probe }) => probe.wait(input),
      never: (text, { probe }) => probe.never(text) as Promise<never>,
      context: (_input, { probe }) => probe.context(),
      guarded: (_input, { probe }) => probe.guarded(),
      guardedCount: (_input, { probe }) => probe.guardedCount(),
      count: (input, { probe }) => probe.count(input),
      silent: (text, { probe }) => probe.silent(text),
      talk: (input, incoming, { probe }) => probe.talk(input, incoming),
      guardedTalk: (_input, incoming, { probe }) => probe.guardedTalk(undefined, incoming),
    },
  })
}

/** Throws what it goes on changing. */
function throwsHeld(): { readonly error: () => never; readonly details: () => never } {
  const fields = { at: new Date(5), list: [1] }
  const [declared, other] = [Held(fields), new CallError('ABORTED', 'Held', { details: { at: new Date(5), list: [1] } })] as const
  return {
    error: () => {
      // After it was thrown, so that only a copy can stay what it was.
      void turn().then(() => declared.data.list.push(2))
      throw declared
    },
    details: () => {
      void turn().then(() => (other.details['list'] as number[]).push(2))
      throw other
    },
  }
}
