import type { Message } from '../../contract/contract.ts'
import type { Fence, ParkedMessage, StoreTransaction } from '../../data/data.ts'
import { FencedError } from '../../data/internal.ts'
import type { Runtime } from '../../runtime/runtime.ts'
import { backoff } from '../../runtime/internal.ts'
import type { Logger } from '../../telemetry/telemetry.ts'
import type { RetryPolicy } from '../retry.ts'
import { errorText, type ParkedStore } from './entry.ts'
import { groupOf, letterOf } from './fingerprint.ts'

/** One try of a parked message, the `attempt`th: its effect and `finish` in one transaction. Rejects when it fails. */
export type TryAgain = (message: Message, finish: (tx: StoreTransaction) => Promise<boolean>, attempt: number) => Promise<void>

/** After a failure: whether the message is dead, and else when it is due. */
export type TryOutcome = { readonly dead: boolean; readonly nextAt: number; readonly failedAt: number }

/** Tries of parked messages. Each is counted in the store before it begins, and again when it has ended. */
export type Tries = {
  /**
   * `done` when the message is out of the way; `changed` when somebody else has it, or has decided on it. Rejects for trouble with
   * the store, and with `FencedError` when the partition is another's: then nothing was counted.
   */
  readonly run: (parked: ParkedMessage) => Promise<TryOutcome | 'done' | 'changed'>
  /** Notes that the process ended during a try. A message that is not dead by that is due at once. */
  readonly crashed: (parked: ParkedMessage) => Promise<TryOutcome | 'changed'>
  readonly report: (message: Message, dead: boolean, error: unknown, tries: number) => void
}

export function createTries(options: {
  readonly store: ParkedStore
  readonly consumer: string
  readonly fence: Fence | undefined
  readonly runtime: Runtime
  readonly log: Logger
  readonly retry: RetryPolicy
  readonly time: () => number
  readonly tryAgain: TryAgain
  readonly isDead: (error: unknown, tries: number, message: Message) => boolean
  /** Others may try the same messages: who begins a try has the message for so many milliseconds. */
  readonly lease: number | undefined
}): Tries {
  const { store, consumer, fence, runtime, log, retry, time, tryAgain, isDead, lease } = options
  const { parked: records } = store.records
  /** Those of whose tries here the store could not be told how they ended: nobody crashed. */
  const untold = new Set<string>()
  /** Those whose try may have been counted, as far as the store has answered, and was not begun. */
  const untried = new Set<string>()

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

  const fail = async (parked: ParkedMessage, failure: unknown, crash: boolean): Promise<TryOutcome | 'changed'> => {
    const { message, started, revision } = parked
    const at = runtime.clock.now()
    const crashes = parked.crashes + (crash ? 1 : 0)
    const dead = isDead(failure, started, message) || crashes >= retry.crashes
    const wait = dead || crash ? 0 : Math.ceil(backoff(retry, started, runtime.random))
    const error = errorText(failure)
    const group = groupOf({ consumer, topic: message.type, error })
    const state = dead ? 'dead' : 'waiting'
    const its = { consumer, messageId: message.id, revision, fence }
    const told = await store.transaction((tx) => records.fail(tx, { ...its, started, crashes, state, wait, error, group, at }), {
      isolated: false,
    })
    if (!told) return 'changed'
    report(message, dead, failure, started)
    return { dead, nextAt: wait === 0 ? 0 : time() + wait, failedAt: parked.firstFailure ?? at }
  }

  const crashed: Tries['crashed'] = (parked) => {
    const error = new Error(`The process ended during try ${parked.started} of it (or while another was being tried)`)
    return fail(parked, error, true)
  }

  return {
    run: async (parked) => {
      const { message, started, finished, revision } = parked
      const { id: messageId } = message
      // Its lease is over, and nobody has said how the try ended.
      if (lease !== undefined && started > finished && !untold.has(messageId)) return crashed(parked)
      const isOpen = lease === undefined && started > finished
      // Its last try did not succeed, and that could not be noted: its partition was another's, or the store was away.
      if (isOpen && started >= retry.attempts && !untried.has(messageId))
        return fail(parked, new Error(`Try ${started} of it failed, and how could not be noted`), false)
      const its = { consumer, messageId, fence }
      // One whose try was counted, and its answer lost, has it before it still.
      const isCounted = isOpen && untried.has(messageId)
      untried.add(messageId)
      const begin = { ...its, revision, lease: lease ?? 0 }
      const isOwn = isCounted || (await store.transaction((tx) => records.begin(tx, begin), { isolated: false }))
      untried.delete(messageId)
      if (!isOwn) return 'changed'
      const begun = isCounted ? parked : { ...parked, started: started + 1, revision: revision + 1 }
      let finishes = false
      untold.add(messageId)
      try {
        const finish = async (tx: StoreTransaction): Promise<boolean> =>
          (finishes = await records.finish(tx, { ...its, revision: begun.revision }))
        await tryAgain(message, finish, begun.started)
      } catch (error) {
        if (error instanceof FencedError) throw error
        const outcome = await fail(begun, error, false)
        untold.delete(messageId)
        return outcome
      }
      untold.delete(messageId)
      return finishes ? 'done' : 'changed'
    },
    crashed,
    report,
  }
}
