import type { GroupRecord } from 'dure/messaging/adapter'
import type { Runtime } from 'dure/runtime'
import { look, throwAway } from './browse.ts'
import type { Line } from './line.ts'
import { encodeJson } from './messages.ts'
import type { Server } from './server.ts'

/**
 * A group's record is a queue of proposals, which all read in the same order: one that was made upon the revision before it is the
 * next one, and every other is nothing. What is older than the last is thrown away.
 */
export type Records = {
  readonly read: () => Promise<{ readonly record: GroupRecord; readonly revision: number }>
  /** Only when nobody has written since that revision. Answers the new one; undefined: somebody has. */
  readonly write: (record: GroupRecord, revision: number) => Promise<number | undefined>
  /** Makes it, where it is not there. */
  readonly declare: () => Promise<void>
  /** Drawn when it was made: another one when the server has lost it. */
  readonly identity: () => string
  /** Throws it away. */
  readonly forget: () => Promise<void>
}

type Proposal = {
  readonly id: string
  readonly base: number
  readonly identity: string
  readonly record: GroupRecord
}

/** The one that counts: each that was made upon the one before it, from the first on. */
export function lastOf<One extends { readonly base: number }>(proposals: readonly One[]): One | undefined {
  let current: One | undefined
  for (const one of proposals) if (current === undefined || one.base === current.base + 1) current = one
  return current
}

export function createRecords(options: {
  readonly line: Line
  /** Writes what is kept: a server that is full holds it up, and not who reads. */
  readonly sending: Line
  readonly server: Server
  readonly runtime: Runtime
  readonly queue: string
  readonly partitions: number
  /** Told when it was changed here. */
  readonly changed: () => void
}): Records {
  const { line, sending, server, runtime, queue, partitions, changed } = options
  let identity = ''
  const none: GroupRecord = { members: [], partitions: Array.from({ length: partitions }, () => ({ epoch: 0 })) }

  const last = async (): Promise<Proposal | undefined> => {
    const current = lastOf(await look<Proposal>(line, server.queueSource(queue)))
    if (current !== undefined) identity = current.identity
    return current
  }

  const propose = async (record: GroupRecord, base: number): Promise<boolean> => {
    const id = runtime.ids.next()
    const proposal: Proposal = { id, base, identity: identity || runtime.ids.next(), record }
    const outlet = await (await sending.wire()).outlet(server.queueTarget(queue))
    await outlet.send(encodeJson(proposal, { durable: true, application_properties: { revision: base } }))
    return (await last())?.id === id
  }

  return {
    identity: () => identity,
    declare: async () => {
      if ((await last()) !== undefined) return
      identity = ''
      await propose(none, 0)
    },
    read: async () => {
      const found = await last()
      return found === undefined ? { record: none, revision: 0 } : { record: found.record, revision: found.base + 1 }
    },
    write: async (record, revision) => {
      if (!(await propose(record, revision))) return undefined
      changed()
      await throwAway(line, server.queueSource(queue), { selector: `revision < ${revision}` })
      return revision + 1
    },
    forget: async () => void (await throwAway(line, server.queueSource(queue))),
  }
}
