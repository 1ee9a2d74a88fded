import type { Delivery } from 'dure/messaging'
import { fitting } from 'dure/messaging/adapter'
import type { Note } from './offsets.ts'
import { spotKey, type Spot } from './assignment.ts'

/** A partition while it is a member's: what has been fetched of it, and how far it is done. */
export type Holding = Spot & {
  readonly key: string
  /** Aborted when it is to be given back, or is lost. */
  readonly ending: AbortController
  /** The group has gone on without this member: nothing may be written of it any more. */
  lost: boolean
  /** Fetched and not taken yet, in order; and their size in UTF-16 units. */
  readonly waiting: Delivery[]
  size: number
  /** The next to be fetched; undefined: nothing is, yet. */
  next: number | undefined
  /** The first that is not done. */
  done: number
  note: Note
  /** What is committed, and whether more is done. */
  saved: number
  unsaved: boolean
  /** Something has come, or it ends. */
  news: PromiseWithResolvers<void>
}

/** UTF-16 units of data that are handed over at once, unless one message has more; and that wait in a holding. */
export const BATCH_SIZE: number = 1024 * 1024

export function createHolding(spot: Spot): Holding {
  const news = Promise.withResolvers<void>()
  const note = { epoch: 0, broker: '', lost: 0, ahead: [] }
  return {
    ...{ ...spot, key: spotKey(spot), ending: new AbortController(), lost: false, waiting: [], size: 0 },
    ...{ next: undefined, done: 0, note, saved: 0, unsaved: false, news },
  }
}

/** Wakes whoever waits for the holding. */
export function tell(holding: Holding): void {
  holding.news.resolve()
  holding.news = Promise.withResolvers<void>()
}

export const sizeOf = ({ message: { data } }: Delivery): number => data.length

/** The first so many that wait, as far as they fit together; at least one, when there is one. */
export function firstOf(waiting: readonly Delivery[], limit: number): readonly Delivery[] {
  return fitting(waiting, { count: limit, size: BATCH_SIZE }, sizeOf)
}

/** Takes the first ones out of those that wait. */
export function take(holding: Holding, count: number): void {
  for (const one of holding.waiting.splice(0, count)) holding.size -= sizeOf(one)
}

/** From here on it is read: what waits is forgotten. */
export function moveTo(holding: Holding, offset: number): void {
  holding.waiting.length = 0
  holding.size = 0
  holding.next = offset
  holding.done = offset
}
