/** Mistakes in how members of a group own their partitions, each between a service and its store. */
import type { Fence, Records, SqlTransaction, Store } from 'dure/data'
import type { FaultKind } from '../simulation.ts'
import { ORDER, REST, type Mistake } from './ledger.test-support.ts'

function withRecords(store: Store, change: (records: Records) => Partial<Records>): Store {
  return { ...store, records: { ...store.records, ...change(store.records) } }
}

const placeOf = ({ consumer, partition }: Pick<Fence, 'consumer' | 'partition'>): string => `${consumer} ${partition}`

export type OwnershipMistake = {
  readonly mistake: Mistake
  /** The invariants that find it, whichever is looked at first. */
  readonly found: readonly string[]
  readonly faults?: readonly FaultKind[]
}

export const MISTAKES: Readonly<Record<string, OwnershipMistake>> = {
  'what is parked is loaded before the epoch is raised': {
    mistake: (store) =>
      withRecords(store, ({ ownership, parked }) => {
        const before = new Map<string, { keys: Awaited<ReturnType<typeof parked.keys>>; looks: number }>()
        return {
          ownership: {
            ...ownership,
            raise: async (tx, claim) => {
              const keys = await parked.keys(claim)
              const raised = await ownership.raise(tx, claim)
              // Once to see what was interrupted, and once to know what waits.
              const looks = raised?.unclean === true && raised.before !== claim.member ? 2 : 1
              before.set(placeOf(claim), { keys, looks })
              return raised
            },
          },
          parked: {
            ...parked,
            keys: async (place) => {
              const known = before.get(placeOf(place))
              if (known === undefined || known.looks-- === 0) return parked.keys(place)
              return known.keys
            },
          },
        }
      }),
    found: [ORDER, REST],
  },
  'what is parked is in order of a counter of the member': {
    mistake: (store) =>
      withRecords(store, ({ parked }) => {
        let count = 0
        return {
          parked: {
            ...parked,
            add: async (tx, messages, fence) => {
              const added = await parked.add(tx, messages, fence)
              for (const { message } of added)
                await (tx as SqlTransaction).run('UPDATE dure_parked SET sequence = ? WHERE message_id = ?', [
                  ++count,
                  message.id,
                ])
              return added
            },
          },
        }
      }),
    found: [ORDER, REST],
  },
}
