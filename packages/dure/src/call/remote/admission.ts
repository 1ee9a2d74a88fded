import type { CallContext } from '../context.ts'
import type { Member } from './member.ts'

/** A call that asks for somebody to take it. */
export type Admitted = {
  /** `orders.place`, for messages. */
  readonly place: string
  readonly repeatable: boolean
  readonly context: CallContext
  /** Who has had it already. */
  readonly tried: readonly Member[]
}

/** Who takes it, with a place taken. `probe`: this call decides whether the member is back, and must say how it went. */
export type Grant = { readonly member: Member; readonly probe: boolean }
