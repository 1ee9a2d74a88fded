import { type Transport } from '../../call/call.ts'
import { clientFactory } from '../../call/internal.ts'
import { OWN_PROCESS, SystemError } from '../../contract/internal.ts'
import type { Registry } from '../../discovery/discovery.ts'
import { callAddress } from '../../discovery/internal.ts'
import { type Broker } from '../../messaging/messaging.ts'
import { brokerContract, brokerHandlers, remoteBroker } from '../../messaging/internal.ts'
import { createActs } from '../../telemetry/internal.ts'
import type { Service } from '../definition.ts'
import { ownBroker } from '../own-broker.ts'
import { BROKER } from '../placement.ts'
import type { World } from '../system.ts'
import type { Disposables } from '../disposables.ts'
import { openServiceInstance } from '../service-instance.ts'
import { withoutSettings } from '../settings.ts'
import type { SystemProcessOptions } from './options.ts'

/** What the broker is called where services are looked for. */
export const BROKER_SERVICE: string = brokerContract.name

export type BrokerHere = {
  readonly broker: Broker
  readonly version: string
  /** Ends the sessions of other processes, which would otherwise last for ever; they look for the broker again. */
  readonly leave: () => Promise<void>
}

/** Runs the system's broker in this process, for it and for all others. */
export async function brokerHere(options: SystemProcessOptions): Promise<BrokerHere> {
  const { system, world, local, deadlines, disposables } = options
  const { runtime, log } = world
  const broker = await ownBroker(system, world, disposables)
  const served = brokerHandlers({ broker, runtime, log })
  disposables.add('sessions of the broker', () => served.stop())
  const service: Service = {
    contract: brokerContract,
    needs: {},
    database: undefined,
    handlers: served.handlers as Service['handlers'],
    reactions: [],
    extensions: [],
    ready: undefined,
  }
  const instance = await openServiceInstance({
    service,
    database: undefined,
    broker,
    local,
    transport: local,
    deadlines,
    world,
    acts: createActs({ record: undefined, runtime }),
    settings: withoutSettings,
    secured: true,
  })
  disposables.add('broker for other processes', ({ timeout }) => instance.stop({ timeout }))
  return { broker, version: brokerContract.version, leave: served.stop }
}

/** Milliseconds a process waits for the one that hosts the broker. */
const BROKER_TIMEOUT = 30_000

/** The broker of the system, in whatever process it runs. @throws {SystemError} when it runs in none */
export async function brokerElsewhere(options: {
  /** What this process runs, by which the broker's knows it. */
  readonly name: string
  readonly system: string
  readonly transport: Transport
  readonly registry: Registry
  readonly world: World
  readonly disposables: Disposables
}): Promise<Broker> {
  const { name, system, transport, registry, disposables } = options
  const { runtime, log, directory } = options.world
  if (!(await isThere(registry, options.world))) {
    throw new SystemError(`Cannot start "${name}" of system "${system}"`, [
      `No process on "${directory}" hosts its broker; start "${BROKER}" first, or all of it with --split`,
    ])
  }
  const client = clientFactory({ contract: brokerContract, transport, runtime })({
    service: undefined,
    principal: OWN_PROCESS,
  })
  const broker = remoteBroker({ client, name, runtime, log })
  disposables.add('broker', ({ timeout }) => broker.stop({ timeout }))
  return broker
}

async function isThere(registry: Registry, { runtime, log, directory }: World): Promise<boolean> {
  const there = (): boolean => registry.instances(BROKER_SERVICE).some((instance) => callAddress(instance) !== undefined)
  if (there()) return true
  log.info('Waiting for the process that hosts the broker', { directory })
  const found = new AbortController()
  const watching = registry.watch(BROKER_SERVICE, () => {
    if (there()) found.abort()
  })
  await runtime.timers.sleep(BROKER_TIMEOUT, found.signal)
  watching.stop()
  return there()
}
