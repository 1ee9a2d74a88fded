import { sliding, stream, topology, type Table, type Topology } from 'dure/stream'
import { PaymentFailed } from '../payment/contract.ts'
import { DISORDER, type InsightTimes } from './times.ts'

type Refused = { readonly refused: number; readonly last: number }
export type Suspect = Refused & { readonly customerId: number }

export type Refusals = { readonly topology: Topology; readonly suspects: Table<Suspect> }

/** So many refused payments within a minute are no mistake of somebody who types a number. */
export const SUSPECT = 3

/** Whose payments were refused again and again. */
export function refusalsOf({ idle }: InsightTimes): Refusals {
  const suspects = stream(PaymentFailed, { disorder: DISORDER, idle })
    .byKey()
    // Told at once, and not when nothing of that minute can come any more: it is to be stopped.
    .window(sliding('1m'), { late: 'drop', results: 'updates' })
    .count({ name: 'refusals' })
    .toStream()
    .filter(({ value }) => value >= SUSPECT)
    .keyBy(({ key }) => key)
    .aggregate({
      name: 'suspects',
      init: (): Refused => ({ refused: 0, last: 0 }),
      add: ({ refused, last }, { value, end }) => ({ refused: Math.max(refused, value), last: Math.max(last, end) }),
      result: (refusals, key): Suspect => ({ customerId: Number(key), ...refusals }),
    })
  return { topology: topology('refusals', [suspects]), suspects }
}
