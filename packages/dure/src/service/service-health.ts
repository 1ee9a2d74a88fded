import { type Cancellation } from '../call/internal.ts'
import type { Configuration } from '../config/internal.ts'
import type { Store } from '../data/data.ts'
import type { Broker } from '../messaging/messaging.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { Logger } from '../telemetry/telemetry.ts'
import type { MakeContext } from './context.ts'
import type { Service } from './definition.ts'
import { createProbe, type Probe } from './dependencies.ts'
import { healthCheckCall, readiness } from './readiness.ts'
import type { ServiceHealth, ServicePulse } from './system.ts'

type Options = {
  readonly service: Service
  readonly copy: string
  readonly broker: Broker
  readonly store: Store | undefined
  readonly contexts: MakeContext
  readonly configuration: Configuration | undefined
  readonly runtime: Runtime
  readonly log: Logger
  readonly state: () => ServiceHealth['state']
  /** Why its reactions and its extensions cannot do their work. */
  readonly reasons: () => readonly string[]
}

/** How one copy of a service is: ready while it runs, its store answers, and nothing of it says otherwise. */
export function createServiceHealth(options: Options): {
  readonly health: () => Promise<ServiceHealth>
  readonly pulse: () => ServicePulse
} {
  const { service, copy, contexts, configuration, runtime, log, reasons } = options
  const { name } = service.contract
  const probes = probesOf(options)
  const ask =
    service.ready && ((cancellation: Cancellation) => service.ready!(contexts(healthCheckCall(name, runtime), cancellation)))

  const pulse = (): ServicePulse => {
    const state = options.state()
    return { service: name, copy, state, live: state !== 'stopped', started: state !== 'starting' }
  }
  const health = async (): Promise<ServiceHealth> => {
    const now = pulse()
    if (now.state !== 'running') return { ...now, ready: false, reasons: [`It is ${now.state}`], dependencies: [] }
    const [dependencies, said] = await Promise.all([
      Promise.all(probes.map((probe) => probe())),
      ask && readiness(ask, runtime, log),
    ])
    // What is to be published waits in the outbox while the broker is away, and calls are answered.
    const away = dependencies.filter(({ kind, state }) => kind === 'store' && state === 'down')
    const why = [
      ...away.map(({ reason }) => `Its database does not answer: ${reason}`),
      ...(said === undefined ? [] : [said]),
      ...reasons(),
    ]
    const warnings = configuration?.warnings() ?? []
    return { ...now, ready: why.length === 0, reasons: why, dependencies, ...(warnings.length > 0 && { warnings }) }
  }
  return { health, pulse }
}

/** What it needs from outside: its store, and the broker where it has something to do with one. */
function probesOf({ service, broker, store, runtime, log }: Options): readonly Probe[] {
  const usesBroker = service.contract.events.length + service.reactions.length > 0
  return [
    ...(store === undefined ? [] : [createProbe({ name: store.engine, kind: 'store', ask: store.ping, runtime, log })]),
    ...(usesBroker ? [createProbe({ name: broker.name, kind: 'broker', ask: broker.lag, runtime, log })] : []),
  ]
}
