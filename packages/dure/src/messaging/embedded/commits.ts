import type { Runtime } from '../../runtime/runtime.ts'
import { CallError } from '../../contract/contract.ts'
import { describeThrown } from '../../contract/internal.ts'
import { isTroubleOfFile, type BrokerFile, type Disk } from './file.ts'

/** One caller's part of a shared commit. */
export type Write = {
  /** Runs inside the transaction; must not change anything in memory that `failed` cannot undo. */
  readonly write: () => void
  /** The commit has happened: it survives the end of the process, soon also a power cut. */
  readonly committed?: () => void
  /** Nothing of the commit happened. */
  readonly failed?: () => void
  /** Counts against the bound of what may wait. Default 1. */
  readonly weight?: number
  /** For what may be forgotten in a power cut (then it is done again): resolves without waiting for the disk. */
  readonly relaxed?: boolean
}

/**
 * Group commit in two steps. What a turn of the event loop brings shares one transaction; what is committed while the
 * disk is being flushed shares the next flush. The flush happens beside the event loop, so that a slow disk delays
 * those who wait for it and nobody else. What waits is bounded: when that is full, it is committed and flushed at once.
 */
export type Commits = {
  /** Resolves when the write is durable. */
  readonly add: (write: Write) => Promise<void>
  /** Commits what waits, now. */
  readonly flush: () => void
  /** Refuses everything from now on; resolves when the last flush is over. */
  readonly stop: () => Promise<void>
  /** Commits so far, for tests and figures. */
  readonly count: () => number
}

type Waiting = Write & { resolve: () => void; reject: (error: unknown) => void }

/** @param options.disk left out when nothing has to survive a power cut */
export function createCommits(options: {
  file: BrokerFile
  runtime: Runtime
  pending: number
  disk?: Disk | undefined
}): Commits {
  const { file, runtime, pending, disk } = options
  const begin = file.db.prepare('BEGIN IMMEDIATE')
  const commit = file.db.prepare('COMMIT')
  let waiting: Waiting[] = []
  let weight = 0
  let scheduled = false
  let refusal: CallError | undefined
  let count = 0
  let unflushed: Waiting[] = []
  let unflushedWeight = 0
  let flushing: Promise<void> | undefined

  const flush = (): void => {
    if (waiting.length === 0) return
    let batch = waiting
    waiting = []
    const batchWeight = weight
    weight = 0
    for (;;) {
      const failure = write(batch)
      if (failure === undefined) break
      const error = file.explain('write to the broker file', failure.cause)
      const { own } = failure
      // What is wrong with one write alone is no matter of those that share its commit.
      for (const entry of batch) if (own === undefined || own === entry) entry.reject(error)
      batch = own === undefined ? [] : batch.filter((entry) => entry !== own)
      if (batch.length === 0) return
    }
    for (const entry of batch) {
      if (disk === undefined || entry.relaxed) entry.resolve()
      else unflushed.push(entry)
    }
    unflushedWeight += batchWeight
    if (disk !== undefined && unflushed.length > 0) toDisk(disk)
    for (const entry of batch) entry.committed?.()
  }

  /** @returns why nothing was written, and whose doing that was; undefined when it is the file's */
  const write = (batch: readonly Waiting[]): { readonly cause: unknown; readonly own: Waiting | undefined } | undefined => {
    let under: Waiting | undefined
    try {
      begin.run()
      for (under of batch) under.write()
      under = undefined
      commit.run()
      count++
      return undefined
    } catch (cause) {
      // A full disk may have rolled back already.
      if (file.db.isTransaction) file.db.exec('ROLLBACK')
      for (const entry of batch) entry.failed?.()
      return { cause, own: isTroubleOfFile(cause) ? undefined : under }
    }
  }

  const toDisk = (to: Disk): void => {
    if (unflushedWeight >= pending) return flushNow(to)
    flushing ??= flushBeside(to).finally(() => {
      flushing = undefined
      if (unflushed.length > 0) toDisk(to)
    })
  }

  const flushBeside = async (to: Disk): Promise<void> => {
    const batch = takeUnflushed()
    try {
      await to.flush()
      for (const entry of batch) entry.resolve()
    } catch (cause) {
      breakDown(batch, cause)
    }
  }

  const flushNow = (to: Disk): void => {
    const batch = takeUnflushed()
    try {
      to.flushSync()
      for (const entry of batch) entry.resolve()
    } catch (cause) {
      breakDown(batch, cause)
    }
  }

  const takeUnflushed = (): Waiting[] => {
    const batch = unflushed
    unflushed = []
    unflushedWeight = 0
    return batch
  }

  /** After a failed flush nobody knows what is on the disk, and a later one that works would not tell (see "fsyncgate"). */
  const breakDown = (batch: readonly Waiting[], cause: unknown): void => {
    const text = describeThrown(cause).message
    refusal = new CallError(
      'UNAVAILABLE',
      `Cannot flush the broker file "${file.path}" to the disk: ${text}; check the disk and restart`,
      { cause, inside: true },
    )
    for (const entry of batch) entry.reject(refusal)
  }

  const flushTurn = (): void => {
    scheduled = false
    flush()
  }

  return {
    add: (write) =>
      new Promise((resolve, reject) => {
        if (refusal !== undefined) return reject(refusal)
        waiting.push({ ...write, resolve, reject })
        weight += write.weight ?? 1
        if (weight >= pending) return flush()
        if (scheduled) return
        scheduled = true
        runtime.timers.soon(flushTurn)
      }),
    flush,
    stop: async () => {
      refusal ??= new CallError('UNAVAILABLE', `Cannot write to the broker file "${file.path}": the broker has stopped`, {
        inside: true,
      })
      while (flushing !== undefined) await flushing
    },
    count: () => count,
  }
}
