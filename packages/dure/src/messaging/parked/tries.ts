import type { Message } from '../../contract/contract.ts'
import type { ParkedMessage, StoreTransaction } from '../../data/data.ts'
import type { Runtime } from '../../runtime/runtime.ts'
import { backoff } from '../../runtime/internal.ts'
import type { Logger } from '../../telemetry/telemetry.ts'
import type { RetryPolicy } from '../retry.ts'
import { errorText, type ParkedStore } from './entry.ts'
import { groupOf, letterOf } from './fingerprint.ts'

/** One try of a parked message: its effect and `finish` in one transaction. Rejects when it fails. */
export type TryAgain = (message: Message, finish: (tx: StoreTransaction) => Promise<boolean>) => Promise<void>

/** After a failure: whether the message is dead, and else when it is due. */
export type TryOutcome = { readonly dead: boolean; readonly nextAt: number; readonly failedAt: number }

/** Tries of parked messages. Each is counted in the store before it begins, and again when it has ended. */
export type Tries = {
  /** Undefined when the message is out of the way: it succeeded, or somebody else has it. Rejects for trouble with the store. */
  readonly run: (parked: ParkedMessage) => Promise<TryOutcome | undefined>
  /** Notes that the process ended during a try. A message that is not dead by that is due at once. */
  readonly crashed: (parked: ParkedMessage) => Promise<TryOutcome>
  readonly report: (message: Message, dead: boolean, error: unknown, tries: number) => void
}

export function createTries(options: {
  readonly store: ParkedStore
  readonly consumer: string
  readonly runtime: Runtime
  readonly log: Logger
  readonly retry: RetryPolicy
  readonly time: () => number
  readonly tryAgain: TryAgain
  readonly isDead: (error: unknown, tries: number, message: Message) => boolean
  /** Others may try the same messages: who begins a try has the message for as long as the longest pause. */
  readonly shared: boolean
}): Tries {
  const { store, consumer, runtime, log, retry, time, tryAgain, isDead, shared } = options
  const { parked: records } = store.records

  const report: Tries['report'] = (message, dead, error, tries) => {
    const fields = { consumer, topic: message.type, messageId: message.id, tries }
    if (dead) {
      const letter = letterOf(consumer, message.id)
      log.error('A message is dead; later ones of its key are held until somebody decides', { ...fields, letter, error })
    }
    // Where it failed is worth a screen of text once, not at every try.
    else
      log.warn('A message failed and will be tried again; later ones of its key wait behind it', {
        ...fields,
        error: errorText(error),
      })
  }

  const fail = async (parked: ParkedMessage, started: number, failure: unknown, crash: boolean): Promise<TryOutcome> => {
    const { message } = parked
    const at = runtime.clock.now()
    const crashes = parked.crashes + (crash ? 1 : 0)
    const dead = isDead(failure, started, message) || crashes >= retry.crashes
    const nextAt = dead || crash ? 0 : Math.ceil(time() + backoff(retry, started, runtime.random))
    const error = errorText(failure)
    const group = groupOf({ consumer, topic: message.type, error })
    const state = dead ? 'dead' : 'waiting'
    await store.transaction((tx) =>
      records.fail(tx, { consumer, messageId: message.id, started, crashes, state, nextAt, error, group, at }),
    )
    report(message, dead, failure, started)
    return { dead, nextAt, failedAt: parked.firstFailure ?? at }
  }

  return {
    run: async (parked) => {
      const { message, started } = parked
      const its = { consumer, messageId: message.id }
      const nextAt = shared ? Math.ceil(time() + retry.max) : parked.nextAt
      if (!(await store.transaction((tx) => records.begin(tx, { ...its, started, nextAt })))) return undefined
      try {
        await tryAgain(message, (tx) => records.finish(tx, { ...its, started: started + 1 }))
        return undefined
      } catch (error) {
        return await fail(parked, started + 1, error, false)
      }
    },
    crashed: (parked) => {
      const error = new Error(`The process ended during try ${parked.started} of it (or while another was being tried)`)
      return fail(parked, parked.started, error, true)
    },
    report,
  }
}
