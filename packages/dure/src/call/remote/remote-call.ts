import type { CallContext } from '../context.ts'
import type { Choice } from './choices.ts'
import type { Member } from './member.ts'

/** A call that asks for a member to take it. */
export type RemoteCall = {
  /** `orders.place`, for messages. */
  readonly place: string
  readonly repeatable: boolean
  readonly choice: Choice
  /** By which it belongs to others, where the choice heeds that. */
  readonly key: string | undefined
  readonly context: CallContext
  /** Who has had it already. */
  readonly tried: readonly Member[]
}
