import type { Mark, Retained, RetainedPart, Store } from '../data/data.ts'
import type { DeadLetters } from '../messaging/messaging.ts'
import type { Runtime, Timer } from '../runtime/runtime.ts'
import { BYTES, cautiousTime, checkNumbers, completeNumbers, COUNT, KEEP, type Ranges } from '../runtime/internal.ts'
import type { Logger } from '../telemetry/telemetry.ts'

/** Milliseconds, a number of rows, and the bytes of their texts. */
export type Bounds = {
  /** Nothing younger is removed, however many there are. */
  readonly atLeast: number
  /** Everything older is removed. */
  readonly atMost: number
  /** Of more than so many the oldest are removed, … */
  readonly rows: number
  /** … and of more bytes than these, as many as are too much by their mean size. */
  readonly bytes: number
}

/** Bounds of what has no time of its own. */
export type Amounts = Pick<Bounds, 'rows' | 'bytes'>

/** What a service keeps beside its own data, and within which bounds; what is not given is as below. */
export type RetentionOptions = {
  /** Messages that are not delivered yet: publishing is refused once there are 1,000,000, or 1 GiB of data. */
  readonly outbox?: Partial<Amounts>
  /**
   * Marks of messages that have had their effect: 100,000,000 of them, or 16 GiB. Of more those are removed at once whose time is
   * over (`inbox.retention`); none that the broker may still bring.
   */
  readonly inbox?: Partial<Amounts>
  /** Answers of commands with an idempotency key: a day at least and two at most, 1,000,000 of them or 1 GiB. */
  readonly keys?: Partial<Bounds>
  /** Dead letters nobody has decided about: 30 days at least and 400 at most, 100,000 of them or 1 GiB. Older ones are discarded. */
  readonly deadLetters?: Partial<Bounds>
  /** What was decided about dead letters: 30 days at least and 400 at most, 1,000,000 of them or 1 GiB. */
  readonly audit?: Partial<Bounds>
}

type Tidied = Exclude<keyof RetentionOptions, 'outbox' | 'inbox'>

export type Retention = { readonly outbox: Amounts; readonly inbox: Amounts } & Readonly<Record<Tidied, Bounds>>

const DAY = 24 * 60 * 60 * 1000
const GIB = 2 ** 30

const OUTBOX: Amounts = { rows: 1_000_000, bytes: GIB }
const INBOX: Amounts = { rows: 100_000_000, bytes: 16 * GIB }
const DEFAULTS: Readonly<Record<Tidied, Bounds>> = {
  keys: { atLeast: DAY, atMost: 2 * DAY, rows: 1_000_000, bytes: GIB },
  deadLetters: { atLeast: 30 * DAY, atMost: 400 * DAY, rows: 100_000, bytes: GIB },
  audit: { atLeast: 30 * DAY, atMost: 400 * DAY, rows: 1_000_000, bytes: GIB },
}
const PARTS = Object.keys(DEFAULTS) as readonly Tidied[]
const AMOUNTS: Ranges<Amounts> = { rows: { ...COUNT, endless: true }, bytes: { ...BYTES, endless: true } }
const NUMBERS: Ranges<Bounds> = { atLeast: KEEP, atMost: { ...KEEP, endless: true }, ...AMOUNTS }

/** @throws {TypeError} when a bound cannot be used, or two of them contradict each other */
export function retentionOf(service: string, given: RetentionOptions = {}): Retention {
  const what = `keep "outbox" of service "${service}"`
  const outbox = completeNumbers(what, OUTBOX, given.outbox ?? {}, AMOUNTS)
  const inbox = completeNumbers(`keep "inbox" of service "${service}"`, INBOX, given.inbox ?? {}, AMOUNTS)
  const parts = Object.fromEntries(
    PARTS.map((part) => {
      const what = `keep "${part}" of service "${service}"`
      const { atLeast, atMost } = checkNumbers(what, given[part] ?? {}, NUMBERS)
      // One that is given alone pushes the other out of its way.
      const defaults = { ...DEFAULTS[part] }
      if (atLeast !== undefined && atLeast > defaults.atMost) defaults.atMost = atLeast
      if (atMost !== undefined && atMost < defaults.atLeast) defaults.atLeast = atMost
      const bounds = completeNumbers(what, defaults, given[part] ?? {}, NUMBERS)
      checkNumbers(what, bounds, { ...NUMBERS, atMost: { ...NUMBERS.atMost, least: bounds.atLeast } })
      return [part, bounds]
    }),
  )
  return { outbox, inbox, ...(parts as Readonly<Record<Tidied, Bounds>>) }
}

/** What there is of a part, and what there may be. */
export type RetainedReading = Retained & {
  readonly service: string
  readonly part: RetainedPart
  readonly bounds: Bounds
}

/** Keeps what is kept within its bounds: one copy at a time, a few rows in each transaction. */
export type Tidying = {
  /** Goes through everything once, if it is this copy's turn. */
  readonly round: () => Promise<void>
  readonly retained: () => Promise<readonly RetainedReading[]>
  readonly stop: () => Promise<void>
}

/** Milliseconds between rounds, rows of one transaction, and transactions of a round: what is left waits for the next. */
const [EVERY, STEP, STEPS] = [5 * 60_000, 500, 400]

/** Milliseconds for which what was counted is told again. */
const FRESH = 30_000

