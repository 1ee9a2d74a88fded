import { CallError } from 'dure/contract'
import type { DatabaseAdapter, DatabaseDefinition, DatabaseWorld, Records, Store, StoreTransaction } from 'dure/data'
import { closeFiles, never, type Process } from '../kernel/kernel.ts'

/** What befalls a store, asked at each transaction. */
export type StoreFate = {
  /** Milliseconds that the disk takes over it. */
  readonly slowness: (process: Process, service: string) => number
  readonly full: (process: Process, service: string) => boolean
  /** The commit happens and nobody is told. */
  readonly answerLost: (process: Process, service: string) => boolean
  readonly sometimes: (what: string) => void
}

/**
 * A store's owner: who holds it, until it dies. One that was frozen while another took over is fenced, as a database
 * server does that has ended the session: nothing it sends is done.
 */
export type Owners = Map<string, Process>

/** The real adapter, and between its steps whatever can happen to a process and its disk. */
export function simulatedDatabase(options: {
  readonly process: Process
  readonly owners: Owners
  readonly fate: StoreFate
  /** What stands between services and their stores. */
  readonly between?: ((store: Store, process: Process) => Store) | undefined
  readonly adapter: (world: DatabaseWorld) => DatabaseAdapter | Promise<DatabaseAdapter>
}): (world: DatabaseWorld) => Promise<DatabaseAdapter> {
  const { process, owners, fate, between = (store: Store) => store } = options
  const opened = (file: { readonly close: () => void }): void => void process.files.push(file)
  return async (world) => {
    const inner = await options.adapter({ ...world, opened })
    return {
      name: inner.name,
      open: async (service, definition: DatabaseDefinition<unknown>) => {
        if (process.point('store opens', service)) return never()
        const holder = owners.get(service)
        if (holder !== undefined && holder !== process && holder.state === 'frozen') {
          // Its session has been silent for too long: the server ends it and lets the next one in.
          fate.sometimes('a frozen owner lost its store')
          closeFiles(holder)
        }
        const store = await inner.open(service, definition)
        if (store.sharing === 'exclusive') owners.set(service, process)
        return between(simulatedStore({ store, service, process, owners, fate }), process)
      },
    }
  }
}

function simulatedStore(options: {
  readonly store: Store
  readonly service: string
  readonly process: Process
  readonly owners: Owners
  readonly fate: StoreFate
}): Store {
  const { store, service, process, owners, fate } = options

  const refusal = (action: string): CallError | undefined => {
    if (store.sharing === 'shared' || owners.get(service) === process) return undefined
    fate.sometimes('a revived process was fenced off its store')
    return new CallError('UNAVAILABLE', `${action} failed: another process has taken over the store of service "${service}"`)
  }

  const marks = new WeakMap<StoreTransaction, string[]>()
  const transaction: Store['transaction'] = async (work, limits) => {
    // Not a turn later than it was asked for, where nothing befalls it: a stop finishes what was asked for before.
    const stalled = step(process, 'transaction', service)
    if (stalled !== undefined) await stalled
    const refused = refusal('The transaction')
    if (refused !== undefined) throw refused
    let lost = false
    const marked: string[] = []
    const result = await store.transaction(async (inner) => {
      if (process.state === 'dead') return never()
      // It may be begun again.
      marked.length = 0
      marks.set(inner, marked)
      const value = await work(inner)
      // The last thing before the commit: whatever the work left to be done then was asked for earlier.
      inner.beforeCommit(async () => {
        const slow = fate.slowness(process, service)
        if (slow > 0) await process.pause(slow)
        if (process.point('commit', service)) return never()
        if (fate.full(process, service)) {
          throw new CallError('RESOURCE_EXHAUSTED', `The transaction of service "${service}" failed: the disk is full`)
        }
        lost = fate.answerLost(process, service)
      })
      return value
    }, limits)
    const died = process.point('committed', service)
    for (const one of marked) process.note('took effect', one)
    if (died) return never()
    if (lost) fate.sometimes('a commit was not answered')
    if (lost)
      throw new CallError('UNAVAILABLE', `The transaction of service "${service}" failed: the connection was lost at its commit`)
    return result
  }

  const reading = async <T>(read: () => Promise<T>): Promise<T> => {
    if (process.point('select', service)) return never()
    const refused = refusal('Reading')
    if (refused !== undefined) throw refused
    return read()
  }

  // An outbox of the adapter's own would go past all this, unless it is one of the simulation.
  const { outbox, waitOut, ...rest } = store
  const records = watched(store.records, { reading, marks, fate })
  return {
    ...rest,
    ...(store.sharing === 'shared' && outbox !== undefined && { outbox }),
    ...(waitOut && {
      waitOut: async (how) => {
        await step(process, 'wait out', service)
        await waitOut(how)
      },
    }),
    transaction,
    records: store.sharing === 'shared' ? ofMember(records, process) : records,
    ping: () => reading(store.ping),
    stop: async (how) => {
      await store.stop(how)
      if (owners.get(service) === process) owners.delete(service)
    },
  }
}

