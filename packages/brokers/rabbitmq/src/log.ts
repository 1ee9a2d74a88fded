import { CallError } from 'dure/contract'
import { backoff } from 'dure/messaging/adapter'
import type { Runtime } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import { bytesOfEntry, entriesOf, type ChangeEntry, type Entry, type Hands } from './entries.ts'
import type { Link, Reading } from './link.ts'
import { createPresence, type Presence } from './presence.ts'
import { makeStream, statisticsOf } from './server.ts'
import { createSnapshots } from './snapshots.ts'
import { apply, emptyState, readBack, written, type Change, type State } from './state.ts'

/**
 * The log of a prefix: a stream in which all its processes write what is to be changed. Each reads all of it, so all see one order of
 * changes, and agree on which came too late.
 */
export type Log = Pick<Presence, 'isHeard' | 'silence' | 'forgetSilence' | 'tellHands'> & {
  readonly state: () => State
  /** Resolves when it has been read back: whether it changed what it was to change. Rejected: it may come all the same. */
  readonly write: (change: Change) => Promise<Written>
  /** Resolves when all is known here that was written before. */
  readonly sync: () => Promise<State>
  /** The server's clock, as far as it is known from the log; 0 before anything was read. */
  readonly now: () => number
  /** Names this process in what it writes. */
  readonly here: string
  readonly onChange: (listener: () => void) => void
  /** A sign of life, for the others to hear; where this process has nothing that they wait for, only when `needed`. */
  readonly beat: (needed: boolean) => void
  /** What each process that lives has in hand of queues. */
  readonly hands: () => Promise<readonly Hands[]>
  readonly close: () => void
}

type Written = { readonly taken: boolean; readonly offset: number }

/** What the stream keeps: many times what lies between two snapshots. */
const SETTINGS = { 'max-length-bytes': String(256 * 1024 * 1024), 'stream-max-segment-size-bytes': String(16 * 1024 * 1024) }

export async function openLog(options: {
  readonly link: Link
  readonly stream: string
  readonly runtime: Runtime
  readonly log: Logger
  /** Milliseconds without a sign of life after which a process counts as dead. */
  readonly lease: number
}): Promise<Log> {
  const { link, stream, runtime, log, lease } = options
  const { timers, random } = runtime
  const here = runtime.ids.next()
  const listeners = new Set<() => void>()
  const waiting = new Map<number, PromiseWithResolvers<Written>>()
  const presence = createPresence({ ...runtime, lease })
  const snapshots = createSnapshots({ link, stream, here, runtime })
  let state = emptyState()
  /** Offset of the next entry. */
  let [next, time, count] = [0, 0, 0]
  let reading: Reading | undefined
  let isClosed = false

  const take = (offset: number, entry: Entry, size: number): void => {
    presence.heard(entry.by)
    const isDue = snapshots.isDue(size)
    if (entry.do === 'snapshot') return snapshots.seen(offset, entry)
    if (state.identity === '') state.identity = `${entry.by}.${offset}`
    const taken = apply(state, offset, entry)
    if (entry.by !== here) {
      presence.told(entry, offset)
      if (entry.asks) beat(false)
      return
    }
    presence.echoed(entry.n)
    waiting.get(entry.n)?.resolve({ taken, offset })
    waiting.delete(entry.n)
    if (!isDue) return
    snapshots.write(offset, written(state)).catch((error: unknown) => {
      log.warn('What is known of groups could not be written down; trying again later', { error: String(error) })
    })
  }

  const follow = async (ended: (why: string) => void): Promise<void> => {
    reading?.end()
    reading = await link.read({
      ...{ stream, start: { offset: next }, credit: 4, ended },
      came: (chunk, { more }) => {
        time = Math.max(time, chunk.time)
        for (const { offset, entry, size } of entriesOf(chunk)) {
          if (offset < next) continue
          next = offset + 1
          take(offset, entry, size)
        }
        next = Math.max(next, chunk.end)
        more(1)
        for (const listener of listeners) listener()
      },
    })
  }

  const open = async (): Promise<void> => {
    await makeStream(link, stream, SETTINGS)
    const { first } = await statisticsOf(link, stream)
    if (next === 0 || first > next) {
      const known = await snapshots.restore()
      state = known === undefined ? emptyState() : readBack(known.all)
      next = known === undefined ? 0 : known.at + 1
    }
    if (first > next) throw lacking(stream, first, next)
    await follow((why) => {
      log.warn('The log of groups came to an end; reading it again', { stream, why })
      void reopen()
    })
  }
  const reopen = async (): Promise<void> => {
    for (const { reject } of waiting.values()) reject(new Error('the connection is lost'))
    waiting.clear()
    for (let failures = 1; !isClosed && link.isConnected(); failures++) {
      try {
        await open()
        await write({ do: 'nothing' })
        return
      } catch (error) {
        log.warn('The log of groups cannot be read; trying again', { stream, error: String(error) })
        await timers.sleep(backoff({ first: 50, max: 5_000 }, failures, random))
      }
    }
  }

  const write = async (change: Change, asks?: true): Promise<Written> => {
    const n = ++count
    const answer = Promise.withResolvers<Written>()
    answer.promise.catch(() => {})
    waiting.set(n, answer)
    presence.sent(n)
    try {
      const entry: ChangeEntry = { ...change, by: here, n, ...presence.toTell(), ...(asks && { asks }) }
      await link.append(stream, [bytesOfEntry(entry)])
    } catch (error) {
      waiting.delete(n)
      throw error
    }
    return answer.promise
  }
  const beat: Log['beat'] = (needed) => {
    if (link.isConnected() && (needed || presence.hasHands())) write({ do: 'nothing' }).catch(() => {})
  }

  await open()
  await write({ do: 'nothing' })
  const unlisten = link.onReconnect(() => void reopen())
  return {
    ...presence,
    ...{ here, beat, write: (change) => write(change), state: () => state, now: () => time },
    sync: () => write({ do: 'nothing' }).then(() => state),
    hands: async () => presence.answers((await write({ do: 'nothing' }, true)).offset),
    onChange: (listener) => void listeners.add(listener),
    close: () => {
      isClosed = true
      unlisten()
      reading?.end()
      listeners.clear()
      for (const { reject } of waiting.values()) reject(new Error('the connection was closed'))
    },
  }
}

function lacking(stream: string, first: number, next: number): CallError {
  return new CallError(
    'DATA_LOSS',
    `Cannot read what is known of groups: stream "${stream}" begins at ${first}, and ${next} is needed; delete it, and groups begin anew`,
  )
}
