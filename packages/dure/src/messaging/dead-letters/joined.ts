import { CallError } from '../../contract/contract.ts'
import type { DeadLetter, DeadLetterChange, DeadLetterDetail, DeadLetters } from './dead-letters.ts'

/** The dead letters of several stores as those of one. @param parts asked anew each time */
export function joinedDeadLetters(parts: () => readonly DeadLetters[]): DeadLetters {
  const all = async <T>(ask: (one: DeadLetters) => Promise<readonly T[]>): Promise<T[]> =>
    (await Promise.all(parts().map(ask))).flat()
  const sum = async (ask: (one: DeadLetters) => Promise<number>): Promise<number> =>
    (await all(async (one) => [await ask(one)])).reduce((total, count) => total + count, 0)
  /** The part that has it, as it alone answers. */
  const having = async (id: string, what: string): Promise<readonly [DeadLetters, DeadLetterDetail]> => {
    const found = await all(async (one) => {
      try {
        return [[one, await one.show(id)] as const]
      } catch (error) {
        if (error instanceof CallError && error.code === 'NOT_FOUND') return []
        throw error
      }
    })
    const [only, ...others] = found
    if (only === undefined) throw new CallError('NOT_FOUND', `Cannot ${what} dead letter "${id}": there is none`)
    if (others.length === 0) return only
    const names = found.map(([, { id: letter, consumer }]) => `${letter} (${consumer})`).join(', ')
    throw new CallError('INVALID_ARGUMENT', `Cannot tell which dead letter "${id}" is: ${names}`)
  }

  return {
    groups: async (filter) =>
      (await all((one) => one.groups(filter))).toSorted((a, b) => b.count - a.count || (a.id < b.id ? -1 : 1)),
    list: async (filter = {}) => (await all((one) => one.list(filter))).toSorted(byFailure).slice(0, filter.limit ?? 100),
    show: async (id) => (await having(id, 'show'))[1],
    retry: (filter, by) => sum((one) => one.retry(filter, by)),
    discard: (filter, reason, by) => sum((one) => one.discard(filter, reason, by)),
    edit: async (id, data, reason, by) => (await having(id, 'edit'))[0].edit(id, data, reason, by),
    audit: async (filter = {}) => (await all((one) => one.audit(filter))).toSorted(byTime).slice(0, filter.limit ?? 100),
  }
}

function byFailure(a: DeadLetter, b: DeadLetter): number {
  return a.lastFailure - b.lastFailure || (a.id < b.id ? -1 : 1)
}

function byTime(a: DeadLetterChange, b: DeadLetterChange): number {
  return b.at - a.at || (a.letter < b.letter ? -1 : 1)
}
