import type { GroupRecord as SharedRecord } from 'dure/messaging/adapter'
import { JetStreamApiError } from '@nats-io/jetstream'
import { acknowledged, headersOf, WRONG_SEQUENCE, type Link } from './connection.ts'
import type { Names } from './names.ts'

/** Who reads a topic as a group, and which partition is whose: one record of the server, that its members change in turn. */
export type GroupRecord = SharedRecord & {
  /** Who had it forgotten and why; there is nothing else then. */
  readonly forgotten?: { readonly reason: string; readonly by?: string | undefined; readonly unread: number }
}

/** Its sequence on the server, which grows with every change of any record; 0: there is none yet. */
export type Revised = { readonly record: GroupRecord; readonly revision: number }

export type Records = {
  readonly read: (topic: string, group: string, partitions: number) => Promise<Revised>
  /** Only when nobody has written since that revision. Answers the new one; undefined: somebody has. */
  readonly write: (topic: string, group: string, record: GroupRecord, revision: number) => Promise<number | undefined>
}

export function createRecords(link: Link, names: Names): Records {
  return {
    read: async (topic, group, partitions) => {
      const found = await link.jsm.streams.getMessage(names.groupsStream, { last_by_subj: names.group(topic, group) })
      const stored = found?.json<GroupRecord>()
      const record: GroupRecord = {
        members: stored?.members ?? [],
        partitions: Array.from({ length: partitions }, (_, at) => stored?.partitions[at] ?? { epoch: 0 }),
      }
      return { record, revision: found?.seq ?? 0 }
    },
    write: async (topic, group, record, revision) => {
      const headers = headersOf({ 'Nats-Expected-Last-Subject-Sequence': String(revision) })
      try {
        return acknowledged(await link.ask(names.group(topic, group), JSON.stringify(record), headers)).seq
      } catch (error) {
        if (error instanceof JetStreamApiError && WRONG_SEQUENCE.has(error.code)) return undefined
        throw error
      }
    },
  }
}
