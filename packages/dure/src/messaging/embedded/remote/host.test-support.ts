/**
 * A process that serves brokers: told `open` and a directory, it opens the broker there and listens on `socketOf(directory)`;
 * told `close`, it stops it. Meant to be killed.
 */
import { listenSocket } from '../../../call/internal.ts'
import { realRuntime } from '../../../runtime/runtime.ts'
import { silentLogger } from '../../../telemetry/telemetry.ts'
import { embeddedBroker } from '../embedded.ts'
import { socketOf, type HostAsk } from './processes.test-support.ts'
import { serveBroker } from './served.test-support.ts'

const runtime = realRuntime()
const log = silentLogger()
const open = new Map<string, () => Promise<void>>()

process.on('message', ({ ask, directory }: HostAsk) => {
  void (async () => {
    if (ask === 'open') {
      const broker = await embeddedBroker({ durability: 'process' })({ directory, runtime, log })
      const served = serveBroker({ broker, runtime, lease: 1_000 })
      const listener = await listenSocket({ address: socketOf(directory), transport: served.transport, runtime, log })
      open.set(directory, async () => {
        await served.stop()
        await listener.stop()
      })
    } else {
      await open.get(directory)?.()
      open.delete(directory)
    }
    process.send!(directory)
  })()
})
process.on('disconnect', () => process.exit())
