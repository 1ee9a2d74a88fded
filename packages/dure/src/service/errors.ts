/** A system that cannot be put together or started: every problem found, each saying what to do. */
export class SystemError extends Error {
  override readonly name = 'SystemError'
  readonly problems: readonly string[]

  constructor(action: string, problems: readonly string[], options?: { cause?: unknown }) {
    const text = problems.length === 1 ? ` ${problems[0]}` : problems.map((problem) => `\n  - ${problem}`).join('')
    super(`${action}:${text}`, options)
    this.problems = problems
  }
}
