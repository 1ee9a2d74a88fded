import { CallError } from '../contract/contract.ts'

/** Why a token or key was refused, for programs: in `details.reason`. */
export type RefusalReason = (typeof REASONS)[number]

export const REASONS = [
  'malformed',
  'too long',
  'algorithm',
  'type',
  'issuer',
  'audience',
  'key',
  'signature',
  'expired',
  'not yet',
  'claims',
] as const

/** Nothing of what was sent stands in the words: it goes into logs, and may be somebody's. */
export function refusal(reason: RefusalReason, words: string, cause?: unknown): CallError {
  return new CallError('UNAUTHENTICATED', `The credentials were refused: ${words}`, { cause, details: { reason } })
}
