import { type Runtime, type Timer } from '../../runtime/runtime.ts'
import { cautiousTime } from '../../runtime/internal.ts'
import type { Logger } from '../../telemetry/telemetry.ts'
import type { Commits } from './commits.ts'
import type { Groups } from './groups.ts'
import type { Partition } from './partition.ts'
import type { Topic, Topics } from './topics.ts'

/**
 * Throws away what a topic need not keep: older than its time, or the oldest past its size. Like Kafka's, it does
 * not wait for slow readers; it names the groups that lose something.
 */
export type Sweeper = {
  /** One round over all topics. */
  readonly sweep: () => Promise<void>
  readonly stop: () => Promise<void>
}

/** Rows deleted in one transaction, so that a sweep never holds up publishers for long. */
const CHUNK = 1000

export function startSweeper(options: {
  commits: Commits
  runtime: Runtime
  log: Logger
  topics: Topics
  groups: Groups
  /** Milliseconds between rounds. */
  every: number
}): Sweeper {
  const { commits, runtime, log, topics, groups, every } = options
  // A clock that is set forward makes nothing old.
  const passed = cautiousTime(runtime.clock)
  let timer: Timer | undefined
  let round: Promise<void> | undefined
  let stopped = false

  const trim = async (
    topic: Topic,
    partition: Partition,
    losses: Map<string, number>,
    { before, limit }: { readonly before: number; readonly limit: number },
  ): Promise<number> => {
    let trimmed: ReturnType<Partition['trim']> | undefined
    let losing: ReturnType<Groups['behind']> = []
    await commits.add({
      relaxed: true,
      write: () => void (trimmed = partition.trim(before, limit)),
      committed: () => {
        losing = groups.behind(topic.name, partition.number, partition.floor() + trimmed!.deleted)
        trimmed!.committed()
      },
    })
    for (const { group, unread } of losing) losses.set(group, (losses.get(group) ?? 0) + unread)
    return trimmed?.deleted ?? 0
  }

  const sweepTopic = async (topic: Topic): Promise<void> => {
    /** By group: messages that it had not read. */
    const losses = new Map<string, number>()
    try {
      await trimTopic(topic, losses)
    } finally {
      for (const [group, unread] of losses) {
        log.warn(`Retention of topic "${topic.name}" deleted messages that group "${group}" had not read`, {
          topic: topic.name,
          group,
          unread,
        })
      }
    }
  }

  const trimTopic = async (topic: Topic, losses: Map<string, number>): Promise<void> => {
    const before = passed() - topic.retention.ms
    for (const partition of topic.partitions) {
      while (!stopped && (partition.oldest() ?? Infinity) < before)
        if ((await trim(topic, partition, losses, { before, limit: CHUNK })) === 0) break
    }
    while (!stopped) {
      const excess = topic.partitions.reduce((sum, partition) => sum + partition.bytes(), 0) - topic.retention.bytes
      if (excess <= 0) break
      const oldest = oldestOf(topic)
      if (!oldest) break
      // As many as the excess stands for, judged by the partition's mean size.
      const mean = oldest.bytes() / Math.max(1, oldest.next() - oldest.floor())
      const limit = Math.min(CHUNK, Math.max(1, Math.ceil(excess / mean / topic.partitions.length)))
      if ((await trim(topic, oldest, losses, { before: Infinity, limit })) === 0) break
    }
  }

  const sweep = async (): Promise<void> => {
    for (const topic of topics.all()) if (!stopped) await sweepTopic(topic)
  }

  const schedule = (): void => {
    timer = runtime.timers.after(every, () => {
      round = sweep()
        .catch((error: unknown) => log.error('Cannot throw away old messages; trying again later', { error }))
        .then(() => {
          if (!stopped) schedule()
        })
    })
  }
  schedule()

  return {
    sweep,
    stop: async () => {
      stopped = true
      timer?.cancel()
      await round
    },
  }
}

function oldestOf(topic: Topic): Partition | undefined {
  let best: Partition | undefined
  let bestAt = Infinity
  for (const partition of topic.partitions) {
    const at = partition.oldest() ?? Infinity
    if (at < bestAt) [best, bestAt] = [partition, at]
  }
  return best
}
