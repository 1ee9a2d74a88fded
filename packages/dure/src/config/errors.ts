import type { ConfigValue } from './source.ts'

/** One thing that is wrong with settings. */
export type ConfigProblem = Partial<Pick<ConfigValue, 'from' | 'line'>> & {
  readonly key?: string | undefined
  readonly why: string
}

/**
 * Settings that cannot be read or used: everything that is wrong, each with its place and key. It never has a value in it.
 *
 * @example
 * ```ts
 * import { ConfigError } from 'dure/config'
 *
 * const error = new ConfigError('Cannot read settings', [{ from: 'application.yml', line: 3, key: 'payment.timeout', why: 'it is no number' }])
 * console.log(error.message) // → Cannot read settings: application.yml:3: payment.timeout: it is no number
 * ```
 */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly ConfigProblem[]
  /** Where they come from cannot be reached: what they are is not known. */
  readonly away: boolean

  constructor(action: string, problems: readonly ConfigProblem[], options: { cause?: unknown; away?: boolean } = {}) {
    const told = problems.map(problemText)
    super(`${action}:${told.length === 1 ? ` ${told[0]}` : told.map((one) => `\n  - ${one}`).join('')}`, options)
    this.problems = problems
    this.away = options.away ?? false
  }
}

export function problemText({ from, line, key, why }: ConfigProblem): string {
  const place = from === undefined ? undefined : line === undefined ? from : `${from}:${line}`
  return [place, key, why].filter((part) => part !== undefined).join(': ')
}
