/** A replica as a process of its own, to be frozen, killed and drained: tells where it listens, and answers with its name. */
import { writeSync } from 'node:fs'
import { realRuntime } from '../../runtime/runtime.ts'
import { silentLogger } from '../../telemetry/telemetry.ts'
import { listenSocket } from '../socket/socket.ts'

const name = process.argv[2]!
/** Milliseconds of an answer. */
const takes = Number(process.argv[3] ?? 1)
const runtime = realRuntime()
const listener = await listenSocket({
  address: { kind: 'tcp', host: '127.0.0.1', port: 0 },
  transport: {
    route: () => ({
      call: async () => {
        await runtime.timers.sleep(takes)
        return name
      },
      stream: async function* () {
        for (let n = 0; n < 3; n++) yield n
      },
    }),
  },
  runtime,
  log: silentLogger(),
})
writeSync(1, `${JSON.stringify(listener.address)}\n`)
process.stdin.once('data', async () => {
  await listener.drain()
  await listener.stop()
  process.exit()
})
process.stdin.once('end', () => process.exit())
