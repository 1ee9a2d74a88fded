import type { Message } from '../contract/contract.ts'

/** A message, where it goes, and for a queue the milliseconds until it is visible. */
export type OutboxMessage = Message & { readonly destination: 'topic' | 'queue'; readonly delay?: number }

/** A committed message at its place in the order of commits. */
export type OutboxRow = { readonly position: number; readonly message: OutboxMessage }
