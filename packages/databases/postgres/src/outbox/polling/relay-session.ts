import type { Aside, Delivery } from 'dure/data/internal'
import type { Runtime, Timer } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import type { Flushes } from './flushes.ts'
import { amountOf, NOTHING, type Backlog } from './backlog.ts'
import type { InFlight } from './in-flight.ts'
import { horizonOf, type Horizon } from './horizon.ts'
import type { Leases } from './leases.ts'
import { createTableReads, type TableRead } from './table-reads.ts'
import { createPurge } from './purge.ts'
import type { RelayLimits } from '../limits.ts'
import type { OutboxRow } from '../rows.ts'
import { CHANNEL } from '../names.ts'
import type { Session } from './session.ts'
import type { WakeUp } from '../wake-up.ts'
import { LANES } from '../schema.ts'

/** What outlives a connection. */
export type RelayContext = {
  readonly name: string
  readonly relay: string
  readonly runtime: Runtime
  readonly log: Logger
  readonly limits: RelayLimits
  readonly delivery: Delivery<OutboxRow>
  readonly aside: Aside | undefined
  readonly backlog: Backlog
  readonly inFlight: InFlight
  readonly leases: Leases
  readonly signal: WakeUp
  readonly flushes: Flushes
  readonly stopping: AbortSignal
  readonly horizon: (horizon: Horizon | undefined) => void
  /** What is there has been counted. */
  readonly ready: () => void
}

export type RelaySession = {
  /** Works until the session is over or the relay is told to stop. @throws what ended the session */
  readonly serve: () => Promise<void>
  /** Somebody else spoke on the channel. */
  readonly notified: (payload: string) => void
  /** There is something in these lanes, which are others'. */
  readonly tell: (lanes: readonly number[]) => void
}

/** Milliseconds that news for relays elsewhere wait for more of it. */
const TELL = 2
/** Milliseconds between looks while somebody waits for lanes that others deliver. */
const ELSEWHERE = 25
/** Milliseconds until another look, when the last one left nothing and yet something is counted. */
const AGAIN = 5
/** Rows counted at most, so that asking for the depth costs little; and milliseconds between two counts of more. */
const [COUNTED, SELDOM] = [100_000, 15_000]

/** What a relay does while it has one connection. */
export function createRelaySession(session: Session, context: RelayContext): RelaySession {
  const { name, relay, runtime, log, limits, delivery, aside, backlog, inFlight, leases, signal, flushes, stopping } = context
  const { timers, clock } = runtime
  const over = new AbortController()
  const reads = createTableReads({ session, clock, limits, leases, inFlight, backlog, flushes })
  const purge = createPurge({ name, relay, session, inFlight, leases, timers, log })
  let nextRenewal: Timer | undefined
  const watch = createHorizonWatch(session, context)
  const news = createNews(context, (what) => background(notify(what)))
  let complete = false
  let leaving = false
  let known: Promise<void> | undefined

  /** Errors end the session, which is where they are told. */
  const background = (task: Promise<unknown>): void => void task.catch(() => {})
  const notify = (what: string): Promise<unknown> => session.query(`SELECT pg_notify(${CHANNEL}, $1)`, [what])

  const renewal = createRenewal({ session, leases, signal, notify }, () => {
    // What their relay before has set aside must be known before anything of them is delivered.
    if (aside !== undefined) background((known = aside.reload()))
    reads.startOver()
  })

  const renewLater = (): void => {
    nextRenewal = timers.after(limits.lease / 4, () => {
      background(Promise.all([renewal.renew(true), complete ? undefined : count(), watch()]))
      renewLater()
    })
  }

  const { count, due } = createCounting(session, context)

  /** One look at the table, and everything that it found delivered. Answers the next one, when there may be more. */
  const look = async (now: Promise<TableRead>): Promise<{ readonly next?: Promise<TableRead> }> => {
    const { rows, more, lanes, mark, began, ...of } = await now
    if (of.epoch !== reads.epoch()) {
      inFlight.drop(rows)
      return { next: reads.begin() }
    }
    // Not what is another's as soon as this is delivered.
    const next = more && leases.excess().length === 0 ? reads.begin() : undefined
    if (rows.length > 0) complete = false
    await handOver(rows)
    if (next !== undefined) return { next }
    if (more) {
      await letGo()
      return { next: reads.begin() }
    }
    if (of.epoch !== reads.epoch()) return { next: reads.begin() }
    inFlight.met()
    complete = lanes === LANES
    if (complete) backlog.looked(NOTHING, { ...mark, delivered: backlog.mark().delivered })
    else if (due()) background(count())
    // Whoever waits for it may be frozen next: what stayed in the table would be delivered again by another.
    if (flushes.waiting()) await purge.now()
    await flushes.looked(began, complete ? undefined : session.query)
    return {}
  }

  const handOver = async (rows: readonly OutboxRow[]): Promise<void> => {
    if (rows.length === 0) return
    await known
    const done = await delivery.deliver(rows, over.signal)
    backlog.delivered(amountOf([...done.sent, ...done.aside].map(({ message }) => message)))
    inFlight.delivered(done.sent)
    purge.soon()
    if (done.sent.length === rows.length) return
    const kept = new Set(done.sent)
    inFlight.drop(rows.filter((row) => !kept.has(row)))
    if (done.sent.length + done.aside.length < rows.length) reads.startOver()
  }

  const letGo = (): Promise<void> => giveBackExcess(session, leases, purge, notify)

  /** Until there may be something to look for, or the next look is due. */
  const rest = async (lookedAt: number): Promise<void> => {
    const elsewhere = flushes.waiting() && leases.held().size < LANES
    // What was being committed while it looked is counted and may have been seen: another look will tell.
    const unsure = complete && backlog.depth() > 0
    await signal.wait(unsure ? AGAIN : elsewhere ? ELSEWHERE : limits.poll)
    // Under load a look finds what many have committed meanwhile; after some quiet it comes at once.
    const early = lookedAt + limits.pace - clock.monotonic()
    if (early > 0) await timers.sleep(early, over.signal)
  }

  const work = async (): Promise<void> => {
    await Promise.all([renewal.renew(true), count()])
    context.ready()
    renewLater()
    background(watch())
    for (let ahead: Promise<TableRead> | undefined; !over.signal.aborted && !stopping.aborted;) {
      // Nothing is being read ahead: what is in hand of the excess has been delivered.
      if (ahead === undefined) await letGo()
      ahead = (await look(ahead ?? reads.begin())).next
      if (ahead === undefined && !over.signal.aborted) await rest(reads.beganAt())
    }
  }

  const serve = async (): Promise<void> => {
    const ended = session.over.then((error) => {
      over.abort()
      signal.set()
      throw error
    })
    background(ended)
    const end = (): void => over.abort()
    stopping.addEventListener('abort', end)
    try {
      await work()
      if (!stopping.aborted) return await ended
      leaving = true
      nextRenewal?.cancel()
      await renewal.pending()
      await purge.now()
      await leases.leave(session.query)
      await notify('lanes')
    } finally {
      over.abort()
      stopping.removeEventListener('abort', end)
      nextRenewal?.cancel()
      news.cancel()
      purge.cancel()
      inFlight.lost()
      leases.forget()
      context.horizon(undefined)
    }
  }

  return {
    serve,
    notified: (payload) => {
      if (payload === 'lanes' && !leaving) background(renewal.renew(false))
      else if (concerns(payload, leases)) signal.set()
    },
    tell: news.tell,
  }
}

