import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { z } from 'zod'
import { channel, command, query, stream } from '../contract/contract.ts'
import { createTracer } from '../telemetry/internal.ts'
import { Cancellation, type CancelListener, type Caller } from './internal.ts'
import { OutOfStock, until, type Conforms } from './transport-rig.conformance.ts'

/** What every Transport keeps of the end of a call, whichever way it ends: nothing of it stays with what lives longer. */
export function endCases(conforms: Conforms): void {
  const hangs = (): Promise<never> => new Promise<never>(() => {})
  const N = z.object({ n: z.int() })
  const operations = {
    answer: query({ input: N, output: N }),
    order: command({ input: N, output: N }),
    declared: command({ input: N, errors: { OutOfStock } }),
    throwing: query({ input: N }),
    wrong: query({ input: N, output: N }),
    hanging: query({ input: N, deadline: 60_000 }),
    ticks: stream({ input: N, output: N }),
    breaking: stream({ input: N, output: N, errors: { OutOfStock } }),
    odd: stream({ input: N, output: N }),
    silent: stream({ input: N, output: N, deadline: 60_000 }),
    echo: channel({ incoming: N, output: N, deadline: 60_000 }),
    strict: channel({ incoming: N, output: N, errors: { OutOfStock } }),
  }
  type In = { readonly n: number }
  const handlers = {
    answer: (input: In) => input,
    order: async (input: In) => input,
    declared: async () => {
      throw OutOfStock({ sku: 'y', at: new Date(0), left: 0n })
    },
    throwing: () => {
      throw new Error('thrown')
    },
    wrong: () => ({ n: 'x' }),
    hanging: hangs,
    ticks: async function* ({ n }: In) {
      for (let i = 0; i < n; i++) yield { n: i }
    },
    breaking: async function* () {
      yield { n: 1 }
      throw OutOfStock({ sku: 'y', at: new Date(0), left: 0n })
    },
    odd: async function* () {
      yield { n: 'x' }
    },
    silent: async function* () {
      yield { n: 1 }
      await hangs()
    },
    echo: async function* (_input: unknown, incoming: AsyncIterable<In>) {
      yield* incoming
    },
    strict: async function* (_input: unknown, incoming: AsyncIterable<In>) {
      for await (const value of incoming) {
        yield value
        throw OutOfStock({ sku: 'y', at: new Date(0), left: 0n })
      }
    },
  }
  type Options = { readonly signal: AbortSignal }
  // oxlint-disable-next-line typescript/no-explicit-any
  type Operation = ((input: any, ...rest: any[]) => any) & { readonly attempt: any }
  type Ask = Readonly<Record<keyof typeof operations, Operation>>
  type Way = (ask: Ask, options: Options, other: (cancellation: Cancellation) => Ask) => Promise<unknown>
  const drained = async (values: AsyncIterable<unknown>): Promise<void> => {
    for await (const _ of values) continue
  }
  const opened = async (values: AsyncIterable<unknown>): Promise<AsyncIterator<unknown>> => {
    const iterator = values[Symbol.asyncIterator]()
    await iterator.next()
    return iterator
  }
  async function* sent(...values: unknown[]): AsyncGenerator<unknown> {
    for (const value of values) {
      if (value === 'throws') throw new Error('of its own')
      if (value === 'hangs') await hangs()
      yield value
    }
  }
  const two = [{ n: 1 }, { n: 2 }] as const
  /** Every way for a call to end, by what ends it. */
  const WAYS: Readonly<Record<string, Way>> = {
    answered: (ask, options) => ask.answer({ n: 1 }, options),
    'answered, a command': (ask, options) => ask.order({ n: 1 }, options),
    'answered to attempt': (ask, options) => ask.answer.attempt({ n: 1 }, options),
    'without a signal': (ask) => ask.answer({ n: 1 }),
    'declared error': (ask, options) => ask.declared({ n: 1 }, options),
    'declared error to attempt': (ask, options) => ask.declared.attempt({ n: 1 }, options),
    thrown: (ask, options) => ask.throwing({ n: 1 }, options),
    'input refused': (ask, options) => ask.answer({ n: 'x' }, options),
    'input that cannot travel': (ask, options) => ask.answer({ n: () => {} }, options),
    'output refused': (ask, options) => ask.wrong({ n: 1 }, options),
    'out of time': (ask, options) => ask.hanging({ n: 1 }, { ...options, timeout: 1 }),
    'out of time before it began': (ask, options) => ask.answer({ n: 1 }, { ...options, timeout: 0 }),
    'cancelled before': (ask) => ask.hanging({ n: 1 }, { signal: AbortSignal.abort() }),
    'cancelled while it runs': (ask) => {
      const own = new AbortController()
      const call = ask.hanging({ n: 1 }, { signal: own.signal })
      own.abort()
      return call
    },
    'its caller ended': (_ask, options, other) => {
      const parent = new Cancellation()
      const call = other(parent).hanging({ n: 1 }, options)
      parent.cancel('deadline')
      return call
    },
    'stream finished': (ask, options) => drained(ask.ticks({ n: 3 }, options)),
    'stream finished without a signal': (ask) => drained(ask.ticks({ n: 3 })),
    'stream broken off': async (ask, options) => (await opened(ask.ticks({ n: 3 }, options))).return?.(),
    'stream broken off while silent': async (ask, options) => {
      const iterator = await opened(ask.silent({ n: 3 }, options))
      const next = iterator.next()
      await iterator.return?.()
      assert.deepEqual(await next, { done: true, value: undefined })
    },
    'stream broken off before it began': (ask, options) =>
      ask.ticks({ n: 3 }, options)[Symbol.asyncIterator]().return?.() as Promise<unknown>,
    'stream never asked': async (ask, options) => ask.ticks({ n: 3 }, options)[Symbol.asyncIterator](),
    'stream dropped': (ask, options) => opened(ask.ticks({ n: 3 }, { ...options, timeout: 30 })),
    'stream dropped without a signal': (ask) => opened(ask.ticks({ n: 3 }, { timeout: 30 })),
    'stream failed': (ask, options) => drained(ask.breaking({ n: 3 }, options)),
    'stream input refused': (ask, options) => drained(ask.ticks({ n: 'x' }, options)),
    'stream output refused': (ask, options) => drained(ask.odd({ n: 3 }, options)),
    'stream out of time': (ask, options) => drained(ask.silent({ n: 3 }, { ...options, timeout: 30 })),
    'stream cancelled before': (ask) => drained(ask.silent({ n: 3 }, { signal: AbortSignal.abort() })),
    'stream cancelled while silent': async (ask) => {
      const own = new AbortController()
      const iterator = await opened(ask.silent({ n: 3 }, { signal: own.signal }))
      const next = iterator.next()
      own.abort()
      await next
    },
    'stream of a caller that ended': async (_ask, options, other) => {
      const parent = new Cancellation()
      const iterator = await opened(other(parent).silent({ n: 3 }, options))
      parent.cancel('deadline')
      await iterator.next()
    },
    'channel finished': (ask, options) => drained(ask.echo(undefined, sent(...two), options)),
    'channel finished without a signal': (ask) => drained(ask.echo(undefined, sent(...two))),
    'channel failed': (ask, options) => drained(ask.strict(undefined, sent(...two, 'hangs'), options)),
    'channel whose source throws': (ask, options) => drained(ask.echo(undefined, sent(...two, 'throws'), options)),
    'channel value refused': (ask, options) => drained(ask.echo(undefined, sent(...two, { n: 'x' }, 'hangs'), options)),
    'channel value that cannot travel': (ask) => drained(ask.echo(undefined, sent({ n: () => {} }, 'hangs'))),
    'channel of no source': (ask, options) => drained(ask.echo(undefined, undefined, options)),
    'channel broken off': async (ask, options) => (await opened(ask.echo(undefined, sent(...two, 'hangs'), options))).return?.(),
    'channel never asked': async (ask, options) => ask.echo(undefined, sent(...two), options)[Symbol.asyncIterator](),
    'channel dropped': (ask, options) => opened(ask.echo(undefined, sent(...two, 'hangs'), { ...options, timeout: 30 })),
    'channel out of time': (ask) => drained(ask.echo(undefined, sent(...two, 'hangs'), { timeout: 30 })),
    'channel cancelled while silent': async (ask) => {
      const own = new AbortController()
      const iterator = await opened(ask.echo(undefined, sent(two[0], 'hangs'), { signal: own.signal }))
      const next = iterator.next()
      own.abort()
      await next
    },
  }

  for (const [name, way] of Object.entries(WAYS)) {
    conforms(`nothing stays behind a call: ${name}`, operations, handlers, async (rig) => {
      const { runtime, admission, clientOf, remembered, unlink } = rig
      const parent = new CountedCancellation()
      const { signal } = new AbortController()
      const tracer = createTracer({ runtime, sampling: 0.5, sinks: [] })
      const askOf = (cancellation: Cancellation) => clientOf(callerOf(cancellation), tracer) as unknown as Ask
      const ask = askOf(parent)
      const followers = (): readonly number[] => [getEventListeners(signal, 'abort').length, parent.listeners.size]
      const run = async (calls: number): Promise<void> => {
        for (let left = calls; left > 0; left -= 250) {
          await Promise.allSettled(Array.from({ length: Math.min(left, 250) }, () => way(ask, { signal }, askOf)))
          // What is on its way comes before the answer to this.
          await ask.answer({ n: 1 }).catch(() => {})
          // A caller may hear of the end a while after the callee has come to it.
          await until(() => [...Object.values(remembered()), ...followers()].every((count) => count === 0))
        }
      }
      await assertNoGrowth(run)
      void admission.drain()
      await run(10)
      await unlink()
      await run(10)
    })
  }
}

