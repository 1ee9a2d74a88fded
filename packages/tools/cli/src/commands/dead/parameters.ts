import type { TypedFlagParameter } from '@stricli/core'
import { realRuntime } from 'dure/runtime'
import type { AskOptions } from '@dure/operator'
import { askOperator, EndedError } from '../../control/control.ts'
import { CliError, type Shell } from '../../shell.ts'
import { directoryOf, parsedFlag, saySilent, textFlag, wholeNumber, type Common, type Silent } from '../parameters.ts'

type Numeric = TypedFlagParameter<number | undefined, Shell>

/** Which dead letters. */
export type Filter = {
  readonly consumer?: string
  readonly topic?: string
  readonly key?: string
  readonly group?: string
  readonly error?: string
  readonly since?: number
  readonly until?: number
}
export const filter: { readonly [K in keyof Filter]-?: TypedFlagParameter<Filter[K] | undefined, Shell> } = {
  consumer: textFlag('NAME', 'Only of this service, or of this service/reaction'),
  topic: textFlag('NAME', 'Only of this topic or queue'),
  key: textFlag('KEY', 'Only of this key'),
  group: textFlag('ID', 'Only those that failed alike: see "dure dead groups"'),
  error: textFlag('TEXT', 'Only those whose error has this text in it'),
  since: timeFlag('Only those that failed last since then: 2h, 7d, or a date'),
  until: timeFlag('Only those that failed last before then'),
}

export const limitFlag: Numeric = parsedFlag(wholeNumber(1, 1_000), 'N', 'At most so many (default 50)')

export function filterOf({ consumer, topic, key, group, error, since, until }: Filter): Filter {
  return { consumer, topic, key, group, error, since, until }
}

export function timeFlag(brief: string): Numeric {
  return parsedFlag(parseTime, 'TIME', brief)
}

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

/** `90s`, `5m`, `2h`, `7d`, `1w` ago; or a date, with or without a time. */
function parseTime(given: string): number {
  const [, amount, unit] = /^(\d+)([smhdw])$/.exec(given) ?? []
  if (amount !== undefined && unit !== undefined) return realRuntime().clock.now() - Number(amount) * UNITS[unit]!
  const parsed = /^\d{4}-\d{2}-\d{2}/.test(given) ? Date.parse(given) : Number.NaN
  if (!Number.isNaN(parsed)) return parsed
  throw new Error(`"${given}" is not a time: write 90s, 5m, 2h, 7d (ago), or a date such as 2026-07-31T12:00`)
}

/** Asks the running system, and says who of it did not answer. */
export async function ask<T>(shell: Shell, flags: Common, operation: string, input: object, options?: AskOptions): Promise<T> {
  const answer = await askOperator<T & { readonly silent?: Silent }>(
    directoryOf(shell, flags),
    'letters',
    operation,
    input,
    options,
  ).catch((error: unknown) => {
    if (!(error instanceof EndedError) || !CHANGES.has(operation)) throw error
    throw new CliError(`${error.message} Whether it was done is told by "dure dead audit".`, { cause: error })
  })
  saySilent(shell, answer.silent)
  return answer
}

const CHANGES: ReadonlySet<string> = new Set(['retry', 'edit', 'discard'])
