import type { Message } from '../../contract/contract.ts'
import type { DeadLetterAudit, DeadMessage, DeadMessageGroup } from '../../data/data.ts'
import { firstLine } from '../parked/parked.ts'
import type { Hiding } from './private.ts'

/** A message without its data, which may be long. */
export type MessageHead = Omit<Message, 'data'>

/** A message that has had all its tries. */
export type DeadLetter = {
  /** Its short name: of this message at this consumer, always the same. */
  readonly id: string
  /**
   * Where it waits: an event beside the data of its consumer, holding its key; work in its queue, holding nobody; what the
   * broker did not take of an outbox, beside the data of its publisher, holding its key.
   */
  readonly kind: 'topic' | 'queue' | 'outbox'
  /** `<service>/<reaction>`, or `<service>/outbox`. */
  readonly consumer: string
  /** Of those that failed alike. */
  readonly group: string
  readonly message: MessageHead
  /** The first line. */
  readonly error: string
  readonly attempts: number
  /** Milliseconds since the epoch. Of work only the last failure is known, and is given for both. */
  readonly firstFailure: number
  readonly lastFailure: number
  /** Messages of its key that wait behind it. */
  readonly held: number
  /** How often its data were edited. */
  readonly edits: number
}

/** All there is to see of one. */
export type DeadLetterDetail = DeadLetter & {
  readonly message: Message
  /** The whole error, with where it happened. */
  readonly detail: string
  /** The first of those that wait behind it, in order; `held` says how many there are. */
  readonly behind: readonly MessageHead[]
  /** What people have done to it, latest first. */
  readonly changes: readonly DeadLetterChange[]
}

/** Dead letters that failed alike: same consumer, same topic, same error but for the values in it. */
export type DeadLetterGroup = {
  /** Stable: from these three alone. */
  readonly id: string
  readonly kind: 'topic' | 'queue' | 'outbox'
  readonly consumer: string
  readonly topic: string
  /** Of one of them, as the others may name other values. */
  readonly error: string
  readonly count: number
  /** Messages that wait behind them. */
  readonly held: number
  /** Milliseconds since the epoch. */
  readonly firstFailure: number
  readonly lastFailure: number
  /** Id of one of them. */
  readonly example: string
}

/** What somebody did to a dead letter. */
export type DeadLetterChange = {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly action: 'retry' | 'edit' | 'discard'
  readonly letter: string
  readonly consumer: string
  readonly topic: string
  readonly messageId: string
  /** Who, as far as whoever asked said; empty when they did not. */
  readonly by: string
  readonly reason: string
  /** What it had failed with, the first line. */
  readonly error: string
  /** The message as it was before. */
  readonly message: Message
  /** Its data after an edit. */
  readonly data: string | undefined
}

export function headOf({ data: _, ...head }: Message): MessageHead {
  return head
}

type KindOf = (consumer: string) => DeadLetter['kind']

/** As it is shown in a list. */
export function letterOf(dead: DeadMessage, kindOf: KindOf, hiding: Hiding): DeadLetter {
  const { letter, consumer, group, finished, held, edits, firstFailure = 0, lastFailure = 0 } = dead
  const at = { firstFailure, lastFailure }
  const head = headOf(hiding.message(dead.message))
  const error = hiding.words(dead.error, dead.message)
  return {
    id: letter,
    kind: kindOf(consumer),
    consumer,
    group,
    message: head,
    error: firstLine(error),
    attempts: finished,
    ...at,
    held,
    edits,
  }
}

export function groupOf({ group, letter, ...alike }: DeadMessageGroup, kindOf: KindOf): DeadLetterGroup {
  return { ...alike, id: group, kind: kindOf(alike.consumer), error: firstLine(alike.error), example: letter }
}

export function changeOf(written: DeadLetterAudit, hiding: Hiding): DeadLetterChange {
  const { message, error, data } = written
  const changed = data === undefined ? undefined : { ...message, data }
  return {
    ...written,
    ...{ topic: message.type, messageId: message.id, message: hiding.message(message) },
    error: firstLine(hiding.words(error, message)),
    data: changed && hiding.message(changed).data,
  }
}
