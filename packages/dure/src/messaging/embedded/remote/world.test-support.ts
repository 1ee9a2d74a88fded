import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { realRuntime, type Runtime } from '../../../runtime/runtime.ts'
import { silentLogger } from '../../../telemetry/telemetry.ts'
import type { Broker } from '../../broker.ts'
import { embeddedBroker } from '../embedded.ts'
import { remoteBroker, type BrokerClient } from './remote.ts'
import { clientOf, serveBroker, type Served } from './served.test-support.ts'
import { wireTo, type Wire } from './wire.test-support.ts'

export const runtime: Runtime = realRuntime()
const log = silentLogger()

/** A broker that is served, and clients on wires that can be cut. */
export type World = {
  /** Another client process. */
  readonly connect: (patience?: number, world?: Runtime) => { readonly broker: Broker; readonly wire: Wire }
  /** The broker itself, as its own process has it. */
  readonly inside: () => Broker
  /** Ends the broker's process and starts it again; all wires are cut meanwhile. */
  readonly restart: () => Promise<void>
}

export async function makeWorld(t: TestContext, lease = 400): Promise<World> {
  const directory = await mkdtemp(join(tmpdir(), 'dure-remote-'))
  const wires: Wire[] = []
  const brokers: Broker[] = []
  let embedded: Broker
  let served: Served
  const start = async (): Promise<void> => {
    embedded = await embeddedBroker({ durability: 'process' })({ directory, runtime, log })
    served = serveBroker({ broker: embedded, runtime, lease })
  }
  await start()
  t.after(async () => {
    for (const wire of wires) {
      wire.thaw()
      wire.mend()
    }
    for (const broker of brokers) await broker.stop()
    await served.stop()
    await rm(directory, { recursive: true, force: true })
  })
  return {
    inside: () => embedded,
    connect: (patience = 10_000, own = runtime) => {
      // Asked for anew at every call, because after a restart another transport leads there.
      const client = new Proxy({}, { get: (_, name) => clientOf(served.transport, runtime)[name as 'beat'] })
      const wire = wireTo(client as BrokerClient)
      const broker = remoteBroker({ client: wire.client, runtime: own, log, patience })
      wires.push(wire)
      brokers.push(broker)
      return { broker, wire }
    },
    restart: async () => {
      for (const wire of wires) wire.cut()
      await served.stop()
      await start()
      for (const wire of wires) wire.mend()
    },
  }
}
