import { CallError } from '../../../contract/contract.ts'
import type { Runtime } from '../../../runtime/runtime.ts'
import type { Logger } from '../../../telemetry/telemetry.ts'
import { SessionOver, type BrokerClient, type Outcome, type Batch } from './contract.ts'
import { createOutcomes } from './outcomes.ts'
import type { Pauses } from './trying.ts'

/** A session with the broker, as long as there is one; and another when it is over. */
export type Connection = {
  /** The session there is, or another. */
  readonly session: (timeout: number) => Promise<Live>
  readonly current: () => Live | undefined
  /** The session is over, or given up: another is opened while there are members. */
  readonly lose: (within: Live) => void
  /** One call within a session; whoever hears that it is over ends it here. */
  readonly ask: <T>(within: Live, call: () => Promise<T>) => Promise<T>
  /** The broker could not be reached, once more. */
  readonly lost: (error: unknown) => void
  readonly stop: () => Promise<void>
}

/** One session as its client sees it. */
export type Live = {
  readonly id: string
  /** Milliseconds between signs of life. */
  readonly beat: number
  /** Batches that came and whose settling the broker has not confirmed. */
  readonly inHand: Set<number>
  /** Aborts when the session is over. */
  readonly over: AbortController
  readonly settle: (outcome: Outcome) => void
}

export type ConnectionOptions = {
  readonly client: BrokerClient
  readonly runtime: Runtime
  readonly log: Logger
  readonly name: string
  readonly pauses: Pauses
  readonly patience: number
}

/** Milliseconds: a fresh stream takes the place of one that is half as old. */
const LONGEST_STREAM = 3_600_000

type Options = ConnectionOptions & {
  /** There is another session. */
  readonly opened: (within: Live) => void
  readonly take: (within: Live, batch: Batch) => void
  readonly members: () => number
}

export function createConnection(options: Options): Connection {
  const { client, runtime, log, name, pauses, patience, opened, members } = options
  let live: Live | undefined
  let opening: Promise<Live> | undefined
  let running: Promise<void> | undefined
  let stopped = false
  let reached = true

  const lost = (error: unknown): void => {
    if (reached && !stopped) log.warn('The broker cannot be reached; it is tried again and again', { client: name, error })
    reached = false
  }
  const found = (): void => {
    if (!reached) log.info('The broker is reached again', { client: name })
    reached = true
  }

  const session = (timeout: number): Promise<Live> => {
    if (live !== undefined) return Promise.resolve(live)
    opening ??= open(timeout).finally(() => void (opening = undefined))
    return opening
  }

  const open = async (timeout: number): Promise<Live> => {
    const { session: id, beat } = await client.open({ name }, { timeout })
    if (stopped) throw new CallError('CANCELLED', 'Cannot open a session with the broker: this client has stopped')
    const inHand = new Set<number>()
    const over = new AbortController()
    const settle = createOutcomes({
      ...{ runtime, log, name, inHand, signal: over.signal },
      send: (outcomes) => ask(own, () => client.settle({ session: id, outcomes }, { timeout: beat * 5 })),
    })
    const own: Live = (live = { id, beat, inHand, over, settle })
    void signsOfLife(own)
    void stream(own)
    opened(own)
    return own
  }

  const lose = (within: Live): void => {
    if (live !== within) return
    live = undefined
    within.over.abort()
    if (stopped || members() === 0) return
    log.warn('The session with the broker is over; its members join again', { client: name, members: members() })
    running ??= reopen().finally(() => void (running = undefined))
  }

  const reopen = async (): Promise<void> => {
    for (let failed = 1; live === undefined && !stopped; failed++) {
      try {
        await session(patience)
      } catch (error) {
        lost(error)
        await pauses.pause(failed)
      }
    }
  }

  const ask = async <T>(within: Live, call: () => Promise<T>): Promise<T> => {
    try {
      return await call()
    } catch (error) {
      if (SessionOver.is(error)) lose(within)
      throw error
    }
  }

  const signsOfLife = async (within: Live): Promise<void> => {
    let deaf = 0
    while (live === within) {
      await runtime.timers.sleep(within.beat, within.over.signal)
      if (live !== within) return
      try {
        const { streaming } = await ask(within, () => client.beat({ session: within.id }, { timeout: within.beat * 5 }))
        found()
        // Either side may think that a stream is there when the other has none; then the whole is made new.
        deaf = streaming ? 0 : deaf + 1
        if (deaf === 4) lose(within)
      } catch {
        // The stream tells of trouble; a sign of life that is lost is followed by another.
      }
    }
  }

  const stream = async (within: Live): Promise<void> => {
    let failed = 0
    while (live === within) {
      try {
        await listen(options, within, () => void (failed = 0))
      } catch (error) {
        if (SessionOver.is(error)) return lose(within)
        lost(error)
      }
      if (live === within) await pauses.pause(++failed)
    }
  }

  return {
    session,
    current: () => live,
    lose,
    ask,
    lost,
    stop: async () => {
      stopped = true
      const last = live
      live = undefined
      last?.over.abort()
      // The broker would find out by itself; this is quicker.
      if (last !== undefined) await client.close({ session: last.id }, { timeout: 1000 }).catch(() => {})
    },
  }
}

/**
 * Takes what comes until the session is over, or it is time for a fresh stream. The stream is left then, not cancelled
 * and not out of time: that it ends is no failure, and neither side is to tell of one.
 */
async function listen(
  { client, runtime, take }: Pick<Options, 'client' | 'runtime' | 'take'>,
  within: Live,
  onNews: () => void,
): Promise<void> {
  const asked = client.deliveries({ session: within.id, have: [...within.inHand] }, { timeout: LONGEST_STREAM })
  const incoming = asked[Symbol.asyncIterator]()
  const left = Promise.withResolvers<void>()
  const { signal } = within.over
  const leave = (): void => {
    onNews()
    left.resolve()
    incoming.return?.().catch(() => {})
  }
  const turn = runtime.timers.after(LONGEST_STREAM / 2, leave)
  signal.addEventListener('abort', leave, { once: true })
  const takeAll = async (): Promise<void> => {
    for (let next = await incoming.next(); next.done !== true; next = await incoming.next()) {
      onNews()
      for (const batch of next.value.batches) take(within, batch)
    }
  }
  try {
    await Promise.race([takeAll(), left.promise])
  } finally {
    turn.cancel()
    signal.removeEventListener('abort', leave)
  }
}
