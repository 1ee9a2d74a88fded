/** Ours: each adapter, as a system uses it. */
import type { Broker } from 'dure/messaging'
import { realRuntime } from 'dure/runtime'
import { silentLogger } from 'dure/telemetry'
import { adapterOf, type Open } from './load.ts'

type Made = (world: {
  readonly runtime: ReturnType<typeof realRuntime>
  readonly log: ReturnType<typeof silentLogger>
}) => Promise<Broker>

/** What makes the adapter of a server, from the name of its package: an adapter that is not there yet is only missed when it runs. */
export function own(kind: string): Open {
  return async (url, topic, ports) => {
    const adapter = adapterOf(kind)
    const door = (await import(`@dure/${adapter.name}`)) as Readonly<Record<string, (options: object) => Made>>
    const make = door[adapter.make]!({ url, servers: url, syncsAlways: true, streamPort: ports['stream'] })
    const broker = await make({ runtime: realRuntime(), log: silentLogger() })
    await broker.declareTopic(topic, { partitions: 1 })
    const group = `${topic}.readers`
    // Where there is no log, it has what is published from now on.
    await broker.declareGroup({ group, topics: [topic] })
    return {
      publish: broker.publish,
      consume: async (came) => {
        await broker.subscribe({ group, topics: [topic], deliver: async ({ length }) => came(length) })
      },
    }
  }
}
