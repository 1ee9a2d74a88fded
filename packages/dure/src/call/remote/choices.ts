import {
  consistentHash,
  peakEwma,
  roundRobin,
  slowStart,
  sticky,
  twoChoices,
  weightedRoundRobin,
  zoneFirst,
  type Balancer,
} from '../../resilience/resilience.ts'
import type { Runtime } from '../../runtime/runtime.ts'
import type { CallContext } from '../context.ts'
import { parts, type BalancePolicy } from './balance.ts'
import type { Member } from './member.ts'

/** Who takes the calls of one operation: the same object as long as the operation is called, with what is said of it now. */
export type Choice = {
  balancer: Balancer<Member>
  /** What a call has in common with others; undefined: it does not matter. */
  keyOf: ((input: unknown, context: CallContext) => string | undefined) | undefined
}

export type Choices = {
  readonly of: (operation: string) => Choice
  /** Looks at what is said now. What has not changed remembers what it knew. */
  readonly renew: () => void
}

/** Operations of which the same is said share a balancer: turns, places and latencies are then of the service. */
export function createChoices(options: {
  policyOf: (operation: string) => BalancePolicy
  runtime: Runtime
  zone: string | undefined
  /** Instances of those who call, by zone. */
  callers: (() => ReadonlyMap<string, number>) | undefined
}): Choices {
  const { policyOf } = options
  const choices = new Map<string, Choice>()
  let balancers = new Map<string, Balancer<Member>>()

  const balancerOf = (policy: BalancePolicy, into: Map<string, Balancer<Member>>): Balancer<Member> => {
    const id = JSON.stringify({ ...policy, subset: undefined, key: undefined })
    const balancer = into.get(id) ?? balancers.get(id) ?? createBalancer(policy, options)
    into.set(id, balancer)
    return balancer
  }

  return {
    of: (operation) => {
      let choice = choices.get(operation)
      if (choice === undefined) {
        const policy = policyOf(operation)
        choice = { balancer: balancerOf(policy, balancers), keyOf: keyOf(policy.key) }
        choices.set(operation, choice)
      }
      return choice
    },
    renew: () => {
      const next = new Map<string, Balancer<Member>>()
      for (const [operation, choice] of choices) {
        const policy = policyOf(operation)
        choice.balancer = balancerOf(policy, next)
        choice.keyOf = keyOf(policy.key)
      }
      balancers = next
    },
  }
}

/** From the inside out: who is chosen, in which zone, how often while it is new, and whether calls stay there. */
function createBalancer(
  policy: BalancePolicy,
  { runtime: { clock, random }, zone, callers }: Pick<Parameters<typeof createChoices>[0], 'runtime' | 'zone' | 'callers'>,
): Balancer<Member> {
  let balancer = basic(policy, clock, random)
  if (isOn(policy.zoneFirst) && zone !== undefined)
    balancer = zoneFirst({
      ...{ balancer, random, zone, zoneOf: (member: Member) => member.zone },
      ...(callers && { callers }),
      ...parts(policy.zoneFirst),
    })
  if (isOn(policy.slowStart)) balancer = slowStart({ balancer, clock, random, ...parts(policy.slowStart) })
  return policy.sticky === true ? sticky({ balancer }) : balancer
}

function basic(policy: BalancePolicy, clock: Runtime['clock'], random: Runtime['random']): Balancer<Member> {
  const weight = (member: Member): number => member.weight
  switch (policy.by) {
    case 'peakEwma':
      return peakEwma({ clock, random, ...(policy.decay !== undefined && { decay: policy.decay }) })
    case 'roundRobin':
      return roundRobin({ random })
    case 'weighted':
      return weightedRoundRobin({ weight, random })
    case 'key': {
      const load = policy.load === undefined ? {} : { load: policy.load }
      return consistentHash({ name: ({ instance }: Member) => instance.id, random, weight, ...load })
    }
    default:
      return twoChoices({ random })
  }
}

const isOn = (value: boolean | object | undefined): boolean => value !== undefined && value !== false

function keyOf(key: BalancePolicy['key']): Choice['keyOf'] {
  if (key === undefined) return undefined
  if (typeof key === 'function')
    return (input) => {
      try {
        return textOf(key(input))
      } catch {
        // An input that the callee will refuse, perhaps: that is to be said by the callee.
        return undefined
      }
    }
  const [from, ...path] = key.split('.')
  if (from === 'principal') return (_, { principal }) => principal?.subject
  if (from === 'metadata') return (_, { metadata }) => textOf(fieldOf(metadata, path[0]!))
  return (input) => textOf(path.reduce(fieldOf, input))
}

function fieldOf(value: unknown, field: string): unknown {
  if (value instanceof Map) return value.get(field)
  return typeof value === 'object' && value !== null && Object.hasOwn(value, field)
    ? (value as Readonly<Record<string, unknown>>)[field]
    : undefined
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (value instanceof Date) return String(value.getTime())
  return ['number', 'bigint', 'boolean'].includes(typeof value) ? String(value) : undefined
}
