/**
 * Something cannot be supervised, in words that say what to do.
 *
 * @example
 * ```ts
 * import { realRuntime } from 'dure/runtime'
 * import { supervise, SupervisorError } from 'dure/supervisor'
 *
 * try {
 *   // A program that ends instead of getting ready.
 *   await supervise({
 *     directory: '.dure',
 *     runtime: realRuntime(),
 *     processes: [{ name: 'orders', program: ['missing.ts'] }],
 *     onLine: () => {},
 *   })
 * } catch (error) {
 *   console.log(error instanceof SupervisorError) // → true
 * }
 * ```
 */
export class SupervisorError extends Error {
  override readonly name = 'SupervisorError'
}