/** A handler under way that calls. */
function callerOf(cancellation: Cancellation): Caller {
  const call = {
    correlationId: 'c',
    causationId: undefined,
    traceparent: undefined,
    caller: undefined,
    idempotencyKey: undefined,
    principal: undefined,
    metadata: undefined,
  }
  return { service: 'tester', parent: { ...call, sentAt: 0, deadline: Number.MAX_SAFE_INTEGER, cancellation } }
}

/** Counts who has to be told of its end. */
class CountedCancellation extends Cancellation {
  readonly listeners: Set<CancelListener> = new Set()

  override add(listener: CancelListener): void {
    this.listeners.add(listener)
    super.add(listener)
  }

  override remove(listener: CancelListener): void {
    this.listeners.delete(listener)
    super.remove(listener)
  }
}

/** What each call may leave on the heap, in bytes: less than anything that could be left. */
const LEAST = 64
const FIRST = 250

/**
 * What a call leaves shows in every window, and grows with it. What the engine keeps for itself (code that it has compiled, say) is as much
 * in a long window as in a short one.
 */
async function assertNoGrowth(run: (calls: number) => Promise<void>): Promise<void> {
  const grown: number[] = []
  await run(FIRST)
  for (let calls = FIRST; calls <= 16 * FIRST; calls *= grown.length % 2 === 0 ? 2 : 1) {
    const before = heap()
    await run(calls)
    grown.push((heap() - before) / calls)
    if (grown.at(-1)! < LEAST) return
  }
  assert.fail(`Each call leaves ${grown.map(Math.round).join(', ')} bytes on the heap`)
}

function heap(): number {
  collect()
  return process.memoryUsage().heapUsed
}

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
