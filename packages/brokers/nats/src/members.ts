import type { SubscribeOptions } from 'dure/messaging'
import { nextGroupRecord, wantedOwners } from 'dure/messaging/adapter'
import type { Runtime } from 'dure/runtime'
import { createAlarm } from 'dure/runtime/internal'
import type { Logger } from 'dure/telemetry'
import { startBeats } from './beats.ts'
import type { Link } from './connection.ts'
import type { Feed, FeedOptions } from './feed.ts'
import type { GroupRecord, Records } from './records.ts'
import type { Topic } from './streams.ts'

/** The members that this process has in a group on a topic, and how they share its partitions with those of others. */
export type Members = {
  /** Joins: `known` when the group knows it; `leave` resolves when nothing of it is in hand any more and the group knows. */
  readonly join: (options: SubscribeOptions) => { readonly known: Promise<void>; readonly leave: () => Promise<void> }
  readonly isEmpty: () => boolean
  /** Ends without a word to the others. */
  readonly close: () => void
}

type Local = {
  readonly id: string
  readonly options: SubscribeOptions
  readonly feeds: Map<number, Feed>
  /** What partitions that were lost have still in hand. */
  readonly ending: Map<number, Promise<void>>
  /** To be written: given back, or not known what comes next. */
  readonly released: Set<number>
  readonly refused: Set<number>
  leaving: boolean
  readonly joined: PromiseWithResolvers<void>
  readonly left: PromiseWithResolvers<void>
}

export type MembersOptions = {
  readonly link: Link
  readonly runtime: Runtime
  readonly log: Logger
  readonly records: Records
  readonly topic: Topic
  readonly group: string
  /** On which they say that they are alive. */
  readonly subject: string
  readonly lease: number
  readonly open: (own: Pick<FeedOptions, 'member' | 'partition' | 'epoch' | 'isAlive' | 'after' | 'refused'>) => Feed
}

/**
 * Members are written in the group's record, which is changed by comparing its revision, so that all see one order of changes.
 * Everybody computes from it who is to have what. Who has a partition gives it back before it is written as another's; of
 * members that are not heard of any more the others write it.
 */
export function createMembers({ link, runtime, log, records, topic, group, subject, lease, open }: MembersOptions): Members {
  const locals = new Map<string, Local>()
  let revision = 0
  let others: readonly string[] = []
  let isClosed = false
  const feeds = () => [...locals.values()].flatMap((local) => [...local.feeds.values()])

  const beats = startBeats({
    ...{ link, runtime, subject, lease, members: () => [...locals.keys()], revision: () => revision },
    look: (isDue) => {
      for (const feed of feeds()) feed.wake()
      if (isDue || others.some(beats.isDead)) poke()
    },
  })
  const unlisten = link.onReconnect(() => feeds().forEach((feed) => feed.restart()))

  const what = `share topic "${topic.name}" with the members of group "${group}"`
  const alarm = createAlarm({
    ...{ runtime, longest: lease, next: async () => undefined },
    work: async () => {
      if (link.isConnected()) await link.guard(what, look)
    },
    failed: (error) =>
      log.warn('Who reads what could not be looked at; trying again', { group, topic: topic.name, error: String(error) }),
  })
  const poke = (): void => alarm.ring()

  const look = async (): Promise<void> => {
    const found = await records.read(topic.name, group, topic.partitions)
    const next = nextGroupRecord(found.record, found.revision, {
      own: [...locals.values()].filter(({ leaving, feeds, ending }) => !leaving || feeds.size + ending.size > 0),
      ...{ isOwn: (id) => locals.has(id), isDead: beats.isDead },
      released: (id, partition) => locals.get(id)!.released.has(partition),
      refused: (id, partition) => locals.get(id)?.refused.has(partition) === true,
    })
    revision = found.revision
    if (JSON.stringify(next) !== JSON.stringify(found.record)) {
      const written = [...locals.values()].flatMap(({ released, refused }) =>
        [released, refused].map((set) => ({ set, was: [...set] })),
      )
      const changedTo = await records.write(topic.name, group, next, found.revision)
      if (changedTo === undefined) {
        // Somebody else was first: what it wrote is looked at.
        poke()
        return runtime.timers.sleep(runtime.random.number() * 20)
      }
      for (const { set, was } of written) was.forEach((partition) => set.delete(partition))
      revision = changedTo
      beats.beat()
    }
    if (!isClosed) apply(next)
  }

  /** Has what this process holds be what the record says. */
  const apply = (record: GroupRecord): void => {
    const wanted = wantedOwners(record)
    others = record.members.flatMap(({ id }) => (locals.has(id) ? [] : [id]))
    for (const local of locals.values()) {
      const isMember = record.members.some(({ id }) => id === local.id)
      if (isMember) local.joined.resolve()
      for (const [partition, { owner, epoch, refused }] of record.partitions.entries()) {
        const feed = local.feeds.get(partition)
        if (feed !== undefined && (owner !== local.id || feed.epoch !== epoch)) lose(local, partition, feed)
        if (owner !== local.id) {
          local.released.delete(partition)
          local.refused.delete(partition)
        } else if (!local.released.has(partition)) {
          const held = local.feeds.get(partition) ?? hold(local, partition, epoch)
          const goes = wanted[partition] !== local.id || refused?.includes(local.id) || local.refused.has(partition)
          if (goes) void held.release().then(() => given(local, partition, held))
        }
      }
      if (!local.leaving || isMember || local.feeds.size + local.ending.size > 0) continue
      locals.delete(local.id)
      local.left.resolve()
    }
  }

  const hold = (local: Local, partition: number, epoch: number): Feed => {
    const feed = open({
      ...{ member: local.options, partition, epoch, isAlive: beats.isAlive },
      after: local.ending.get(partition) ?? Promise.resolve(),
      refused: () => void (local.refused.add(partition), poke()),
    })
    local.feeds.set(partition, feed)
    return feed
  }
  const given = (local: Local, partition: number, feed: Feed): void => {
    if (local.feeds.get(partition) !== feed) return
    local.feeds.delete(partition)
    local.released.add(partition)
    poke()
  }
  const lose = (local: Local, partition: number, feed: Feed): void => {
    local.feeds.delete(partition)
    const ended = feed.lose().then(() => {
      if (local.ending.get(partition) === ended) local.ending.delete(partition)
      poke()
    })
    local.ending.set(partition, ended)
  }

  return {
    isEmpty: () => locals.size === 0,
    join: (options) => {
      const local = localOf(runtime.ids.next(), options)
      locals.set(local.id, local)
      beats.beat(true)
      poke()
      const leave = async (): Promise<void> => {
        local.leaving = true
        poke()
        if (link.isConnected()) return local.left.promise
        // Nobody can be told: the others find out.
        await Promise.all([...local.feeds.values()].map((feed) => feed.release()))
        locals.delete(local.id)
      }
      return { known: local.joined.promise, leave }
    },
    close: () => {
      isClosed = true
      void alarm.stop()
      beats.stop()
      unlisten()
      for (const feed of feeds()) void feed.lose()
      for (const { joined } of locals.values()) joined.resolve()
    },
  }
}

function localOf(id: string, options: SubscribeOptions): Local {
  return {
    ...{ id, options, feeds: new Map(), ending: new Map(), released: new Set(), refused: new Set() },
    ...{ leaving: false, joined: Promise.withResolvers(), left: Promise.withResolvers() },
  }
}
