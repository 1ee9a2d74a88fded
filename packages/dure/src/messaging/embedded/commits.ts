import type { Runtime } from '../../runtime/runtime.ts'
import { CallError } from '../../contract/contract.ts'
import type { BrokerFile } from './file.ts'

/** One caller's part of a shared commit. */
export type Write = {
  /** Runs inside the transaction; must not change anything in memory that `failed` cannot undo. */
  readonly write: () => void
  /** The commit is durable. */
  readonly committed?: () => void
  /** Nothing of the commit happened. */
  readonly failed?: () => void
  /** Counts against the bound of what may wait. Default 1. */
  readonly weight?: number
}

/**
 * Group commit: what a turn of the event loop brings shares one transaction and one disk flush.
 * The buffer is bounded: when it is full it is committed at once instead of at the end of the turn.
 */
export type Commits = {
  /** Resolves when the write is durable. */
  readonly add: (write: Write) => Promise<void>
  /** Commits what waits, now. */
  readonly flush: () => void
  /** Refuses everything from now on. */
  readonly stop: () => void
  /** Commits so far, for tests and figures. */
  readonly count: () => number
}

type Waiting = Write & { resolve: () => void; reject: (error: unknown) => void }

export function createCommits(options: { file: BrokerFile; runtime: Runtime; pending: number }): Commits {
  const { file, runtime, pending } = options
  const begin = file.db.prepare('BEGIN IMMEDIATE')
  const commit = file.db.prepare('COMMIT')
  let waiting: Waiting[] = []
  let weight = 0
  let scheduled = false
  let stopped = false
  let count = 0

  const flush = (): void => {
    if (waiting.length === 0) return
    const batch = waiting
    waiting = []
    weight = 0
    try {
      begin.run()
      for (const entry of batch) entry.write()
      commit.run()
      count++
    } catch (cause) {
      // A full disk may have rolled back already.
      if (file.db.isTransaction) file.db.exec('ROLLBACK')
      for (const entry of batch) entry.failed?.()
      const error = file.explain('write to the broker file', cause)
      for (const entry of batch) entry.reject(error)
      return
    }
    for (const entry of batch) entry.resolve()
    for (const entry of batch) entry.committed?.()
  }

  const flushTurn = (): void => {
    scheduled = false
    flush()
  }

  return {
    add: (write) =>
      new Promise((resolve, reject) => {
        if (stopped)
          return reject(new CallError('UNAVAILABLE', `Cannot write to the broker file "${file.path}": the broker has stopped`))
        waiting.push({ ...write, resolve, reject })
        weight += write.weight ?? 1
        if (weight >= pending) return flush()
        if (scheduled) return
        scheduled = true
        runtime.timers.soon(flushTurn)
      }),
    flush,
    stop: () => void (stopped = true),
    count: () => count,
  }
}
