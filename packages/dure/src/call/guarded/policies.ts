import type { OperationKind } from '../../contract/contract.ts'
import { checkNumbers, createLive, WAIT } from '../../runtime/internal.ts'
import {
  aimd,
  breaker,
  bulkhead,
  cache,
  collapse,
  gradient,
  hedge,
  limit,
  rateLimit,
  type Breaker,
  type BreakerChange,
  type BreakerPolicy,
  type CachePolicy,
  type Guard,
  type PolicyWorld,
  type Priority,
  type RatePolicy,
  type Shares,
} from '../../resilience/resilience.ts'
import { completePolicy, type ChangingPolicy, type RemoteChanges } from '../remote/remote.ts'

/**
 * How calls of an operation are guarded, wherever it runs: plain data, so that a file can say it. `{}` turns a policy on with its
 * defaults, false turns off what was said before; what nobody says is off.
 */
export type CallPolicy = {
  /** Milliseconds a call has, at most; whoever calls may give it less. */
  readonly timeout?: number | false
  readonly breaker?: Partial<BreakerPolicy> | false
  readonly rateLimit?: (Partial<RatePolicy> & Pick<RatePolicy, 'rate'>) | false
  /**
   * Calls at once, a number that finds itself unless given; low priority is refused first. Said of a service, or of all, its operations
   * share one limit; said of an operation, it has one of its own.
   */
  readonly limit?: { readonly limit?: number | 'gradient' | 'aimd'; readonly shares?: Partial<Shares> } | false
  /** Calls at once, and those that wait for a place. */
  readonly bulkhead?: { readonly concurrency: number; readonly queue?: number } | false
  /** Made once more after so many milliseconds without an answer: only what may be made twice. */
  readonly hedge?: { readonly after: number; readonly most?: number } | false
  /** Equal queries under way at once are one call; equal is what the same principal asks with the same input and metadata. */
  readonly collapse?: boolean
  /** Answers of queries that are given again while there is no other, to the same principal for the same input and metadata. */
  readonly cache?: Partial<CachePolicy> | false
  /** Of calls of this operation, where there is not room for all: within `limit`, and at its service. */
  readonly priority?: Priority
  /** How often, and how, a call is sent again to instances in other processes, and when one of them is left out. */
  readonly remote?: ChangingPolicy
}

/** By whom they are for: `'orders.place'`, `'orders'`, `'*'`. What is said of an operation goes before what is said of its service. */
export type CallPolicies = Readonly<Record<string, CallPolicy>>

/** Policies that may change while a system runs. */
export type PolicySource = {
  readonly current: () => CallPolicies
  /** @throws {TypeError} by `changed`, when they make no sense: then they have not changed */
  readonly watch: (changed: (next: CallPolicies) => void) => { readonly stop: () => void }
}

export type LivePolicies = PolicySource & {
  /**
   * From the next call on these apply. What has not changed keeps its state: breakers, limits, answers.
   * @throws {TypeError} saying what makes no sense; the old ones go on
   */
  readonly set: (next: CallPolicies) => void
}

/**
 * Policies of calls that can be changed while a system runs, as a whole.
 * @throws {TypeError} when they make no sense
 *
 * @example
 * ```ts
 * import { livePolicies } from 'dure/call'
 *
 * const policies = livePolicies({ stock: { breaker: { failureRate: 0.5 } } }) // system(…, { policies })
 * try {
 *   policies.set({ stock: { breaker: { failureRate: 5 } } })
 * } catch (error) {
 *   console.log((error as Error).message)
 * }
 * // → Cannot use the policy of "stock": Cannot guard calls by a breaker: "failureRate" is 5; give a number from 0.001 to 1
 * console.log(policies.current()) // → { stock: { breaker: { failureRate: 0.5 } } }
 * ```
 */
export function livePolicies(initial: CallPolicies = {}): LivePolicies {
  const { current, watch, tell } = createLive(checkPolicies(initial))
  return { current, watch, set: (next) => tell(checkPolicies(next)) }
}

const FIELDS: ReadonlySet<string> = new Set<keyof CallPolicy>([
  'timeout',
  'breaker',
  'rateLimit',
  'limit',
  'bulkhead',
  'hedge',
  'collapse',
  'cache',
  'priority',
  'remote',
])
const PRIORITIES: readonly unknown[] = [undefined, 'high', 'normal', 'low']

