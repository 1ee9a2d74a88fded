import type { Message } from '../../contract/contract.ts'
import type { Deed } from './audit.ts'
import type { After, DeadLetter, DeadLetterFilter, DeadLetterGroup, MessageHead } from './letter.ts'

/** Where dead letters wait: beside their consumers' data, or in queues. */
export type Place = {
  readonly groups: (filter: DeadLetterFilter) => Promise<readonly DeadLetterGroup[]>
  /** In order of their last failure. */
  readonly list: (filter: DeadLetterFilter, limit: number, after: After | undefined) => Promise<readonly DeadLetter[]>
  /** By id, the beginning of one, or the id of its message. */
  readonly find: (id: string, limit: number) => Promise<readonly Found[]>
  readonly retry: (filter: DeadLetterFilter, deed: Deed) => Promise<number>
  readonly discard: (filter: DeadLetterFilter, deed: Deed) => Promise<number>
  /** False when there is no such letter. */
  readonly edit: (id: string, data: string, deed: Deed) => Promise<boolean>
}

export type Found = {
  readonly letter: DeadLetter
  readonly message: Message
  readonly detail: string
  readonly behind: readonly MessageHead[]
}
