import { silentLogger } from '../../telemetry/telemetry.ts'
import { createJoinedTransport } from '../joined.ts'
import { createLocalTransport } from '../local.ts'
import { listenSocket, socketPeers } from '../socket/socket.ts'
import { transportConformance } from '../transport.conformance.ts'
import type { MakeLink } from '../transport-rig.conformance.ts'
import { createRemoteTransport } from './remote.ts'
import { fakeRegistry, instanceAt } from './remote.test-support.ts'

/** Over a socket to the one instance that a registry knows; `joined`: from a process where other services run. */
const link =
  (joined: boolean): MakeLink =>
  async (transport, runtime) => {
    const log = silentLogger()
    const listener = await listenSocket({
      address: { kind: 'tcp', host: '127.0.0.1', port: 0 },
      transport,
      runtime,
      log,
      trusted: true,
    })
    const registry = fakeRegistry()
    for (const service of ['rig', 'other']) registry.put(instanceAt({ service, id: service, address: listener.address }))
    // What is refused is not sent again: the cases look at the refusals.
    const policy = { attempts: 1, concurrency: 2_000 }
    const remote = createRemoteTransport({ registry, connect: socketPeers({ runtime, log }), runtime, log, policy })
    return {
      transport: joined ? createJoinedTransport({ local: createLocalTransport(), remote }) : remote,
      pending: () => {
        const { services } = remote.status()
        const places = services.flatMap(({ instances }) => instances).reduce((sum, { pending }) => sum + pending, 0)
        return places + listener.status().calls
      },
      stop: async () => {
        await remote.stop()
        await listener.stop()
      },
    }
  }

transportConformance('remote', link(false))
transportConformance('joined', link(true))
