import { isInstance } from '../contract/internal.ts'

/**
 * A message that no further try can help: malformed, of an unknown version, not of its schema. A consumer that is
 * handed one (and a queue whose handler rejects with one) makes it a dead letter at once.
 */
export class NonRetryableError extends Error {
  override readonly name = 'NonRetryableError'

  static override [Symbol.hasInstance](value: unknown): boolean {
    return isInstance(value, this)
  }
}
