/** The other process: serves orders on a Unix socket in the folder that its first argument names, and tells where. */
import { join } from 'node:path'
import { listenSocket } from 'dure/call/internal'
import { realRuntime } from 'dure/runtime'
import { start } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { orders } from './order.ts'

const [directory = ''] = process.argv.slice(2)
const log = silentLogger()
const { transport } = await start(orders, { directory, log })
const { address } = await listenSocket({
  address: { kind: 'unix', path: join(directory, 'orders.sock') },
  ...{ transport, runtime: realRuntime(), log },
})
process.send!(address)
process.on('disconnect', () => process.exit())
