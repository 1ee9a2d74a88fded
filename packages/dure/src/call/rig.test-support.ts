import { contract, type Operations } from '../contract/contract.ts'
import { createDeadlines, virtualRuntime, type VirtualRuntime } from '../runtime/runtime.ts'
import { clientFactory, createEndpoint, createAdmission, createLocalTransport, createOperationMetrics } from './internal.ts'
import type { CallContext, Client } from './call.ts'
import type { Cancellation, Admission, OperationMetrics } from './internal.ts'

/** One service behind the local transport under virtual time: the whole call path and nothing else. */
export function callRig<Ops extends Operations>(options: {
  operations: Ops
  handlers: { [K in keyof Ops]: (input: never, context: RigContext) => unknown }
  capacity?: number
}) {
  const world: VirtualRuntime = virtualRuntime()
  const deadlines = createDeadlines({ clock: world.clock, timers: world.timers })
  const transport = createLocalTransport()
  const admission: Admission = createAdmission({ service: 'rig', capacity: options.capacity ?? 100 })
  const definition = contract('rig', { version: '1.0.0', owner: 'tests', operations: options.operations })
  const metrics: Record<string, OperationMetrics> = {}
  const faults: unknown[] = []
  for (const [name, operation] of Object.entries(definition.operations)) {
    metrics[name] = createOperationMetrics()
    const endpoint = createEndpoint({
      place: `rig.${name}`,
      operation,
      handler: options.handlers[name] as (input: unknown, context: unknown) => unknown,
      context: (call: CallContext, cancellation: Cancellation): RigContext => ({
        ...call,
        cancellation,
        signal: cancellation.signal,
      }),
      admission,
      clock: world.clock,
      deadlines,
      metrics: metrics[name],
      onFault: (_place, thrown) => faults.push(thrown),
    })
    transport.add({ service: 'rig', operation: name }, endpoint)
  }
  admission.open()
  const factory = clientFactory({ contract: definition, transport, runtime: world })
  const client = factory({ service: undefined }) as Client<typeof definition>
  return { client, factory, world, admission, deadlines, metrics, faults, transport }
}

export type RigContext = CallContext & { readonly signal: AbortSignal; readonly cancellation: Cancellation }
