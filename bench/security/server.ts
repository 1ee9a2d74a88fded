/** The other process: serves orders on a Unix socket in the folder that its first argument names, over TCP and over mutual TLS, and tells where. */
import { join } from 'node:path'
import { listenSocket } from 'dure/call/internal'
import { certificatesFor } from './certificates.ts'
import { realRuntime } from 'dure/runtime'
import { start } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { orders } from './order.ts'

const [directory = ''] = process.argv.slice(2)
const log = silentLogger()
const { transport } = await start(orders, { directory, log })
const served = { transport, runtime: realRuntime(), log }
const tcp = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const
const listeners = {
  unix: await listenSocket({ address: { kind: 'unix', path: join(directory, 'orders.sock') }, ...served }),
  plain: await listenSocket({ address: tcp, ...served }),
  mutual: await listenSocket({ address: tcp, ...served, ...certificatesFor(directory, 'orders') }),
}
process.send!({ unix: listeners.unix.address, plain: listeners.plain.address, mutual: listeners.mutual.address })
process.on('disconnect', () => process.exit())
