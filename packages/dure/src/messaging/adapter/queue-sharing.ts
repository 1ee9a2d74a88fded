import type { Runtime } from '../../runtime/runtime.ts'
import { quietly } from '../broker-adapter.ts'
import { BROKER_NUMBERS, checkName, checkOptions } from '../limits.ts'
import type { ReceiveOptions } from '../queues.ts'
import { createReceivers, type ReceiverPool } from '../receivers.ts'
import type { BrokerServer, QueueSource } from './broker-server.ts'

/** All receivers of a queue in this process share what one source takes from the server. */
export type QueueSharing = {
  /** Answers how to leave. */
  readonly receive: (options: ReceiveOptions) => Promise<() => Promise<void>>
  /** Hands out nothing more. */
  readonly end: () => void
}

type Queue = { readonly pool: ReceiverPool; readonly source: Promise<QueueSource> }

export function shareQueues(server: BrokerServer, runtime: Runtime): QueueSharing {
  const queues = new Map<string, Queue>()
  const pools = new Set<ReceiverPool>()

  const receive: QueueSharing['receive'] = async (given) => {
    const { queue: to } = given
    checkOptions(`receive from queue "${to}"`, given, BROKER_NUMBERS.receive)
    checkName('queue', to)
    const queue = queues.get(to) ?? openQueue(to)
    queues.set(to, queue)
    const { pool, source } = queue
    const receiver = pool.add(quietly(given))
    const leave = async (): Promise<void> => {
      const left = receiver.leave()
      const isLast = pool.isEmpty()
      // Who comes from here on begins anew.
      if (isLast && queues.get(to) === queue) queues.delete(to)
      await left
      if (!isLast) return
      await pool.settled()
      pool.end()
      pools.delete(pool)
      await (await source.catch(() => undefined))?.leave()
    }
    try {
      ;(await source).wake()
    } catch (error) {
      await leave()
      throw error
    }
    return leave
  }

  const openQueue = (to: string): Queue => {
    let begun: QueueSource | undefined
    const pool = createReceivers(runtime, () => begun?.wake())
    pools.add(pool)
    const source = server.receive(to, pool).then((opened) => (begun = opened))
    return { pool, source }
  }

  return { receive, end: () => pools.forEach((pool) => pool.end()) }
}
