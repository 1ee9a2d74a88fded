import type { Consumer, fetchV17 } from '@platformatic/kafka'
import { backoff } from 'dure/messaging/adapter'
import type { Runtime } from 'dure/runtime'
import { isRefusal } from './cluster.ts'
import { BATCH_SIZE, moveTo, sizeOf, tell, type Holding } from './holding.ts'
import { deliveriesOf } from './records.ts'

/** Fetches what comes next of a member's holdings, from the leader of each partition, as long as there is room for it. */
export type Fetcher = {
  /** A holding was begun, or has room again. */
  readonly wake: () => void
  readonly stop: () => Promise<void>
}

/** Bytes of a partition in one answer, unless its first batch has more: what is decoded at once is garbage soon, and costs less. */
const PARTITION_BYTES = BATCH_SIZE / 4
/** UTF-16 units of data that wait in all holdings of a member; with so many nothing more is fetched. */
const MOST = 16 * BATCH_SIZE
const RETRY = { first: 50, max: 2_000 }

export function createFetcher(options: {
  readonly client: Consumer
  readonly runtime: Runtime
  readonly holdings: () => Iterable<Holding>
  /** The name here of one of Kafka's topics. */
  readonly nameOf: (topic: string) => string
  /** A position that is not there (any more): where to read instead. */
  readonly lostPlace: (holding: Holding) => Promise<void>
  readonly onError: (error: unknown) => void
  readonly closed: AbortSignal
}): Fetcher {
  const { client, runtime, nameOf } = options
  const stopped = new AbortController()
  options.closed.addEventListener('abort', () => stopped.abort())
  /** Leaders that are being asked, and how often in a row they could not be. */
  const asking = new Set<number>()
  let failures = 0
  let looking = false
  /** Somebody woke it while it was looking. */
  let woken = false

  const hungry = (): Holding[] =>
    [...options.holdings()].filter(({ next, ending, size }) => next !== undefined && !ending.signal.aborted && size < BATCH_SIZE)
  const isFull = (): boolean => [...options.holdings()].reduce((sum, { size }) => sum + size, 0) >= MOST

  const wake = (): void => {
    woken = looking
    if (looking || stopped.signal.aborted || isFull()) return
    looking = true
    void askLeaders()
      .catch(failed)
      .finally(() => {
        looking = false
        if (woken) wake()
      })
  }

  const askLeaders = async (): Promise<void> => {
    // Those that begin in one turn are asked for together.
    await new Promise<void>((resolve) => runtime.timers.soon(resolve))
    const holdings = hungry()
    if (holdings.length === 0) return
    const { topics } = await client.metadata({ topics: [...new Set(holdings.map(({ topic }) => topic))] })
    const byLeader = Map.groupBy(holdings, ({ topic, partition }) => topics.get(topic)?.partitions[partition]?.leader ?? -1)
    for (const [leader, of] of byLeader) {
      if (leader < 0 || asking.has(leader)) continue
      asking.add(leader)
      const ids = new Map(of.map(({ topic }) => [topics.get(topic)!.id, topic]))
      void ask(leader, of, ids)
        .then(() => void (failures = 0))
        .catch(failed)
        .finally(() => {
          asking.delete(leader)
          wake()
        })
    }
    if (byLeader.has(-1)) throw new Error('A partition has no leader')
  }

  const failed = async (error: unknown): Promise<void> => {
    if (stopped.signal.aborted) return
    client.clearMetadata()
    options.onError(error)
    await runtime.timers.sleep(backoff(RETRY, ++failures, runtime.random), stopped.signal)
    runtime.timers.soon(wake)
  }

  const ask = async (node: number, holdings: readonly Holding[], ids: ReadonlyMap<string, string>): Promise<void> => {
    const asked = new Map(holdings.map((holding) => [holding, holding.next!]))
    const topics = [...ids].map(([topicId, topic]): fetchV17.FetchRequestTopic => ({
      topicId,
      partitions: holdings
        .filter((holding) => holding.topic === topic)
        .map(({ partition, next }) => ({
          ...{ partition, fetchOffset: BigInt(next!), partitionMaxBytes: PARTITION_BYTES },
          ...{ currentLeaderEpoch: -1, lastFetchedEpoch: -1 },
        })),
    }))
    let trouble: unknown
    const answer = await client.fetch({ node, topics, maxBytes: 4 * BATCH_SIZE }).catch((error: unknown) => {
      // Trouble with one partition leaves what came of the others.
      const { response } = error as { readonly response?: fetchV17.FetchResponse }
      if (response === undefined) throw error
      trouble = error
      return response
    })
    for (const { topicId, partitions } of answer.responses)
      for (const { partitionIndex, errorCode, records } of partitions) {
        const holding = holdings.find(({ topic, partition }) => topic === ids.get(topicId) && partition === partitionIndex)
        if (holding === undefined || holding.next !== asked.get(holding) || holding.ending.signal.aborted) continue
        if (errorCode === OFFSET_OUT_OF_RANGE) await options.lostPlace(holding)
        else if (errorCode === 0 && records?.length) put(holding, deliveriesOf(placeOf(holding), records, holding.next!))
      }
    if (trouble !== undefined && !isRefusal(trouble, 'OFFSET_OUT_OF_RANGE')) throw trouble
  }

  const placeOf = ({ topic, partition }: Holding) => ({ topic: nameOf(topic), partition })

  return {
    wake,
    stop: async () => {
      stopped.abort()
      await client.close(true)
    },
  }
}

const OFFSET_OUT_OF_RANGE = 1

function put(holding: Holding, { deliveries, next }: ReturnType<typeof deliveriesOf>): void {
  // What has no messages (the end of a transaction, say) is done when all before it is.
  if (deliveries.length === 0 && holding.waiting.length === 0 && holding.done === holding.next) return moveTo(holding, next)
  holding.next = next
  for (const one of deliveries) {
    holding.waiting.push(one)
    holding.size += sizeOf(one)
  }
  tell(holding)
}
