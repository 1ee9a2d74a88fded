import type { Transport } from 'dure/call'
import { CallError } from 'dure/contract'
import type { Runtime } from 'dure/runtime'
import { inTime } from 'dure/runtime/internal'
import type { InFlight } from './in-flight.ts'
import type { Life } from './life.ts'
import type { Time } from './time.ts'

/** Milliseconds past its deadline in which a call is left to whoever was called: deadlines are watched tick by tick, and fire late. */
const LATE = 100

/** The way from the test to whichever life the system has at the moment. */
export function transportTo(options: {
  readonly time: Time
  readonly runtime: Runtime
  readonly calls: InFlight
  readonly life: (action: string) => Life
}): Transport {
  const { time, runtime, calls, life } = options
  return {
    route: (target) => {
      const place = `${target.service}.${target.operation}`
      const late = (): never => {
        throw new CallError('DEADLINE_EXCEEDED', `Call to ${place} was given up: its deadline passed and nobody answered`)
      }
      const alive = (): Life => life(`call ${place}`)
      const ask = <T>(what: string | undefined, work: () => Promise<T>): Promise<T> => time.during(() => calls.track(what, work))
      return {
        call: (input, context) => {
          // A process that stands still does not end its calls.
          const left = context.deadline - runtime.clock.monotonic() + LATE
          return ask(`the call to ${place}`, async () => {
            const { inside, running } = alive()
            const answer = inside(() => running.transport.route(target).call(input, context))
            return Number.isFinite(left) ? inTime(runtime.timers, left, answer, late) : answer
          })
        },
        stream: (input, context, incoming) => ({
          [Symbol.asyncIterator]: () => {
            let begun: { readonly inside: Life['inside']; readonly values: AsyncIterator<unknown> } | undefined
            const begin = (): NonNullable<typeof begun> => {
              const { inside, running } = alive()
              const values = running.transport.route(target).stream(input, context, incoming)
              return { inside, values: values[Symbol.asyncIterator]() }
            }
            return {
              next: () =>
                ask(undefined, async () => {
                  const { inside, values } = (begun ??= begin())
                  return inside(() => values.next())
                }),
              return: async () => {
                if (begun === undefined) return { done: true, value: undefined }
                const { values } = begun
                return ask(undefined, async () => (await values.return?.()) ?? { done: true, value: undefined })
              },
            }
          },
        }),
      }
    },
  }
}
