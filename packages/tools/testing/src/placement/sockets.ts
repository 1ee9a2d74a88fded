import { join } from 'node:path'
import { listenSocket, socketPeers } from 'dure/call/internal'
import { realRuntime } from 'dure/runtime'
import { start } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { settler, type Copy, type CopyWorld, type Placement } from './copies.ts'

type Address = Parameters<ReturnType<typeof socketPeers>>[0]

/** The caller reaches the system through a Unix socket. */
export const overUnixSocket: Placement = {
  name: 'over a Unix socket',
  open: (world) => overSocket(world, { kind: 'unix', path: join(world.directory, 'calls') }),
}

/** The caller reaches the system through TCP. */
export const overTcp: Placement = {
  name: 'over TCP',
  open: (world) => overSocket(world, { kind: 'tcp', host: '127.0.0.1', port: 0 }),
}

async function overSocket(world: CopyWorld, address: Address): Promise<Copy> {
  const { system, directory, log, runtime } = world
  // What carries the calls has a runtime of its own, so that ids and chance are left to the services.
  const road = { runtime: realRuntime(), log }
  const running = await start(system, { directory, runtime, log, shutdownTimeout: 200 })
  try {
    const listener = await listenSocket({ address, transport: running.transport, trusted: true, ...road })
    const peer = connect(listener.address)
    return {
      transport: peer,
      settle: settler(running, runtime),
      stop: async () => {
        await peer.stop()
        await listener.stop()
        await running.stop()
      },
    }
  } catch (error) {
    await running.stop()
    throw error
  }
}

/** The caller's end. */
export function connect(address: Address): ReturnType<ReturnType<typeof socketPeers>> {
  return socketPeers({ runtime: realRuntime(), log: silentLogger() })(address)
}
