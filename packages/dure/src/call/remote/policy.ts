import { checkNumbers, completeNumbers, COUNT, COUNT_OR_NONE, WAIT_OR_NONE, type Ranges } from '../../runtime/internal.ts'
import { completeBudget, completeEjection } from '../../resilience/internal.ts'
import { checkBalance, type BalancePolicy } from './balance.ts'
import type { BackoffPolicy, EjectionPolicy, RetryBudgetPolicy } from '../../resilience/resilience.ts'

/** How calls to other processes are kept safe. What is not given has a default. */
export type RemotePolicy = {
  /** Times one call is sent at most, the first included. Default 4. */
  readonly attempts: number
  /** What retries may add to the load, a service at a time. */
  readonly budget: Partial<RetryBudgetPolicy>
  /** How long a call waits before it is sent again to an instance that it has tried. Default 20 to 1,000 milliseconds. */
  readonly backoff: BackoffPolicy
  /** When an instance is left out, and for how long. */
  readonly ejection: Partial<EjectionPolicy>
  /** Which instance takes a call. Default: the less loaded of two by chance. */
  readonly balance: BalancePolicy
  /** Milliseconds a call must have had for its missed deadline to speak against the instance. Default 100. */
  readonly stallAfter: number
  /** Calls under way to one peer. Default 1,000. */
  readonly concurrency: number
  /** Calls that may wait for a place at one peer. Default 1,000. */
  readonly queue: number
  /** Milliseconds a call waits for a first instance of its service, or for one to be reached; never past its deadline. Default 5,000. */
  readonly patience: number
  /** Calls of one service that may wait so. Default 1,000. */
  readonly waiters: number
}

const DEFAULTS: RemotePolicy = {
  attempts: 4,
  budget: {},
  backoff: { first: 20, max: 1_000 },
  ejection: {},
  balance: {},
  stallAfter: 100,
  concurrency: 1_000,
  queue: 1_000,
  patience: 5_000,
  waiters: 1_000,
}
const NUMBERS: Ranges<RemotePolicy> = {
  attempts: COUNT,
  stallAfter: WAIT_OR_NONE,
  concurrency: COUNT,
  queue: COUNT_OR_NONE,
  patience: WAIT_OR_NONE,
  waiters: COUNT_OR_NONE,
}

const BACKOFF: Ranges<BackoffPolicy> = { first: WAIT_OR_NONE, factor: { least: 1, most: 1_000 }, max: WAIT_OR_NONE }

/** @throws {TypeError} when a number cannot be used, be it of the budget, the backoff or the ejection */
export function completePolicy(policy: Partial<RemotePolicy> = {}): RemotePolicy {
  const complete = completeNumbers('call other processes with this policy', DEFAULTS, policy, NUMBERS)
  checkNumbers('call other processes with this backoff', complete.backoff, BACKOFF)
  completeBudget(complete.budget)
  completeEjection(complete.ejection)
  checkBalance(complete.balance)
  return complete
}

/** What is said of a service, and of an operation of it, as it is now. Asked at every call that has to be sent again, so it is cheap. */
export type RemotePolicies = {
  readonly of: (service: string, operation?: string) => RemotePolicy
  readonly stop: () => void
}

/** What may be said while a system runs: places at a peer are those of its process, and stay as they were. */
export type ChangingPolicy = Partial<
  Pick<RemotePolicy, 'attempts' | 'backoff' | 'budget' | 'stallAfter' | 'patience' | 'ejection' | 'balance'>
>

/** What is said while a system runs. */
export type RemoteChanges = {
  readonly of: (service: string, operation: string) => ChangingPolicy
  readonly watch: (changed: () => void) => { readonly stop: () => void }
}

/**
 * @param changed told after a change
 * @throws {TypeError} when what is said makes no sense
 */
export function remotePolicies(options: {
  base: Partial<RemotePolicy> | undefined
  changes: RemoteChanges | undefined
  changed: () => void
}): RemotePolicies {
  const { base = {}, changes } = options
  const known = new Map<string, RemotePolicy>()
  completePolicy(base)
  const watching = changes?.watch(() => {
    known.clear()
    options.changed()
  })
  return {
    of: (service, operation = '') => {
      const key = `${service}.${operation}`
      let policy = known.get(key)
      if (policy === undefined) {
        policy = completePolicy({ ...base, ...changes?.of(service, operation) })
        known.set(key, policy)
      }
      return policy
    },
    stop: () => watching?.stop(),
  }
}