/** A step at which a process may stand still: what comes after it waits until it goes on. */
function step(process: Process, what: string, detail: string): Promise<void> | undefined {
  if (process.point(what, detail)) return never()
  return process.state === 'frozen' ? process.pause(0) : undefined
}

/** Of a store that members share: they may stand still where one takes over from another, and while they set something aside. */
function ofMember({ ownership, parked, ...rest }: Records, process: Process): Records {
  const placeOf = (of: { readonly consumer: string; readonly partition: number }): string => `${of.consumer} ${of.partition}`
  return {
    ...rest,
    ownership: {
      ...ownership,
      raise: async (tx, claim) => {
        await step(process, 'raise', placeOf(claim))
        return ownership.raise(tx, claim)
      },
    },
    parked: {
      ...parked,
      keys: async (place) => {
        await step(process, 'load', placeOf(place))
        const keys = await parked.keys(place)
        await step(process, 'loaded', placeOf(place))
        return keys
      },
      add: async (tx, messages, fence) => {
        await step(process, 'park', String(messages.length))
        return parked.add(tx, messages, fence)
      },
      finish: async (tx, its) => {
        await step(process, 'try', its.messageId)
        return parked.finish(tx, its)
      },
    },
  }
}

/** The store's records, with an eye on what tells of something rare, and on the events whose effect a transaction is. */
function watched(
  { outbox, inbox, idempotency, ownership, parked, deadLetters, upkeep }: Records,
  options: {
    readonly reading: <T>(read: () => Promise<T>) => Promise<T>
    /** What was marked in each transaction. */
    readonly marks: WeakMap<StoreTransaction, string[]>
    readonly fate: StoreFate
  },
): Records {
  const { reading, marks } = options
  const { sometimes } = options.fate
  return {
    ownership,
    upkeep: { ...upkeep, retained: () => reading(upkeep.retained) },
    outbox: { ...outbox, left: () => reading(outbox.left), read: (page) => reading(() => outbox.read(page)) },
    inbox: {
      ...inbox,
      mark: async (tx, wanted) => {
        const made = await inbox.mark(tx, wanted)
        if (made === 0) sometimes('the inbox knew a message')
        else for (const { consumer, messageId } of wanted.marks) marks.get(tx)?.push(`${consumer} ${messageId}`)
        return made
      },
    },
    idempotency: {
      ...idempotency,
      find: async (key) => {
        const found = await reading(() => idempotency.find(key))
        // A repeated command finds what became of the first.
        if (found?.outcome === 'committed') sometimes('a command whose answer was lost was not done again')
        else if (found !== undefined && found.outcome !== 'running') sometimes('a repeated command got its first answer')
        return found
      },
    },
    parked: {
      ...parked,
      add: async (tx, messages, fence) => {
        const added = await parked.add(tx, messages, fence)
        if (added.length > 0) sometimes('a message was parked')
        if (added.length < messages.length) sometimes('a message was parked already')
        return added
      },
      read: (of) => reading(() => parked.read(of)),
      keys: (place) => reading(() => parked.keys(place)),
      totals: () => reading(parked.totals),
      letters: () => reading(parked.letters),
      holding: (of) => reading(() => parked.holding(of)),
      fail: async (tx, its) => {
        const told = await parked.fail(tx, its)
        if (told && its.state === 'dead') sometimes('a message died')
        return told
      },
    },
    deadLetters: {
      ...deadLetters,
      groups: (filter) => reading(() => deadLetters.groups(filter)),
      list: (filter, page) => reading(() => deadLetters.list(filter, page)),
      audit: (filter) => reading(() => deadLetters.audit(filter)),
    },
  }
}
