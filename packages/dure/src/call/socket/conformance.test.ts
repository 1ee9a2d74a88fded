import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Address } from '../../discovery/discovery.ts'
import { silentLogger } from '../../telemetry/telemetry.ts'
import type { MakeLink } from '../transport-rig.conformance.ts'
import { transportConformance } from '../transport.conformance.ts'
import { listenSocket, socketPeers } from './socket.ts'

const over =
  (makeAddress: (directory: string) => Address): MakeLink =>
  async (transport, runtime) => {
    const directory = await mkdtemp(join(tmpdir(), 'dure-socket-'))
    const log = silentLogger()
    const listener = await listenSocket({ address: makeAddress(directory), transport, runtime, log, trusted: true })
    const peer = socketPeers({ runtime, log })(listener.address)
    return {
      transport: peer,
      pending: () => peer.pending() + listener.status().calls,
      stop: async () => {
        await peer.stop()
        await listener.stop()
        await rm(directory, { recursive: true, force: true })
      },
    }
  }

transportConformance('local', async (local) => ({ transport: local, stop: async () => {} }))
transportConformance(
  'unix socket',
  over((directory) => ({ kind: 'unix', path: join(directory, 's') })),
)
transportConformance(
  'tcp',
  over(() => ({ kind: 'tcp', host: '127.0.0.1', port: 0 })),
)