/** @throws {TypeError} */
export function checkPolicies(policies: CallPolicies): CallPolicies {
  for (const [name, policy] of Object.entries(policies)) {
    try {
      checkPolicy(policy)
      if (name.includes('.') && policy.remote?.balance?.subset !== undefined)
        throw new TypeError('its "subset" is of connections, which all operations share; say it of the service')
    } catch (error) {
      throw new TypeError(`Cannot use the policy of "${name}": ${(error as Error).message}`, { cause: error })
    }
  }
  return policies
}

function checkPolicy(policy: CallPolicy): void {
  if (typeof policy !== 'object' || policy === null) throw new TypeError('it is no object')
  const unknown = Object.keys(policy).find((field) => !FIELDS.has(field))
  if (unknown !== undefined) throw new TypeError(`it has "${unknown}"; give ${[...FIELDS].join(', ')}`)
  checkNumbers('limit the time of calls', policy, { timeout: WAIT } as never)
  if (!PRIORITIES.includes(policy.priority))
    throw new TypeError(`its "priority" is ${String(policy.priority)}; give high, normal or low`)
  if (policy.remote !== undefined) completePolicy(policy.remote)
  for (const kind of KINDS) makePart(kind, policy, { name: 'it' })
}

/** What is said last of each thing, from what is said of everybody to what is said of the operation. */
export function policyOf(sets: readonly CallPolicies[], service: string, operation: string): CallPolicy {
  return Object.assign({}, ...sets.flatMap((set) => [set['*'], set[service], set[`${service}.${operation}`]])) as CallPolicy
}

/** Whether a limit on an operation is that of its whole service: said of that, or of all, and not of the operation itself. */
export function sharesLimit(sets: readonly CallPolicies[], service: string, operation: string): boolean {
  const said = sets.flatMap((set) => [set['*'], set[service], set[`${service}.${operation}`]])
  return said.findLastIndex((one) => one?.limit !== undefined) % 3 !== 2
}

/** What a source says of ways to other processes. */
export function remoteChanges(source: PolicySource): RemoteChanges {
  let said = source.current()
  return {
    of: (service, operation) => policyOf([said], service, operation).remote ?? {},
    watch: (changed) =>
      source.watch((next) => {
        said = next
        changed()
      }),
  }
}

/** The kinds that a policy has a part of, in the order in which they stand around a call. */
export const KINDS: readonly GuardedKind[] = ['cache', 'collapse', 'hedge', 'breaker', 'rateLimit', 'limit', 'bulkhead']
export type GuardedKind = 'cache' | 'collapse' | 'hedge' | 'breaker' | 'rateLimit' | 'limit' | 'bulkhead'

/** Whether a kind of policy means anything for a kind of operation. */
export function applies(kind: GuardedKind, { kind: of, repeatable }: { kind?: OperationKind; repeatable?: boolean }): boolean {
  if (kind === 'cache' || kind === 'collapse') return of === 'query'
  if (kind === 'hedge') return repeatable === true && (of === 'query' || of === 'command')
  return true
}

type Making = {
  readonly name: string
  readonly world?: PolicyWorld
  readonly onChange?: (change: BreakerChange) => void
}

/** @throws {TypeError} when it makes no sense */
export function makePart(kind: GuardedKind, policy: CallPolicy, making: Making): Guard | Breaker | undefined {
  const { world, name } = making
  const said = policy[kind]
  if (said === undefined || said === false) return undefined
  const here = world === undefined ? { name } : { name, world }
  switch (kind) {
    case 'cache':
      return cache({ ...(policy.cache as Partial<CachePolicy>), ...here, copy: structuredClone })
    case 'collapse':
      return collapse({ copy: structuredClone })
    case 'hedge':
      return hedge({ ...(policy.hedge as { readonly after: number }), ...here })
    case 'breaker':
      return breaker({
        ...(policy.breaker as Partial<BreakerPolicy>),
        ...here,
        ...(making.onChange && { onChange: making.onChange }),
      })
    case 'rateLimit':
      return rateLimit({ ...(policy.rateLimit as RatePolicy), ...here })
    case 'limit': {
      const { limit: given = 'gradient', shares = {} } = policy.limit as Exclude<CallPolicy['limit'], false | undefined>
      if (typeof given === 'string' && given !== 'gradient' && given !== 'aimd')
        throw new TypeError(`Cannot limit calls at once: its "limit" is "${String(given)}"; give a number, "gradient" or "aimd"`)
      return limit({ limit: given === 'gradient' ? gradient() : given === 'aimd' ? aimd() : given, shares, ...here })
    }
    case 'bulkhead':
      return bulkhead({ ...(policy.bulkhead as { readonly concurrency: number }), ...here })
  }
}
