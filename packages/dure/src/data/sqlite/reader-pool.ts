import type { DatabaseSync } from 'node:sqlite'
import type { CallError } from '../../contract/contract.ts'
import type { Timers } from '../../runtime/runtime.ts'
import type { Logger } from '../../telemetry/telemetry.ts'
import { crowded, outlasted, readClosed } from '../errors.ts'
import type { KyselyConnection } from './kysely.ts'

/** A connection that can only read. */
export type Reader = {
  readonly db: DatabaseSync
  readonly connection: KyselyConnection
  /** Why it was ended. */
  late: CallError | undefined
}

/** Lends connections to those who read for long, so many at once and each for so long. */
export type ReaderPool = {
  readonly all: readonly Reader[]
  /** Throws once the pool is closed. */
  readonly guard: () => void
  /** Lends one for as long as `use` takes, or until its time is over: then that is the answer. */
  readonly lend: <T>(use: (reader: Reader) => Promise<T>) => Promise<T>
  /** One that is never given back, for those who read in one go. */
  readonly borrowForever: () => Reader
  readonly stop: () => void
}

type Waiter = { readonly resolve: (reader: Reader) => void; readonly reject: (error: unknown) => void }

const WAITING = 10_000

export function createReaderPool(options: {
  readonly service: string
  readonly file: string
  readonly size: number
  /** Milliseconds for which one is lent. */
  readonly timeout: number
  readonly timers: Timers
  readonly log: Logger
  readonly open: () => Reader
}): ReaderPool {
  const { service, file, size, timeout, timers, log } = options
  const all: Reader[] = []
  const idle: Reader[] = []
  const waiters: Waiter[] = []
  let stopped = false

  const guard = (): void => {
    if (stopped) throw readClosed(service)
  }

  const open = (): Reader => {
    const reader = options.open()
    all.push(reader)
    return reader
  }

  const borrow = async (): Promise<Reader> => {
    guard()
    const reader = idle.pop()
    if (reader !== undefined) return reader
    // One more than the pool's size: the first is shared by single statements.
    if (all.length <= size) return open()
    if (waiters.length >= WAITING) throw crowded(service, WAITING)
    return new Promise((resolve, reject) => waiters.push({ resolve, reject }))
  }

  const giveBack = (reader: Reader): void => {
    if (stopped || reader.late !== undefined) return
    if (reader.db.isTransaction) reader.db.exec('ROLLBACK')
    const next = waiters.shift()
    if (next === undefined) idle.push(reader)
    else next.resolve(reader)
  }

  /** Ends what a reader has open, whoever holds it: as long as it is, the log grows. */
  const end = (reader: Reader, late: CallError): void => {
    reader.late = late
    all.splice(all.indexOf(reader), 1)
    reader.db.close()
    log.warn('A snapshot or stream that lasted too long was ended', { service, file, timeout })
    const next = waiters.shift()
    if (next === undefined) return
    try {
      next.resolve(open())
    } catch (error) {
      next.reject(error)
    }
  }

  return {
    all,
    guard,
    borrowForever: open,
    lend: async (use) => {
      const reader = await borrow()
      const { promise: over, reject } = Promise.withResolvers<never>()
      const expire = (): void => {
        if (stopped) return
        const late = outlasted(service, timeout)
        end(reader, late)
        reject(late)
      }
      const watch = timeout === Number.POSITIVE_INFINITY ? undefined : timers.after(timeout, expire)
      try {
        return await Promise.race([use(reader), over])
      } finally {
        watch?.cancel()
        giveBack(reader)
      }
    },
    stop: () => {
      stopped = true
      for (const waiter of waiters.splice(0)) waiter.reject(readClosed(service))
      for (const reader of all) reader.db.close()
    },
  }
}
