import type { DeadLetterFilter } from '../data/data.ts'
import type { Acts } from '../telemetry/internal.ts'
import type { DeadLetters } from './dead-letters/dead-letters.ts'

/** The same dead letters, whose changes are written to an audit log before they are done, and what came of them after it. */
export function recordedLetters(
  letters: DeadLetters,
  { service, acts }: { readonly service: string; readonly acts: Acts },
): DeadLetters {
  const act = (what: string, by: string, about: object, reason?: string) => ({
    ...{ action: `dead-letters.${what}`, actor: by, subject: service, about: { ...about } },
    // In somebody's own words, which may be about a person.
    ...(reason !== undefined && { personal: { reason } }),
  })
  const counted = (count: number) => ({ count })
  return {
    ...letters,
    retry: (filter = {}, by = '', reason) =>
      acts.first(act('retry', by, toldOf(filter), reason), () => letters.retry(filter, by, reason), counted),
    discard: (filter, reason, by = '') =>
      acts.first(act('discard', by, toldOf(filter), reason), () => letters.discard(filter, reason, by), counted),
    edit: (id, data, reason, by = '') => acts.first(act('edit', by, { id }, reason), () => letters.edit(id, data, reason, by)),
  }
}

/** Which are meant; words of an error may have anything in them. */
function toldOf({ error, ...filter }: DeadLetterFilter): object {
  return { ...filter, ...(error !== undefined && { byError: true }) }
}
