/** A process to be killed: `publish` publishes without end and tells the id of every message that was acknowledged. */
import { writeSync } from 'node:fs'
import { realRuntime } from '../../runtime/runtime.ts'
import { silentLogger } from '../../telemetry/telemetry.ts'
import { embeddedBroker } from './embedded.ts'

const [role, directory] = process.argv.slice(2)
const runtime = realRuntime()
const broker = await embeddedBroker()({ directory: directory!, runtime, log: silentLogger() })

const message = (type: string, key: string) => ({
  id: runtime.ids.next(),
  source: 'child',
  type,
  key,
  time: runtime.clock.now(),
  schemaVersion: 1,
  correlationId: 'c',
  causationId: undefined,
  traceparent: undefined,
  data: JSON.stringify({ pad: 'x'.repeat(300) }),
})

if (role === 'publish') {
  await Promise.all(
    Array.from({ length: 20 }, async (_, key) => {
      for (;;) {
        const batch = [message('topic', `k${key}`), message('topic', `k${key}`)]
        await broker.publish(batch)
        const work = message('queue', '')
        await broker.send([work])
        // Straight to the pipe: what this process believes durable must be known when it is killed.
        writeSync(1, `${batch[0]!.id} ${batch[1]!.id} ${work.id}\n`)
      }
    }),
  )
}
