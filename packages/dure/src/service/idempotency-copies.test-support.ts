import { Cancellation } from '../call/internal.ts'
import { command, error } from '../contract/contract.ts'
import { noSql, rows } from '../data/adapter.conformance.ts'
import type { Migrations, Store } from '../data/data.ts'
import { realRuntime } from '../runtime/runtime.ts'
import { createIdempotency } from './idempotency.ts'
import { preparedKey } from './prepared-keys.ts'
import { z } from 'zod'

/** Milliseconds of a deadline that nobody waits for. */
const LONG = 60_000
export const Refused = error('REFUSED', { data: z.object({ by: z.string() }) })
const options = { input: z.object({ name: z.string() }), output: z.object({ by: z.string() }), errors: { Refused } }
const definition = command(options)
export const idempotent = command({ ...options, idempotent: true })
/** Of a call in `prepare`: nobody gave it. */
const PREPARED = preparedKey('orders/placed', 'a message')

/** `inside` happens in the transaction, behind the mark; `said` is answered in it. */
type Run = { readonly commit: (inside?: () => Promise<void>, said?: unknown) => Promise<unknown> }
export type Handler = (run: Run) => Promise<unknown>
/** `whole`: what the handler returns is what the operation returns. */
type CallOptions = {
  readonly whole?: boolean
  readonly name?: string
  readonly timeout?: number
  readonly definition?: typeof definition
}
export type Copy = {
  readonly call: (handler: Handler, options?: CallOptions) => Promise<unknown>
  readonly runs: () => number
}

/** What a command has done, a row each. */
export const effectsTable: Migrations =
  noSql === false ? { '001': 'CREATE TABLE effects (name TEXT NOT NULL, run INTEGER NOT NULL)' } : {}

/** A copy of a service on a store of its own, whose process's clock is `ahead` by so many milliseconds. */
export function copyOn(store: Store, place: number, ahead: number): Copy {
  const runtime = realRuntime()
  const clock = { ...runtime.clock, now: () => runtime.clock.now() + ahead }
  const { once, mark, answer, began, cameTo } = createIdempotency({ store, runtime: { ...runtime, clock }, service: 'test' })
  let runs = 0
  return {
    call: (handler, { name = 'x', timeout = LONG, definition: of = definition, whole = false } = {}) => {
      const own = new Cancellation()
      const request = {
        operation: 'go',
        definition: of,
        key: of.idempotent ? PREPARED : 'key',
        input: { name },
        deadline: clock.monotonic() + timeout,
        own,
      }
      const done = { by: `copy ${place}` }
      const commit: Run['commit'] = (inside, said) => {
        const transaction = store.transaction(async (tx) => {
          await mark(tx, request)
          await inside?.()
          await rows.insert(tx as never, 'effects', { name, run: place })
          if (said !== undefined) await answer(tx, request, said)
          await cameTo(tx, request, done)
          return done
        })
        return began(request, transaction)
      }
      return once(request, () => {
        runs++
        const handled = handler({ commit })
        return whole ? handled : handled.then(() => done)
      }).catch((failure: unknown) => failure)
    },
    runs: () => runs,
  }
}