const COUNT = 'SELECT count(*), coalesce(sum(octet_length(data)), 0) FROM (SELECT data FROM dure_outbox LIMIT $1) AS rows'

/**
 * What others deliver is asked for at times, and not at each look, which costs no more. All of it seldom, when it is much: publishing
 * is refused from a number on, which may be large.
 */
function createCounting(session: Session, { runtime, limits, backlog, inFlight }: RelayContext) {
  const { clock } = runtime
  let [countedAt, countedAllAt] = [-Infinity, -Infinity]
  const look = async (limit: number | null): Promise<boolean> => {
    const mark = backlog.mark()
    const [[rows, bytes] = []] = await session.query(COUNT, [limit])
    if (limit !== null && Number(rows) >= limit) return false
    // What is delivered and not yet removed goes by the mean size.
    const messages = Math.max(0, Number(rows) - inFlight.unremoved())
    backlog.looked({ messages, bytes: messages === 0 ? 0 : (Number(bytes) * messages) / Number(rows) }, mark)
    return true
  }
  return {
    due: (): boolean => backlog.depth() > 0 && clock.monotonic() - countedAt >= limits.poll,
    count: async (): Promise<void> => {
      countedAt = clock.monotonic()
      if ((await look(COUNTED)) || countedAt - countedAllAt < SELDOM) return
      countedAllAt = countedAt
      await look(null)
    },
  }
}

/** Renews the leases of a session, once at a time. */
function createRenewal(
  {
    session,
    leases,
    signal,
    notify,
  }: Pick<RelayContext, 'leases' | 'signal'> & {
    readonly session: Session
    readonly notify: (what: string) => Promise<unknown>
  },
  onGained: () => void,
) {
  let renewing: Promise<void> | undefined
  const renewNow = async (own: boolean): Promise<void> => {
    const { gained, wanting } = await leases.renew(session.query)
    if (gained.length > 0) onGained()
    // Only at its own times: two that want would otherwise answer each other for ever.
    if (wanting && own) await notify('lanes')
    if (gained.length > 0 || leases.excess().length > 0) signal.set()
  }
  return {
    renew: (own: boolean): Promise<void> =>
      (renewing ??= renewNow(own).finally(() => {
        renewing = undefined
      })),
    pending: () => renewing,
  }
}

/** Tells relays elsewhere, where there are any, that there is something to deliver: what comes within a moment is told once. */
function createNews({ runtime }: RelayContext, notify: (what: string) => void) {
  let telling: Timer | undefined
  let news = new Set<number>()
  return {
    tell: (lanes: readonly number[]): void => {
      for (const lane of lanes) news.add(lane)
      telling ??= runtime.timers.after(TELL, () => {
        const told = [...news].join(',')
        telling = undefined
        news = new Set()
        notify(told)
      })
    },
    cancel: () => telling?.cancel(),
  }
}

/** What is said is a list of lanes; who publishes without a relay says nothing of them. The one who says it hears it as well. */
function concerns(payload: string, leases: Leases): boolean {
  const lanes = payload === '' ? [] : payload.split(',').map(Number)
  const held = leases.held()
  return lanes.length === 0 || lanes.some((lane) => held.has(lane))
}

/** Looks now and then whether an old transaction hides rows. */
function createHorizonWatch(session: Session, { runtime, limits, horizon }: RelayContext) {
  let lookedAt = -Infinity
  return async (): Promise<void> => {
    if (runtime.clock.monotonic() < lookedAt + limits.horizon) return
    lookedAt = runtime.clock.monotonic()
    horizon(await horizonOf(session))
  }
}

/** Gives back the lanes of which this relay has too many; nothing of them is in hand. */
async function giveBackExcess(
  session: Session,
  leases: Leases,
  purge: ReturnType<typeof createPurge>,
  notify: (what: string) => Promise<unknown>,
): Promise<void> {
  const lanes = leases.excess()
  if (lanes.length === 0) return
  await purge.now()
  await leases.giveBack(session.query, lanes)
  await notify('lanes')
}
