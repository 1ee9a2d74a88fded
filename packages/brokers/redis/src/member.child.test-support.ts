import { realRuntime } from 'dure/runtime'
import { silentLogger } from 'dure/telemetry'
import { redisBroker } from './redis.ts'

/** A process that reads a topic as a member of a group (or works on a queue), and says all that happens to it; after `hang` messages it holds on to the next. */
const {
  url,
  topic,
  queue,
  hang = Infinity,
  lease,
} = JSON.parse(process.argv[2]!) as {
  url: string
  topic?: string
  queue?: string
  hang?: number
  lease: number
}
const say = (what: object): void => void process.send!(what)
const broker = await redisBroker({ url, lease, timeout: 2_000 })({ runtime: realRuntime(), log: silentLogger() })
let count = 0
const hold = async (numbers: readonly number[]): Promise<void> => {
  count += numbers.length
  say({ took: numbers })
  if (count > hang) await new Promise<void>((resolve) => process.once('message', () => resolve()))
  say({ done: numbers })
}
const numberOf = ({ data }: { readonly data: string }): number => (JSON.parse(data) as { n: number }).n
if (queue !== undefined) await broker.receive({ queue, concurrency: 1, handle: (message) => hold([numberOf(message)]) })
if (topic !== undefined)
  await broker.subscribe({
    group: 'g',
    topics: [topic],
    batch: 1,
    assigned: async ({ partition, epoch }) => say({ assigned: partition, epoch }),
    revoked: async ({ partition }) => say({ revoked: partition }),
    deliver: (batch) => hold(batch.map(({ message }) => numberOf(message))),
  })
say({ ready: true })
