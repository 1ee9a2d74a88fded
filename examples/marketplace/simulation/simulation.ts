/** The marketplace under simulation: `dure sim examples/marketplace/system.ts`. */
import type { Simulation } from '@dure/simulation'
import { marketplace } from '../system.ts'
import { invariantsOf } from './invariants.ts'
import { createUsers, MINUTE } from './load.ts'
import { witnessed } from './witness.ts'
import { simulatedProvider, type SimulatedProvider } from './provider.ts'

export function simulation(): Simulation {
  const users = createUsers()
  let provider: SimulatedProvider | undefined
  return {
    system: ({ name, runtime }) => {
      const { random, timers } = runtime
      // One for the run, made with the time and the chance of the world outside.
      if (name === 'outside' || provider === undefined) {
        provider = simulatedProvider({
          seed: random.integer(1_000_000),
          trouble: random.number() ** 2 * 0.6,
          declines: 0.1,
          timers,
        })
      }
      return witnessed(marketplace({ provider: provider.from(runtime), timers, markPause: 400 }))
    },
    load: { duration: MINUTE, clients: 4, pause: 2_200, setup: users.setup, step: users.step },
    invariants: invariantsOf({ users, provider: () => provider! }),
  }
}
