/**
 * A system that cannot be put together or started: every problem found, each saying what to do.
 *
 * @example
 * ```ts
 * import { contract, query } from 'dure/contract'
 * import { service, system, SystemError } from 'dure/service'
 * import { z } from 'zod'
 *
 * const Clock = contract('clock', { version: '1.0.0', owner: 'team-time', operations: { now: query({ output: z.date() }) } })
 * const clock = service(Clock, { handlers: { now: (_, { clock }) => new Date(clock.now()) } })
 * try {
 *   system('time', { services: [clock, clock] })
 * } catch (error) {
 *   if (error instanceof SystemError) console.log(error.problems.length) // → 1
 * }
 * ```
 */
export class SystemError extends Error {
  override readonly name = 'SystemError'
  readonly problems: readonly string[]

  constructor(action: string, problems: readonly string[], options?: { cause?: unknown }) {
    const text = problems.length === 1 ? ` ${problems[0]}` : problems.map((problem) => `\n  - ${problem}`).join('')
    super(`${action}:${text}`, options)
    this.problems = problems
  }
}
