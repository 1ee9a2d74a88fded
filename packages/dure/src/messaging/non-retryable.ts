import { isInstance } from '../contract/internal.ts'

/**
 * A message that no further try can help: malformed, of an unknown version, not of its schema. A consumer that is
 * handed one (and a queue whose handler rejects with one) makes it a dead letter at once.
 *
 * @example
 * ```ts
 * import { NonRetryableError } from 'dure/messaging'
 *
 * // In a handler: the message becomes a dead letter at once, and is not tried again.
 * const problem = new NonRetryableError('Cannot read a letter of version 9: this service knows 1 to 3')
 * console.log(problem instanceof NonRetryableError) // → true
 * ```
 */
export class NonRetryableError extends Error {
  override readonly name = 'NonRetryableError'

  static override [Symbol.hasInstance](value: unknown): boolean {
    return isInstance(value, this)
  }
}
