import { CallError } from '../contract/contract.ts'
import { describeThrown } from '../contract/internal.ts'
import type { Runtime, Timer } from '../runtime/runtime.ts'
import type { Logger } from './log.ts'

/** What somebody with rights has done, or was refused, as an audit log is told of it. */
export type Act = {
  /** What: `dead-letters.discard`, `session.begun`, `access.refused`. */
  readonly action: string
  /** Who: a user's id, an operator's name; `unknown` when nobody has said. */
  readonly actor: string
  /** What, or whom, it was done to. */
  readonly subject: string
  /** `begun` comes before it is done, and one of the others after it: where that is missing, nobody knows. */
  readonly outcome: 'begun' | 'done' | 'failed' | 'refused'
  /** More of it: JSON. Nothing personal. */
  readonly about?: Readonly<Record<string, unknown>> | undefined
  /** What may have to be erased, such as a reason in somebody's own words. */
  readonly personal?: Readonly<Record<string, string>> | undefined
}

/** Writes an act down; resolves when it is there for good. @throws {CallError} when it could not be written */
export type RecordAct = (act: Act) => Promise<void>

type Begun = Omit<Act, 'outcome'>
/** What is known of an act once it is done. */
type Tell<T> = (value: T) => Readonly<Record<string, unknown>>

/** Does what has to be written down, and writes it down. */
export type Acts = {
  /** What can wait: it is begun in the log before it is done, or refused. @throws {CallError} UNAVAILABLE when it cannot be written */
  readonly first: <T>(act: Begun, work: () => Promise<T>, tell?: Tell<T>) => Promise<T>
  /** What must not wait: it is done whatever becomes of the log, which gets it as soon as it can. */
  readonly along: <T>(act: Begun, work: () => Promise<T>, tell?: Tell<T>) => Promise<T>
  /** What has happened already. */
  readonly note: (act: Act) => void
  /** Resolves when all is written, or the log was found to be away. */
  readonly settled: () => Promise<void>
}

/** Acts that wait for their log, at most; more are counted. */
const MOST = 1_000
/** Milliseconds until a log that was away is tried again. */
const AGAIN = 1_000

/** Without `record` everything is done, and nothing is written. */
export function createActs(options: {
  readonly record: RecordAct | undefined
  readonly runtime: Pick<Runtime, 'clock' | 'timers'>
  readonly log?: Pick<Logger, 'warn'> | undefined
}): Acts {
  const { record, log } = options
  const { clock, timers } = options.runtime
  const waiting: Act[] = []
  let lost = 0
  let writing: Promise<void> | undefined
  /** While the log is away. */
  let again: Timer | undefined

  /** What is written later says when it was; until then it is in the system's own log. */
  const late = (act: Act): Act => {
    const { personal: _, ...said } = act
    log?.warn('What was done is not in the audit log yet', said)
    return { ...act, about: { ...act.about, happened: new Date(clock.now()).toISOString() } }
  }
  /** One after the other, so that they are in the log as they happened. */
  const write = async (): Promise<void> => {
    while (waiting.length > 0 || lost > 0) {
      if (waiting.length === 0) {
        waiting.push({ action: 'acts.lost', actor: 'unknown', subject: 'audit', outcome: 'failed', about: { count: lost } })
        lost = 0
      }
      try {
        await record!(waiting[0]!)
      } catch (error) {
        const isBad = error instanceof CallError && error.code === 'INVALID_ARGUMENT'
        log?.warn(isBad ? 'The audit log does not take what was done' : 'The audit log cannot be written to', { error })
        if (!isBad) {
          for (const [i, act] of waiting.entries()) if (act.about?.['happened'] === undefined) waiting[i] = late(act)
          again = timers.after(AGAIN, () => {
            again = undefined
            begin()
          })
          return
        }
      }
      waiting.shift()
    }
  }
  const begin = (): void => {
    if (writing !== undefined || again !== undefined) return
    writing = write().then(() => {
      writing = undefined
      // One that came while the last was on its way.
      if (waiting.length > 0) begin()
    })
  }
  const note = (act: Act): void => {
    if (record === undefined) return
    if (waiting.length >= MOST) lost++
    else waiting.push(again === undefined ? act : late(act))
    begin()
  }
  const finish = async <T>(act: Begun, work: () => Promise<T>, tell: Tell<T> | undefined): Promise<T> => {
    try {
      const value = await work()
      note({ ...act, outcome: 'done', about: { ...act.about, ...tell?.(value) } })
      return value
    } catch (error) {
      const code = error instanceof CallError ? error.code : describeThrown(error).name
      note({ ...act, outcome: 'failed', about: { ...act.about, code } })
      throw error
    }
  }
  return {
    first: async (act, work, tell) => {
      if (record === undefined) return work()
      try {
        await record({ ...act, outcome: 'begun' })
      } catch (error) {
        const why = describeThrown(error).message
        throw new CallError('UNAVAILABLE', `Nothing was done: "${act.action}" could not be written to the audit log: ${why}`, {
          cause: error,
        })
      }
      return finish(act, work, tell)
    },
    along: async (act, work, tell) => {
      if (record === undefined) return work()
      note({ ...act, outcome: 'begun' })
      return finish(act, work, tell)
    },
    note,
    settled: async () => {
      while (writing !== undefined) await writing
    },
  }
}

/** Milliseconds for which refusals of one kind are counted, and told together. */
const TOGETHER = 60_000

/**
 * Tells of refusals: the first of a kind at once, and then how many more there were, once a minute. So nobody fills the log by being refused.
 * There have to be few kinds: what somebody else says is none.
 */
export function createRefusals(
  acts: Pick<Acts, 'note'>,
  { timers }: Pick<Runtime, 'timers'>,
): (refused: { readonly action: string; readonly subject: string; readonly reason: string }) => void {
  /** How many there were since one of the kind was told. */
  const counts = new Map<string, number>()
  return ({ action, subject, reason }) => {
    const kind = `${action} ${subject} ${reason}`
    const tell = (count: number): void => {
      acts.note({ action, actor: 'unknown', subject, outcome: 'refused', about: { reason, count } })
      counts.set(kind, 0)
      timers.after(TOGETHER, () => {
        const more = counts.get(kind)!
        counts.delete(kind)
        if (more > 0) tell(more)
      })
    }
    const before = counts.get(kind)
    if (before === undefined) tell(1)
    else counts.set(kind, before + 1)
  }
}
