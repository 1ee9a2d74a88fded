/**
 * Flows that nobody owns, seen: services react to each other's events, and a choreography says what is to come after what, and until
 * when. It consumes the events and starts nothing.
 */
import type { AnyEvent } from '../contract/contract.ts'
import { checkNumbers, KEEP, WAIT } from '../runtime/internal.ts'
import type { ReceivedEvent } from '../service/service.ts'
import type { Choreography, ChoreographyOptions, ChoreographyStep } from './definition.ts'
import { choreographies, observe } from './kind.ts'
import type { Step } from './path.ts'

export type { Choreography, ChoreographyOptions, ChoreographyStep, LateStep, ObservedPath } from './definition.ts'
export { ChoreographyLate } from './kind.ts'

/**
 * Declares what is to come after what.
 * @throws {TypeError} when a step is there twice, or comes after one that is not there, or a number cannot be used
 *
 * @example
 * ```ts
 * import { choreography } from 'dure/choreography'
 * import { event } from 'dure/contract'
 * import { z } from 'zod'
 *
 * const of = { schema: z.object({ orderId: z.string() }), key: ({ orderId }: { orderId: string }) => orderId }
 * const [Placed, Paid, Refused] = [event('placed', of), event('paid', of), event('refused', of)]
 * const checkout = choreography('checkout', {
 *   key: ({ data }) => data.orderId,
 *   steps: [
 *     { event: Placed },
 *     { event: Paid, within: 60_000, ends: true },
 *     { event: Refused, after: [Placed], optional: true, ends: true },
 *   ],
 * })
 * console.log(checkout.steps.map(({ event, after }) => `${event} after ${after}`)) // → [ 'placed after ', 'paid after placed', 'refused after placed' ]
 * ```
 */
export function choreography<const Steps extends readonly ChoreographyStep[]>(
  name: string,
  options: ChoreographyOptions<Steps>,
): Choreography {
  const what = `define choreography "${name}"`
  const { key, retention = 7 * 24 * 60 * 60 * 1_000 } = options
  checkNumbers(what, { retention }, { retention: KEEP })
  const events = new Map<string, AnyEvent>(options.steps.map(({ event }) => [event.name, event]))
  if (events.size < options.steps.length || events.size === 0)
    throw new TypeError(`Cannot ${what}: give each event one step, and at least one`)
  const named = (others: readonly AnyEvent[]): readonly string[] =>
    others.map((other) => {
      if (events.has(other.name)) return other.name
      throw new TypeError(`Cannot ${what}: it speaks of "${other.name}", which is none of its steps; give it one`)
    })
  const steps = options.steps.map(({ event, after, within, optional = false, unless = [], ends = false }, i): Step => {
    checkNumbers(`${what}, step "${event.name}"`, { within }, { within: WAIT })
    const above = i === 0 ? [] : [options.steps[i - 1]!.event]
    return { event: event.name, after: named(after ?? above), within, optional, unless: named(unless), ends }
  })
  return Object.freeze({
    ...{ kind: choreographies, name, steps, retention },
    reactions: ({ on }) =>
      [...events.values()].map((event) =>
        on(event, {
          name: `choreography ${name} ${event.name}`,
          handle: async (received, { tx }) => {
            const instance = key(received as ReceivedEvent<Steps[number]['event']>)
            if (instance !== undefined) await observe(tx, name, instance, received)
          },
        }),
      ),
  } satisfies Choreography)
}
