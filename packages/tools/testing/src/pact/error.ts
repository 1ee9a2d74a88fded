/**
 * A pact, or a fact beside it, that cannot be read, in words for whoever has the file.
 *
 * @example
 * ```ts
 * import { PactError, readFacts } from '@dure/testing/contracts'
 *
 * try {
 *   readFacts('nowhere')
 * } catch (error) {
 *   if (error instanceof PactError) console.log(error.message) // → Cannot read the facts in "nowhere": there is no such folder
 * }
 * ```
 */
export class PactError extends Error {
  override readonly name = 'PactError'
}
