import type { BreakerChange, BreakerReading, Guard } from '../../resilience/resilience.ts'
import { createDeadlines, type Runtime } from '../../runtime/runtime.ts'
import { FAMILIES, type Attributes, type Logger, type Reading } from '../../telemetry/telemetry.ts'
import { CALLER, type Tracer } from '../../telemetry/internal.ts'
import type { Route, Target, Transport } from '../transport.ts'
import type { CallEnd } from './call-window.ts'
import { GuardedOperation, type Fallback, type SharedLimit } from './guarded-operation.ts'
import { checkPolicies, policyOf, sharesLimit, type CallPolicies, type CallPolicy, type PolicySource } from './policies.ts'

/** What one calling service says itself of its calls. */
export type OwnPolicies = {
  readonly policies?: CallPolicies | undefined
  /** By service and operation: `fallbacks.stock.check`. */
  readonly fallbacks?: Readonly<Record<string, Readonly<Record<string, Fallback>>>> | undefined
}

/** How the calls of one operation by one caller of this process stand. */
export type CallReading = {
  /** The calling service; undefined at the door. */
  readonly caller: string | undefined
  readonly service: string
  readonly operation: string
  /** As it was said of them, all of it together. */
  readonly policy: CallPolicy
  /** Undefined: there is none. */
  readonly breaker: BreakerReading | undefined
  /** How calls have ended since the start, and in the last 10 seconds. */
  readonly ever: Readonly<Record<CallEnd, number>>
  readonly lately: Readonly<Record<CallEnd, number>>
  /** Of those of the last 10 seconds for which a fallback was asked: why it was. */
  readonly behindFallback: Readonly<Record<CallEnd, number>>
  readonly underWay: number
  /** Milliseconds of the last calls, at most 256, the shortest first. */
  readonly durations: readonly number[]
}

/** The policies of all calls that leave the services of this process, wherever the callee runs. */
export type Guards = {
  /** The same transport, guarded for one caller: above what is local or remote, so that both answer alike. */
  readonly around: (transport: Transport, caller: string | undefined, own?: OwnPolicies) => Transport
  readonly readings: () => readonly CallReading[]
  readonly metrics: () => readonly Reading[]
  readonly stop: () => void
}

/** @throws {TypeError} when the policies make no sense */
export function createGuards(options: {
  source: PolicySource
  runtime: Runtime
  log: Logger
  tracer?: Tracer | undefined
}): Guards {
  const { source, runtime, log, tracer } = options
  const deadlines = createDeadlines({ clock: runtime.clock, timers: runtime.timers })
  const operations = new Map<string, { readonly operation: GuardedOperation; readonly own: CallPolicies }>()
  const limits = createLimits()
  let current = checkPolicies(source.current())

  const use = ({ operation, own }: { operation: GuardedOperation; own: CallPolicies }, from: CallPolicies): void => {
    const { service, operation: name } = operation.options.target
    const { policy: declared = {} } = operation.options.target
    // The callee's contract, then the caller, then the system: who knows more goes last.
    const sets = [{ '*': declared }, own, from]
    const { caller } = operation.options
    operation.use(policyOf(sets, service, name), sharesLimit(sets, service, name) ? limits(caller, service) : undefined)
  }
  const watching = source.watch((next) => {
    checkPolicies(next)
    current = next
    for (const one of operations.values()) use(one, next)
  })
  const told = ({ name, from, to }: BreakerChange): void => {
    const about = { call: name, from, to: to.state, ...(to.state === 'OPEN' ? { because: to.because } : {}) }
    if (to.state === 'OPEN') log.warn('A breaker has opened: calls are not made for a while', about)
    else log.info('A breaker has changed', about)
  }
  const operationOf = (target: Target, caller: string | undefined, own: OwnPolicies): GuardedOperation => {
    const { service, operation: name, repeatable } = target
    const key = `${caller ?? ''}>${service}.${name}.${repeatable === true}`
    const known = operations.get(key)
    if (known !== undefined) return known.operation
    const fallback = own.fallbacks?.[service]?.[name]
    const operation = new GuardedOperation({ target, caller, fallback, runtime, deadlines, tracer, onChange: told })
    const one = { operation, own: own.policies ?? {} }
    use(one, current)
    operations.set(key, one)
    return operation
  }

  const readings = (): readonly CallReading[] =>
    [...operations.values()]
      .filter(({ operation }) => operation.guarded)
      .map(({ operation: { options: made, policy, breaker, window } }) => ({
        caller: made.caller,
        service: made.target.service,
        operation: made.target.operation,
        policy,
        breaker: breaker?.reading(),
        ever: window.ever(),
        lately: window.lately(),
        behindFallback: window.behind(),
        underWay: window.underWay(),
        durations: window.durations(),
      }))

  return {
    around: (transport, caller, own = {}) => {
      if (own.policies !== undefined) checkPolicies(own.policies)
      return {
        ...transport,
        route: (target) => {
          const route = transport.route(target)
          return target.instance === undefined ? guarded(route, operationOf(target, caller, own)) : route
        },
      }
    },
    readings,
    metrics: () => [
      ...readings().flatMap(readingsOf),
      ...[...operations.values()].flatMap(({ operation }) => askedOf(operation)),
    ],
    stop: () => {
      watching.stop()
      deadlines.stop()
    },
  }
}

/** One limit for all operations of a service that one caller calls, as it was said last. */
function createLimits(): (caller: string | undefined, service: string) => SharedLimit {
  const made = new Map<string, { readonly said: string; readonly guard: Guard | undefined }>()
  return (caller, service) => {
    const key = `${caller ?? ''}>${service}`
    return (said, make) => {
      const known = made.get(key)
      if (known?.said === said) return known.guard
      const guard = make(service)
      made.set(key, { said, guard })
      return guard
    }
  }
}

function guarded(route: Route, operation: GuardedOperation): Route {
  return {
    get local() {
      return route.local === true
    },
    call: (input, context) => operation.call(route, input, context),
    start: (input, context, to) => operation.start(route, input, context, to),
    stream: (input, context, incoming) => operation.stream(route, input, context, incoming),
  }
}

const STATES = { CLOSED: 0, HALF_OPEN: 1, OPEN: 2 } as const

const attributesOf = (service: string, operation: string, caller: string | undefined): Attributes => ({
  ...{ 'rpc.service': service, 'rpc.method': operation, [CALLER]: caller ?? '' },
})

/** Of what was never asked nothing is told. */
function askedOf({ asked, options: { target, caller } }: GuardedOperation): readonly Reading[] {
  if (asked === 0) return []
  return [{ family: FAMILIES.asked, attributes: attributesOf(target.service, target.operation, caller), value: asked }]
}

function readingsOf({ caller, service, operation, breaker, ever }: CallReading): readonly Reading[] {
  const attributes = attributesOf(service, operation, caller)
  const ends = Object.entries(ever).filter(([, value]) => value > 0)
  return [
    ...(breaker === undefined ? [] : [{ family: FAMILIES.breaker, attributes, value: STATES[breaker.now.state] }]),
    ...ends.map(([end, value]) => ({ family: FAMILIES.guarded, attributes: { ...attributes, 'dure.call.end': end }, value })),
  ]
}
