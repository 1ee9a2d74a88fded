import type { AnyContract } from 'dure/contract'
import { realRuntime } from 'dure/runtime'
import type { System } from 'dure/service'
import { openCopy, together, type Copy, type Placement } from './copies.ts'
import type { SystemFile } from '../system-file.ts'
import { differenceOf, type Difference } from './difference.ts'
import { comparable, type Outcome } from './outcome.ts'
import { performer, type Performer } from './caller.ts'
import type { Made, Step } from './plan.ts'

/** The copies under test: one of each placement, and fresh ones when asked. */
export type Comparison = {
  /** The same call to every copy. */
  readonly ask: (step: Step) => Promise<ReadonlyMap<string, Outcome>>
  /** Fresh copies of two placements, to be stopped by whoever asked. */
  readonly pair: (placement: Placement) => Promise<Pair>
  /** Places that differ between two copies of one placement that got the same calls, with another chance. */
  readonly natural: (history: readonly Made[]) => Promise<readonly string[]>
  readonly renew: () => Promise<void>
  readonly stop: () => Promise<void>
}

export type Pair = {
  readonly ask: (step: Step) => Promise<readonly [Outcome, Outcome]>
  readonly stop: () => Promise<void>
}

type OpenCopy = { readonly name: string; readonly copy: Copy; readonly perform: Performer }

export function createComparison(options: {
  readonly placements: readonly Placement[]
  readonly file: SystemFile | undefined
  readonly contracts: readonly AnyContract[]
  readonly make: () => System
  readonly seed: number
}): Comparison {
  const { contracts, make, placements, file, seed } = options
  const caller = realRuntime()
  let copies: Promise<readonly OpenCopy[]> | undefined
  let asked = 0

  const openOne = async (placement: Placement, drawn: number = seed): Promise<OpenCopy> => {
    const copy = await openCopy(placement, { system: make, file, seed: drawn })
    return { name: placement.name, copy, perform: performer(contracts, copy.transport, caller) }
  }
  const openAll = async (opening: readonly Promise<OpenCopy>[]): Promise<readonly OpenCopy[]> => {
    const opened = await Promise.allSettled(opening)
    const failed = opened.find((each) => each.status === 'rejected')
    const good = opened.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
    if (failed === undefined) return good
    await Promise.all(good.map(({ copy }) => copy.stop()))
    throw failed.reason
  }
  const askAll = async (of: readonly OpenCopy[], step: Step): Promise<Outcome[]> => {
    const correlationId = `call-${asked++}`
    return await Promise.all(
      of.map(async ({ copy, perform }) => {
        const outcome = await perform(step, correlationId)
        await copy.settle()
        return outcome
      }),
    )
  }
  const stop = async (): Promise<void> => {
    const open = await copies?.catch(() => [])
    copies = undefined
    await Promise.all((open ?? []).map(({ copy }) => copy.stop()))
  }
  const pairOf = async (...opening: readonly [Promise<OpenCopy>, Promise<OpenCopy>]): Promise<Pair> => {
    const both = await openAll(opening)
    return {
      ask: async (step) => {
        const [left, right] = await askAll(both, step)
        return [left!, right!]
      },
      stop: async () => void (await Promise.all(both.map(({ copy }) => copy.stop()))),
    }
  }

  return {
    ask: async (step) => {
      const open = await (copies ??= openAll([together, ...placements].map((each) => openOne(each))))
      const outcomes = await askAll(open, step)
      return new Map(open.map(({ name }, at) => [name, outcomes[at]!]))
    },
    pair: (placement) => pairOf(openOne(together), openOne(placement)),
    natural: async (history) => {
      // Ids that a handler makes are then others: that they are says nothing about placement.
      const twins = await pairOf(openOne(together), openOne(together, seed + 1))
      try {
        const found = new Set<string>()
        for (const { value } of history) {
          const [left, right] = await twins.ask(value.value)
          // One after another: a place that varies is left aside to see the next.
          for (let tries = 0; tries < 50; tries++) {
            const difference = compare(left, right, found)
            if (difference === undefined) break
            found.add(placeOf(difference.path, difference.kinds))
          }
        }
        return [...found]
      } finally {
        await twins.stop()
      }
    },
    renew: stop,
    stop,
  }
}

/** The first difference between two outcomes in a place that does not vary by itself. */
export function compare(left: Outcome, right: Outcome, varying: ReadonlySet<string>): Difference | undefined {
  const [a, b] = comparable(left, right)
  const kinds = kindsOf(a, b)
  if (kinds !== undefined && !varying.has(placeOf(kinds.path, true))) return { ...kinds, kinds: true, left: a, right: b }
  return differenceOf(a, b, '', (path, kinds) => varying.has(placeOf(path, kinds)))
}

/** Where one ended otherwise than the other, in words. */
function kindsOf(left: Outcome, right: Outcome): Pick<Difference, 'path' | 'what'> | undefined {
  if (left.kind !== right.kind) return { path: '', what: `${ENDS[left.kind]} and ${ENDS[right.kind]}` }
  if (left.kind !== 'stream' || right.kind !== 'stream') return undefined
  const [ours, theirs] = [left.end, right.end].map((end) => (typeof end === 'string' ? end : 'failed'))
  return ours === theirs
    ? undefined
    : { path: '.end', what: `a stream that was ${PAST[ours!]} and one that was ${PAST[theirs!]}` }
}

const ENDS: Readonly<Record<Outcome['kind'], string>> = {
  answer: 'an answer',
  failure: 'an error',
  stream: 'a stream',
  silence: 'silence',
}
const PAST: Readonly<Record<string, string>> = {
  done: 'whole',
  left: 'left',
  cut: 'still going on',
  failed: 'broken off by an error',
}

/** `.items[3].id` as `.items[].id`: what varies in one item does so in all. */
function placeOf(path: string, kinds: boolean): string {
  return path.replace(/\[\d+\]/g, '[]') + (kinds ? ' (also in kind)' : '')
}
