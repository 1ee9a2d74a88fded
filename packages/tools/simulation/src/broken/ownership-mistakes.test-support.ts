/** Mistakes in how members of a group own their partitions, each between a service and its store, or its broker. */
import { isInstance } from 'dure/contract/internal'
import type { Fence, ParkedId, Records, SqlTransaction, Store } from 'dure/data'
import { FencedError } from 'dure/data/adapter'
import type { Broker, Delivery } from 'dure/messaging'
import type { FaultKind, Simulation } from '../simulation.ts'
import { DISCARDED, LOST, MOVES, ORDER, PAST, REST, type Mistake } from './ledger.test-support.ts'

function withRecords(store: Store, change: (records: Records) => Partial<Records>): Store {
  return { ...store, records: { ...store.records, ...change(store.records) } }
}

type Tx = Parameters<Records['parked']['add']>[0]

/** Tries are begun and ended whoever's they are, at whatever revision the message is by now. */
function unfencedTries({ parked, inbox }: Records): Pick<Records, 'parked' | 'inbox'> {
  const tried = new Set<string>()
  const without = async <T extends ParkedId>(tx: Tx, its: T): Promise<T> => {
    tried.add(its.messageId)
    const [row] = await (tx as SqlTransaction).all('SELECT revision FROM dure_parked WHERE message_id = ?', [its.messageId])
    return { ...its, fence: undefined, revision: Number(row?.['revision'] ?? -1) }
  }
  return {
    parked: {
      ...parked,
      begin: async (tx, its) => parked.begin(tx, await without(tx, its)),
      finish: async (tx, its) => parked.finish(tx, await without(tx, its)),
      fail: async (tx, its) => parked.fail(tx, await without(tx, its)),
    },
    inbox: {
      ...inbox,
      mark: (tx, { marks, at }) =>
        inbox.mark(tx, { marks: marks.map((mark) => (tried.has(mark.messageId) ? { ...mark, fence: undefined } : mark)), at }),
    },
  }
}

const placeOf = ({ consumer, partition }: Pick<Fence, 'consumer' | 'partition'>): string => `${consumer} ${partition}`

/** What a broker hands to members of groups goes through this. */
function delivering(
  broker: Broker,
  deliver: (batch: readonly Delivery[], hand: (batch: readonly Delivery[]) => Promise<void>) => Promise<void>,
): Broker {
  return {
    ...broker,
    subscribe: (options) =>
      broker.subscribe({
        ...options,
        deliver: (batch, place) => deliver(batch, (some) => options.deliver(some, place)),
      }),
  }
}

/** Who finds its epoch to be over takes what it has in hand for done, and its broker believes members whose session has ended. */
function settledWhenFenced(): Pick<Simulation, 'store' | 'broker'> {
  const settled = new Set<string>()
  return {
    store: (store) =>
      withRecords(store, ({ inbox }) => ({
        inbox: {
          ...inbox,
          mark: async (tx, wanted) => {
            try {
              return await inbox.mark(tx, wanted)
            } catch (error) {
              if (!isInstance(error, FencedError)) throw error
              for (const { messageId } of wanted.marks) settled.add(messageId)
              return 0
            }
          },
        },
      })),
    broker: (broker) =>
      delivering(broker, async (batch, hand) => {
        const left = batch.filter(({ message }) => !settled.has(message.id))
        if (left.length > 0) await hand(left)
      }),
  }
}

/** What a member had in hand whose session has ended is taken for done. */
const settledWhenLost: NonNullable<Simulation['broker']> = (broker) =>
  delivering(broker, (batch, hand) =>
    hand(batch).catch((error: unknown) => {
      if (!String(error).includes('is gone with what it had in hand')) throw error
    }),
  )

export type OwnershipMistake = {
  /** Made anew for each run. */
  readonly between?: () => Pick<Simulation, 'store' | 'broker'>
  readonly mistake?: Mistake
  /** The invariants that find it, whichever is looked at first. */
  readonly found: readonly string[]
  readonly faults?: readonly FaultKind[]
  /** The first seed that is tried. Default 1. */
  readonly from?: number
}

const STALLING: readonly FaultKind[] = ['stall', 'scaling']

export const MISTAKES: Readonly<Record<string, OwnershipMistake>> = {
  'nothing carries its epoch': {
    mistake: (store) =>
      withRecords(store, ({ parked, inbox }) => ({
        parked: {
          ...parked,
          add: (tx, messages) => parked.add(tx, messages, undefined),
          begin: (tx, its) => parked.begin(tx, { ...its, fence: undefined }),
          finish: (tx, its) => parked.finish(tx, { ...its, fence: undefined }),
          fail: (tx, its) => parked.fail(tx, { ...its, fence: undefined }),
        },
        inbox: {
          ...inbox,
          mark: (tx, { marks, at }) => inbox.mark(tx, { marks: marks.map((mark) => ({ ...mark, fence: undefined })), at }),
        },
      })),
    found: [PAST, ORDER],
    faults: STALLING,
  },
  'tries of a lost partition go on': {
    mistake: (store) => withRecords(store, unfencedTries),
    found: [PAST, ORDER],
    faults: STALLING,
  },
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
  'what is refused for its epoch is settled': { between: settledWhenFenced, found: [LOST], faults: STALLING },
  'what was in hand is settled when it is lost': {
    between: () => ({ broker: settledWhenLost }),
    found: [LOST],
    faults: STALLING,
  },
  'what is discarded is not marked': {
    mistake: (store) =>
      withRecords(store, ({ deadLetters }) => ({
        deadLetters: {
          ...deadLetters,
          decide: (tx, filter, decision) =>
            deadLetters.decide(tx, filter, decision.action === 'discard' ? { ...decision, unmarked: MOVES } : decision),
        },
      })),
    found: [DISCARDED],
    faults: [...STALLING, 'redelivery', 'late batch'],
    // (From 1 on it takes 57 seeds.)
    from: 50,
  },
}
