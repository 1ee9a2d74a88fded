/** The marketplace under simulation: `dure sim examples/marketplace/system.ts`. */
import type { CallPolicies } from 'dure/call'
import type { Random, Runtime, Timers } from 'dure/runtime'
import type { System } from 'dure/service'
import type { Simulation } from '@dure/simulation'
import type { PaymentProvider } from '../services/payment/domain/provider.ts'
import { invariantsOf } from './invariants.ts'
import { createUsers, MINUTE } from './load.ts'
import { simulatedProvider, type SimulatedProvider } from './provider.ts'
import { EXPECTED } from './rare.ts'
import { offerOf } from './story.ts'
import { POLICIES } from '../policies.ts'
import { witnessed } from '../witness/witness.ts'

/** The marketplace for one process, with what the simulation has for it. */
export type MakeMarketplace = (options: {
  readonly provider: PaymentProvider
  readonly timers: Timers
  readonly markPause: number
  readonly policies: CallPolicies
}) => System

/**
 * Users of all kinds at work for a minute, everything that can go wrong, and what must be true afterwards.
 * @param options `insight`: what is made has the service of that name
 */
export function marketplaceSimulation(make: MakeMarketplace, { insight = false } = {}): Simulation {
  const users = createUsers()
  let outside: Outside | undefined
  return {
    system: ({ name, runtime }) => {
      // One for the run, made with the time and the chance of the world outside.
      if (name === 'outside' || outside === undefined) outside = createOutside(runtime)
      const { provider, attempts, policies } = outside
      const { timers } = runtime
      return witnessed(sooner(make({ provider: provider.from(runtime), timers, markPause: 1_000, policies }), attempts))
    },
    story: offerOf,
    load: { duration: MINUTE, clients: 3, pause: 2_500, setup: users.setup, step: users.step },
    expects: EXPECTED,
    invariants: invariantsOf({ users, provider: () => outside!.provider, insight }),
  }
}

type Outside = {
  readonly provider: SimulatedProvider
  /** After how many tries an event is a dead letter. */
  readonly attempts: number
  readonly policies: CallPolicies
}

/** Few users call too seldom for breakers that wait for twenty calls, and never more at once than there is room for. */
const SENSITIVE: CallPolicies = {
  '*': {
    breaker: { window: { time: 60_000 }, minimumCalls: 1, failureRate: 0.1, open: { first: 2_000, max: 10_000 } },
    limit: { limit: 2 },
  },
}

function createOutside({ random, timers }: Runtime): Outside {
  const seed = random.integer(1_000_000)
  const trouble = random.number() ** 2 * 0.6
  return {
    provider: simulatedProvider({ seed, trouble, declines: 0.1, timers }),
    attempts: attemptsOf(random),
    policies: random.number() < 0.5 ? POLICIES : SENSITIVE,
  }
}

/** In some runs as usual, in others few enough that troubles outlast them: dead letters, and those who wait behind them. */
function attemptsOf(random: Random): number {
  return random.number() < 0.5 ? Infinity : 1 + random.integer(2)
}

/** The same system, whose events are dead letters sooner. Payments wait for their provider however long it takes. */
function sooner(system: System, attempts: number): System {
  const services = system.services.map((service) => ({
    ...service,
    reactions: service.reactions.map((reaction) => ({
      ...reaction,
      retry: {
        ...reaction.retry,
        attempts: reaction.retry.attempts > 100 ? reaction.retry.attempts : Math.min(attempts, reaction.retry.attempts),
      },
    })),
  }))
  return { ...system, services }
}
