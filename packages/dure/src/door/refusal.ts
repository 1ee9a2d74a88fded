import type { Issue } from '../contract/contract.ts'
import type { RefusalCode } from '../contract/internal.ts'

/** A request that the door turns away before any service hears of it. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: RefusalCode | 'INVALID_ARGUMENT'
  /** What is wrong with the input, and where. */
  readonly issues: readonly Issue[] | undefined

  constructor(code: RefusalCode | 'INVALID_ARGUMENT', message: string, issues?: readonly Issue[]) {
    super(message)
    this.code = code
    this.issues = issues
  }
}
