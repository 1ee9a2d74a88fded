import { CallError } from '../contract/contract.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { backoff, inTime } from '../runtime/internal.ts'
import type { Logger } from '../telemetry/telemetry.ts'
import type { Aside, Carrier, StoreTransaction } from './database.ts'
import type { OutboxMessage } from './outbox-row.ts'

export type Delivery<Row extends Carrier> = {
  /**
   * Tries until the broker has them or they are set aside. Those that are in neither are left: it was told to stop, or they
   * are another relay's now. Never rejects.
   */
  readonly deliver: (
    rows: readonly Row[],
    signal: AbortSignal,
  ) => Promise<{ readonly sent: readonly Row[]; readonly aside: readonly Row[] }>
}

export type DeliveryOptions<Row extends Carrier> = {
  readonly name: string
  readonly runtime: Runtime
  readonly log: Logger
  /** Milliseconds between attempts: doubled each time, up to the second. */
  readonly backoff: readonly [first: number, last: number]
  /** Milliseconds after which a delivery that has not settled counts as failed. */
  readonly patience: number
  readonly deliver: (messages: readonly OutboxMessage[]) => Promise<void>
  /** Those that are still ours to deliver. Default all. */
  readonly ours?: ((rows: readonly Row[]) => readonly Row[]) | undefined
  /** Whether others wait for their turn behind those in hand. */
  readonly more: () => boolean
  readonly aside: Aside | undefined
  /** Takes them out of the outbox. @throws when they are not ours any more */
  remove(tx: StoreTransaction, rows: readonly Row[]): Promise<unknown>
}

/** Failures in a row that one message alone must have before it is taken for worse than others. */
const ALONE = 3
/** How much less is tried after a failure that tells nothing of its cause. */
const LESS = 8

/**
 * Hands messages to the broker, and finds those that it does not take. One that it refuses for good is set aside at once.
 * One that fails for another reason, again and alone, is set aside when the broker takes one of another key meanwhile: while
 * the broker is down, nobody is.
 */
export function createDelivery<Row extends Carrier>(options: DeliveryOptions<Row>): Delivery<Row> {
  const { name, runtime, log, backoff: pauses, aside, ours = (rows: readonly Row[]) => rows } = options
  const handOver = timely(options)

  const deliver: Delivery<Row>['deliver'] = async (wanted, signal) => {
    const run = createRun(wanted, options)
    run.keep(ours)
    for (let attempt = 1; run.left().length > 0 && !signal.aborted; run.keep(ours)) {
      const some = run.next()
      let trouble: { readonly error: unknown } | undefined
      try {
        const behind = aside === undefined || aside.empty() ? [] : await aside.behind(some)
        if (behind.length > 0) await run.setAside(behind)
        else {
          const failure = await handOver(some.map(({ message }) => message)).then(
            () => undefined,
            (error: unknown) => ({ error }),
          )
          if (failure === undefined) run.taken(some)
          else await run.failed(some, failure.error)
          // What is refused for good needs no pause: the broker is well.
          if (failure !== undefined && aside?.final(failure.error) !== true) trouble = failure
        }
      } catch (error) {
        // It is the store that has trouble.
        trouble = { error }
      }
      if (trouble === undefined) {
        if (attempt > 1) log.info('The outbox delivers again', { relay: name, attempts: attempt })
        attempt = 1
      } else {
        const { error } = trouble
        if (attempt === 1)
          log.warn('The outbox could not deliver; it keeps trying', { relay: name, messages: run.left().length, error })
        const [first, max] = pauses
        await runtime.timers.sleep(backoff({ first, max }, attempt++, runtime.random), signal)
      }
    }
    return run.result()
  }
  return { deliver }
}

type Run<Row extends Carrier> = {
  readonly left: () => readonly Row[]
  readonly keep: (which: (rows: readonly Row[]) => readonly Row[]) => void
  /** What to try now. */
  readonly next: () => readonly Row[]
  readonly taken: (some: readonly Row[]) => void
  readonly failed: (some: readonly Row[], error: unknown) => Promise<void>
  readonly setAside: (rows: readonly Row[], failure?: { readonly error: unknown }) => Promise<void>
  readonly result: () => { readonly sent: readonly Row[]; readonly aside: readonly Row[] }
}

