import { CallError } from '../contract/contract.ts'
import { createDeadlines, type Runtime } from '../runtime/runtime.ts'
import { createBulkhead, type Bulkhead } from './bulkhead.ts'
import { createEjection, type EjectionPolicy, type HostHealth } from './ejection.ts'
import { createRetryBudget, type RetryBudget, type RetryBudgetPolicy } from './retry-budget.ts'

/** How a host stands, and what has happened with it since it is known: numbers that only grow. */
export type HostState = {
  readonly host: string
  /** `out`: calls fail at once. `probing`: one call is under way that finds out whether the host is back. */
  readonly health: 'in' | 'out' | 'probing'
  /** Calls under way, and calls that wait for a place. */
  readonly inside: number
  readonly waiting: number
  /** Repetitions that the budget has left. */
  readonly retriesLeft: number
  readonly calls: number
  /** Tries: the calls that were made, and their repetitions. */
  readonly tries: number
  /** Tries that spoke against the host: errors, answers of a host in trouble, and no answer in time. */
  readonly failures: number
  /** Tries that were not made, since there was no place or the host was out. */
  readonly refusals: number
}

/** What belongs to one host. */
export type Host = {
  readonly bulkhead: Bulkhead
  readonly budget: RetryBudget
  readonly health: HostHealth
  readonly count: { calls: number; tries: number; failures: number; refusals: number }
  /** Calls that are not over, their pauses included. */
  open: number
}

export type Hosts = {
  /** @throws {CallError} RESOURCE_EXHAUSTED when as many hosts as can be remembered are all being called */
  readonly enter: (name: string, place: string) => Host
  readonly leave: (host: Host) => void
  readonly state: () => readonly HostState[]
}

/** Hosts that are remembered. Of more, the one called longest ago is forgotten. */
const MOST_HOSTS = 1_000

export function createHosts(options: {
  runtime: Pick<Runtime, 'clock' | 'timers' | 'random'>
  budget: Partial<RetryBudgetPolicy> | undefined
  ejection: Partial<EjectionPolicy> | undefined
  concurrency: number
  queue: number
}): Hosts {
  const { runtime, concurrency, queue } = options
  const { clock, timers, random } = runtime
  const ejection = createEjection({ clock, random, policy: { ...options.ejection, share: options.ejection?.share ?? 1 } })
  const budgetOf = (): RetryBudget => createRetryBudget({ clock, policy: options.budget })
  // A policy that cannot be used is told of now, not at the first call.
  budgetOf()
  const deadlines = createDeadlines({ clock, timers })
  const hosts = new Map<string, Host>()
  let open = 0

  const create = (name: string): Host => {
    const bulkhead = createBulkhead({ name: `"${name}"`, limit: concurrency, queue, clock, deadlines })
    // Whoever waits for a place at a host that is out waits for nothing.
    const health = ejection.join((change) => change === 'ejected' && bulkhead.move())
    return { bulkhead, budget: budgetOf(), health, count: { calls: 0, tries: 0, failures: 0, refusals: 0 }, open: 0 }
  }
  const forgetOne = (place: string): void => {
    for (const [name, host] of hosts) {
      if (host.open > 0 || host.bulkhead.inside() > 0) continue
      ejection.leave(host.health)
      hosts.delete(name)
      return
    }
    const state = `${MOST_HOSTS} other hosts are being called`
    throw new CallError('RESOURCE_EXHAUSTED', `${place} was not made: ${state}; try again later`, { inside: true })
  }

  return {
    enter: (name, place) => {
      const known = hosts.get(name)
      if (known === undefined && hosts.size >= MOST_HOSTS) forgetOne(place)
      const host = known ?? create(name)
      hosts.delete(name)
      hosts.set(name, host)
      host.open++
      host.count.calls++
      open++
      return host
    },
    leave: (host) => {
      host.open--
      // Nobody waits: the timer of those who wait must not keep the process.
      if (--open === 0) deadlines.stop()
    },
    state: () =>
      [...hosts].map(([host, { bulkhead, budget, health, count }]) => ({
        host,
        health: health.state(),
        inside: bulkhead.inside(),
        waiting: bulkhead.waiting(),
        retriesLeft: budget.left(),
        ...count,
      })),
  }
}
