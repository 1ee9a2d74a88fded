import { createBulkhead } from 'dure/resilience'
import { createDeadlines, realRuntime } from 'dure/runtime'
import type { Service } from 'dure/service'

/** So many calls of a copy work at once, for so many milliseconds each; the others wait. So it is known how many it can answer. */
export type Work = { readonly places: number; readonly ms: number }

/** Calls of all copies in a second. */
export const capacityOf = ({ places, ms }: Work, copies: number): number => (copies * places * 1000) / ms

/** The same service, as if it worked on a machine that can do so much: as with a small pool of connections, whoever comes last waits. */
export function worked(service: Service, { places, ms }: Work): Service {
  const { clock, timers } = realRuntime()
  const line = createBulkhead({
    ...{ name: service.contract.name, limit: places, queue: 1_000_000, clock },
    deadlines: createDeadlines({ clock, timers }),
  })
  const handlers = Object.entries(service.handlers).map(([name, handler]) => [
    name,
    (input: unknown, context: unknown) =>
      // Nobody is turned away: who waits does so in vain when its caller has gone.
      line.run(
        async () => {
          await timers.sleep(ms)
          return handler(input, context)
        },
        { deadline: clock.monotonic() + 60_000 },
      ),
  ])
  return { ...service, handlers: Object.fromEntries(handlers) as Service['handlers'] }
}