/** One batch on its way: what is left of it, and who is suspected of holding up the rest. */
function createRun<Row extends Carrier>(wanted: readonly Row[], options: DeliveryOptions<Row>): Run<Row> {
  const { runtime, aside, remove, more, patience } = options
  let sent: readonly Row[] = []
  const away: Row[] = []
  let left = wanted
  let size = wanted.length
  /** The first, when it has failed alone; how often, and since when; and whether another has been taken since. */
  let suspect: { readonly row: Row; readonly times: number; readonly proven: boolean; readonly since: number } | undefined
  /** What has to go before one that is refused: earlier messages of its key. */
  let before: readonly Row[] = []

  const setAside: Run<Row>['setAside'] = async (rows, failure) => {
    await aside!.put(
      rows.map(({ message }) => message),
      { failure, remove: (tx) => remove(tx, rows) },
    )
    away.push(...rows)
    drop(rows)
  }
  const drop = (rows: readonly Row[]): void => {
    // All at once, as a rule.
    const gone = rows === left ? undefined : new Set(rows)
    left = gone === undefined ? [] : left.filter((row) => !gone.has(row))
    if (suspect !== undefined && !left.includes(suspect.row)) suspect = undefined
  }
  /** One of another key: whether that is taken tells whose fault it is. Any, because others may be as bad. */
  const other = ({ message: { key } }: Row): Row | undefined => {
    const others = left.filter(({ message }) => message.key !== key)
    const any = others[Math.floor(runtime.random.number() * others.length)]
    return any && others.find(({ message }) => message.key === any.message.key)
  }

  return {
    left: () => left,
    keep: (which) => {
      left = which(left)
      // Another relay's now.
      if (suspect !== undefined && !left.includes(suspect.row)) suspect = undefined
    },
    next: () => {
      const first = before.filter((row) => left.includes(row))
      before = []
      if (first.length > 0) return first
      if (suspect?.proven === true) return [suspect.row]
      const probe = aside !== undefined && suspect !== undefined && suspect.times >= ALONE ? other(suspect.row) : undefined
      if (probe !== undefined) return [probe]
      return size >= left.length ? left : left.slice(0, size)
    },
    taken: (some) => {
      drop(some)
      sent = sent.length === 0 ? some : [...sent, ...some]
      size *= 2
      // It may have been the broker all the same, which is back: the suspect has one try more.
      if (suspect !== undefined) suspect = { ...suspect, proven: true }
    },
    failed: async (some, error) => {
      const [one] = some
      if (aside?.final(error) === true) {
        const refused = named(error, some) ?? (some.length === 1 ? one : undefined)
        // Where it is not said which one, halves tell.
        if (refused === undefined) return void (size = Math.ceil(some.length / 2))
        before = left.slice(0, left.indexOf(refused)).filter(({ message }) => message.key === refused.message.key)
        if (before.length === 0) await setAside([refused], { error })
        return
      }
      // What is not taken together may be taken by fewer: so something gets on, and less comes twice.
      size = Math.ceil(some.length / LESS)
      if (some.length > 1) return
      if (suspect !== undefined && suspect.row !== one) return void (suspect = { ...suspect, times: ALONE - 1 })
      const now = runtime.clock.monotonic()
      const { times = 0, proven = false, since = isLate(error) ? now - patience : now } = suspect ?? {}
      suspect = { row: one!, times: isLate(error) ? ALONE : times + 1, proven, since }
      if (aside === undefined || suspect.times < ALONE) return
      // Or others wait in the outbox, none of them is here to be tried, and it has been so for long.
      const guessed = now - since >= patience && other(one!) === undefined && more() && !aside.doubtful()
      if (proven || guessed) await setAside([one!], { error })
    },
    setAside,
    result: () => ({ sent, aside: away }),
  }
}

/** The one of which the broker says that it is to blame. */
function named<Row extends Carrier>(error: unknown, rows: readonly Row[]): Row | undefined {
  const id = error instanceof CallError ? error.details['id'] : undefined
  return typeof id === 'string' ? rows.find(({ message }) => message.id === id) : undefined
}

const LATE = 'late'

function isLate(error: unknown): boolean {
  return error instanceof CallError && error.details['delivery'] === LATE
}

/** Delivers, and does not wait for ever: what has not settled in time is tried again, so it may come twice. */
export function timely(options: {
  readonly runtime: Pick<Runtime, 'timers'>
  readonly patience: number
  readonly deliver: (messages: readonly OutboxMessage[]) => Promise<void>
}): (messages: readonly OutboxMessage[]) => Promise<void> {
  const { runtime, patience, deliver } = options
  return async (messages) =>
    inTime(runtime.timers, patience, deliver(messages), () => {
      const text = `Delivering ${messages.length} messages of an outbox failed: it took longer than ${patience} ms, and is tried again`
      throw new CallError('DEADLINE_EXCEEDED', text, { details: { delivery: LATE } })
    })
}
