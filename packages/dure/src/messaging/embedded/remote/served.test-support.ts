import {
  clientFactory,
  createEndpoint,
  createAdmission,
  createLocalTransport,
  createOperationMetrics,
  type LocalTransport,
} from '../../../call/internal.ts'
import { OWN_PROCESS } from '../../../contract/internal.ts'
import { createDeadlines, type Runtime } from '../../../runtime/runtime.ts'
import { silentLogger, type Logger } from '../../../telemetry/telemetry.ts'
import type { Broker } from '../../broker.ts'
import { brokerContract, brokerHandlers, type BrokerClient } from './remote.ts'

/** A broker behind a transport, as a process that serves it has it. */
export type Served = {
  readonly transport: LocalTransport
  /** Ends the sessions, then the broker. */
  readonly stop: () => Promise<void>
}

export function serveBroker(options: { broker: Broker; runtime: Runtime; log?: Logger; lease?: number }): Served {
  const { broker, runtime, log = silentLogger(), lease = 5_000 } = options
  const served = brokerHandlers({ broker, runtime, log, lease })
  const transport = createLocalTransport()
  const deadlines = createDeadlines({ clock: runtime.clock, timers: runtime.timers })
  const admission = createAdmission({ service: brokerContract.name, capacity: 10_000 })
  for (const [name, operation] of Object.entries(brokerContract.operations)) {
    const handler = served.handlers[name as keyof typeof served.handlers] as (input: unknown) => unknown
    const endpoint = createEndpoint({
      place: `${brokerContract.name}.${name}`,
      operation,
      handler,
      context: () => undefined,
      admission,
      clock: runtime.clock,
      deadlines,
      metrics: createOperationMetrics(),
      onFault: (place, thrown) => log.error(`Call to ${place} failed`, { error: thrown }),
    })
    transport.add({ service: brokerContract.name, operation: name }, endpoint)
  }
  admission.open()
  return {
    transport,
    stop: async () => {
      await served.stop()
      await broker.stop()
      transport.remove(brokerContract.name)
      deadlines.stop()
    },
  }
}

/** As a process that uses it has it. */
export function clientOf(transport: LocalTransport, runtime: Runtime): BrokerClient {
  return clientFactory({ contract: brokerContract, transport, runtime })({
    service: undefined,
    principal: OWN_PROCESS,
  })
}