/** A turn is one row that says when the last one was, and what is removed is asked for its age where it is removed. */
const ALONE = { isolated: false }

export function createTidying(options: {
  readonly store: Pick<Store, 'service' | 'records' | 'transaction'>
  readonly letters: Pick<DeadLetters, 'list' | 'discard'>
  readonly retention: Pick<Retention, Tidied | 'inbox'>
  /** Milliseconds: the inbox tidies itself, and is told of with the rest. */
  readonly inboxRetention: number
  readonly runtime: Runtime
  readonly log: Logger
  readonly every?: number
}): Tidying {
  const { store, letters, retention, inboxRetention, runtime, log, every = EVERY } = options
  // It goes through its marks in steps, so that one may live half as long again.
  const inbox: Bounds = { atLeast: inboxRetention, atMost: 1.5 * inboxRetention, ...retention.inbox }
  const { upkeep } = store.records
  const { service } = store
  const now = cautiousTime(runtime.clock)
  let stopped = false
  let timer: Timer | undefined
  let under: Promise<void> | undefined

  /** Removes at most `most` of those older than `age`. */
  const remove = async (part: Tidied, age: number, most: number, why: string): Promise<number> => {
    let gone = 0
    for (let step = 0; step < STEPS && gone < most && age < Infinity && !stopped; step++) {
      const limit = Math.min(STEP, most - gone)
      const removed = part === 'deadLetters' ? await discard(age, limit, why) : await forget(part, age, limit)
      if (removed === 0) break
      gone += removed
    }
    return gone
  }

  const forget = (part: 'keys' | 'audit', age: number, limit: number): Promise<number> =>
    store.transaction((tx) => upkeep.forget(tx, { part, age, limit }), ALONE)

  const discard = async (age: number, limit: number, why: string): Promise<number> => {
    const old = await letters.list({ until: now() - age, limit })
    if (old.length === 0) return 0
    return letters.discard({ ids: old.map(({ id }) => id) }, why, 'retention')
  }

  const tidy = async (part: Tidied, retained: Retained): Promise<void> => {
    const { rows } = retained
    const { atLeast, atMost, ...most } = retention[part]
    const old = await remove(part, atMost, Infinity, `Older than ${atMost / DAY} days`)
    const excess = excessOf(retained, most) - old
    const why = rows - old > most.rows ? `More than ${most.rows}` : `More than ${most.bytes} bytes`
    const more = excess > 0 ? await remove(part, atLeast, excess, why) : 0
    if (old + more > 0) log.info('Removed what is older or more than is kept', { service, part, rows: old + more })
    if (excess > more) tooYoung(part, retained, most)
  }

  const tooYoung = (part: RetainedPart, { rows, bytes }: Retained, most: Amounts): void =>
    log.warn('More is kept than wanted: it is too young to be removed', { service, part, rows, bytes, most })

  /** Where the marks were left that were looked at last. */
  let after: Mark | undefined
  /** It forgets by itself, at its leisure: at once only what is too much. */
  const tidyInbox = async (retained: Retained): Promise<void> => {
    if (excessOf(retained, retention.inbox) <= 0) return
    for (let step = 0; step < STEPS && inboxRetention < Infinity && !stopped; step++) {
      const wanted = { after, limit: STEP, before: now() - inboxRetention }
      after = await store.transaction((tx) => store.records.inbox.forget(tx, wanted), ALONE)
      if (after === undefined) break
    }
    const left = (await upkeep.retained()).inbox
    if (excessOf(left, retention.inbox) > 0) tooYoung('inbox', left, retention.inbox)
  }

  const round = async (): Promise<void> => {
    if (!(await store.transaction((tx) => upkeep.turn(tx, { task: 'retention', every }), ALONE))) return
    const retained = await upkeep.retained()
    for (const part of PARTS) await tidy(part, retained[part])
    await tidyInbox(retained.inbox)
  }

  const roundSafely = (): Promise<void> =>
    (under ??= round()
      .catch((error: unknown) => log.warn('Removing what is older than is kept failed; it is tried again', { service, error }))
      .finally(() => {
        under = undefined
        later()
      }))

  const later = (): void => {
    // Whoever shares the store asks at another moment.
    if (!stopped) timer = runtime.timers.after(every * (1 + runtime.random.number()), () => void roundSafely())
  }
  later()

  let looked: { readonly at: number; readonly retained: ReturnType<typeof upkeep.retained> } | undefined
  /** Counting reads all there is, so it is not done for everybody who asks. */
  const counted = (): ReturnType<typeof upkeep.retained> => {
    const at = runtime.clock.monotonic()
    if (looked === undefined || at - looked.at > FRESH) {
      looked = { at, retained: upkeep.retained() }
      looked.retained.catch(() => (looked = undefined))
    }
    return looked.retained
  }

  return {
    round,
    retained: async () => {
      const all = Object.entries(await counted()) as [RetainedPart, Retained][]
      return all.map(([part, retained]) => ({
        service,
        part,
        ...retained,
        bounds: part === 'inbox' ? inbox : retention[part],
      }))
    },
    stop: async () => {
      stopped = true
      timer?.cancel()
      await under
    },
  }
}

/** How many rows are too many, by number or by their mean size. */
function excessOf({ rows, bytes }: Retained, most: Amounts): number {
  return Math.max(rows - most.rows, bytes > most.bytes ? Math.ceil((bytes - most.bytes) / (bytes / rows)) : 0)
}
