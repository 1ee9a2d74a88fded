import type { Metadata, Principal } from 'dure/contract'
import type { CallOptions } from 'dure/call'
import { realRuntime } from 'dure/runtime'
import { failureOf } from './outcome.ts'

/** One experiment with calls, whose outcome no contract decides. */
export type Probe = {
  readonly name: string
  /** What it must come to, where the law says so. */
  readonly must?: unknown
  readonly run: (probe: Calls) => Promise<unknown>
}

export type Calls = {
  readonly call: (operation: string, input?: unknown, options?: CallOptions) => Promise<unknown>
  readonly stream: (operation: string, input?: unknown, options?: CallOptions) => AsyncIterable<unknown>
  readonly channel: (
    operation: string,
    input: unknown,
    incoming: AsyncIterable<unknown> | Iterable<unknown>,
    options?: CallOptions,
  ) => AsyncIterable<unknown>
  /** The same of a service that passes on what it is asked, from one hop further away. */
  readonly far: Pick<Calls, 'call' | 'stream' | 'channel'>
  /** The same for a caller whom a door has found out. */
  readonly behalfOf: (origin: Origin) => Pick<Calls, 'call' | 'stream' | 'channel' | 'far' | 'keeper' | 'visitor'>
  /** One service that lets in another alone: that one, and one that is not let in, which pass on what they are asked. */
  readonly vault: Pick<Calls, 'call'>
  readonly keeper: Pick<Calls, 'call' | 'stream' | 'channel'>
  readonly visitor: Pick<Calls, 'call' | 'stream' | 'channel'>
  /** One service that tells of what it writes, and another that keeps what it hears. */
  readonly writer: Pick<Calls, 'call'>
  readonly reader: Pick<Calls, 'call'>
  /** One that guards its calls by policies. */
  readonly careful: Pick<Calls, 'call'>
  /** Calls something that the service does not have. */
  readonly stray: () => Promise<unknown>
  /** What the service went through, of one name, once it contains `until`. */
  readonly seen: (name: string, until?: string) => Promise<readonly string[]>
}

const { timers } = realRuntime()
export const pause = (ms: number): Promise<void> => timers.sleep(ms)
export const caught = (work: Promise<unknown>): Promise<unknown> => work.then((value) => ({ value }), failureOf)
/** Milliseconds: long enough to reach the handler on a busy machine, short enough to be waited for. */
export const SHORT = 300

export async function readAll(stream: AsyncIterable<unknown>, most: number = Infinity): Promise<unknown> {
  const values: unknown[] = []
  try {
    for await (const value of stream) if (values.push(value) >= most) break
    return { values }
  } catch (error) {
    return { values, error: failureOf(error) }
  }
}

export type Known = {
  readonly left: number
  readonly traceparent: unknown
  readonly principal: unknown
  readonly metadata: unknown
}

/** What a door knows of a caller. */
export type Origin = { readonly principal?: Principal; readonly metadata?: Metadata }

const metadata = { tenant: '서울', empty: '' }
/** Who may read, who may not, and nobody. */
export const ORIGINS: readonly (Origin & { readonly who: string })[] = [
  {
    who: 'a reader',
    metadata,
    principal: { subject: 'reader 김', kind: 'user', scopes: ['other', 'probe:read'], roles: ['auditor'] },
  },
  { who: 'a stranger', metadata, principal: { subject: 'stranger', kind: 'client', scopes: ['probe:write'], roles: [] } },
  { who: 'nobody' },
]

/** Trace ids are chance; whether there is one is not. */
export const formOf = (traceparent: unknown): unknown =>
  typeof traceparent === 'string' ? traceparent.replace(/[0-9a-f]/g, '0') : traceparent

type Precious = {
  list: (number | { deep: number })[]
  when: Date
  map: Map<string, number[]>
  bytes: Uint8Array
  set: Set<bigint>
}

export const precious = (): Precious => ({
  list: [1, { deep: 2 }],
  when: new Date(3),
  map: new Map([['k', [4]]]),
  bytes: new Uint8Array([5]),
  set: new Set([6n]),
})
