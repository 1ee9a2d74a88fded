import { holdPartition, type GroupMembersOptions } from 'dure/messaging/adapter'
import type { Runtime } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import type { Commits } from './commits.ts'
import type { Link } from './link.ts'
import type { Log } from './log.ts'
import { createReader, type Budget } from './reader.ts'
import { groupKey } from './state.ts'
import type { RabbitTopics } from './topics.ts'

/** How a partition is read for whoever has it in an epoch. */
export function holding(parts: {
  readonly link: Link
  readonly log: Log
  readonly topics: RabbitTopics
  readonly commits: Commits
  readonly runtime: Runtime
  readonly logger: Logger
  readonly lease: number
  readonly budget: Budget
}): (topic: string, group: string) => GroupMembersOptions['open'] {
  const { link, log, topics, commits, runtime, logger, lease, budget } = parts
  return (topic, group) =>
    ({ member, partition, epoch, after, refused }) => {
      const reader = createReader({
        ...{ link, topics, runtime, log: logger, budget, topic, group, partition },
        came: () => held.wake(),
        failed: (error) => member.onError?.(error),
      })
      const committed = (): number => log.state().groups.get(groupKey(topic, group))?.positions[partition] ?? 0
      const held = holdPartition(runtime, {
        assignment: { topic, partition, epoch, broker: log.state().identity },
        ...{ member, after, refused, next: reader.first },
        // Who has not been heard of for a lease may have lost it.
        isMine: () => log.isHeard(lease),
        open: (position) => reader.open(position === undefined ? committed() : Number(position) + 1),
        taken: (batch) => commits.moved(topic, group, partition, epoch, reader.taken(batch.length)),
      })
      return {
        wake: held.wake,
        give: async () => {
          await held.give()
          reader.end()
          // Whoever has it next begins where this one has come to.
          await commits.flush(topic, group)
        },
        lose: async () => {
          await held.lose()
          reader.end()
        },
      }
    }
}
