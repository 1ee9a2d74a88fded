import type { Aside, Delivery } from 'dure/data/internal'
import type { Runtime, Timer } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import type { Flushes } from './flushes.ts'
import type { Backlog } from './backlog.ts'
import type { InFlight } from './in-flight.ts'
import { horizonOf, type Horizon } from './horizon.ts'
import type { Leases } from './leases.ts'
import { createReader } from './reader.ts'
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
  readonly tell: () => void
}

/** Milliseconds that news for relays elsewhere wait for more of it. */
const TELL = 2
/** Milliseconds between looks while somebody waits for lanes that others deliver. */
const ELSEWHERE = 25
/** Milliseconds until another look, when the last one left nothing and yet something is counted. */
const AGAIN = 5
/** Rows counted at most, so that asking for the depth costs little. */
const COUNTED = 100_000

/** What a relay does while it has one connection. */
export function createRelaySession(session: Session, context: RelayContext): RelaySession {
  const { name, relay, runtime, log, limits, delivery, aside, backlog, inFlight, leases, signal, flushes, stopping } = context
  const { timers, clock } = runtime
  const over = new AbortController()
  const reader = createReader(limits)
  const purge = createPurge({ name, relay, session, inFlight, leases, timers, log })
  let restartAt = clock.monotonic() + limits.rescan
  let renewing: Promise<void> | undefined
  let renewal: Timer | undefined
  let horizonAt = -Infinity
  let telling: Timer | undefined
  let complete = false
  let epoch = 0
  let lookedAt = -Infinity
  let leaving = false
  let known: Promise<void> | undefined

  /** Errors end the session, which is where they are told. */
  const background = (task: Promise<unknown>): void => void task.catch(() => {})
  const notify = (what: string): Promise<unknown> => session.query(`SELECT pg_notify(${CHANNEL}, $1)`, [what])

  const renew = (own: boolean): Promise<void> =>
    (renewing ??= renewNow(own).finally(() => {
      renewing = undefined
    }))

  const renewNow = async (own: boolean): Promise<void> => {
    const { gained, wanting } = await leases.renew(session.query)
    if (gained.length > 0) {
      // What their relay before has set aside must be known before anything of them is delivered.
      if (aside !== undefined) background((known = aside.reload()))
      startOver()
    }
    // Only at its own times: two that want would otherwise answer each other for ever.
    if (wanting && own) await notify('lanes')
    if (gained.length > 0 || leases.excess().length > 0) signal.set()
  }

  /** What is read from now on begins at the beginning, and what was read ahead is put back: it must not overtake what is read again. */
  const startOver = (): void => {
    reader.restart()
    epoch++
  }

  const renewLater = (): void => {
    renewal = timers.after(limits.lease / 4, () => {
      background(Promise.all([renew(true), complete ? undefined : count(), watch()]))
      renewLater()
    })
  }

  const watch = async (): Promise<void> => {
    if (clock.monotonic() < horizonAt + limits.horizon) return
    horizonAt = clock.monotonic()
    context.horizon(await horizonOf(session))
  }

  const count = async (): Promise<void> => {
    const mark = backlog.mark()
    const [[rows] = []] = await session.query(COUNT, [COUNTED])
    backlog.looked(Math.max(0, Number(rows) - inFlight.unremoved()), mark)
  }

  /** One look at the table, and everything that it found delivered. Answers the next one, when there may be more. */
  const look = async (now: Look): Promise<{ readonly next?: Look }> => {
    const { rows, more, lanes, mark, began, ...of } = await now
    if (of.epoch !== epoch) {
      inFlight.drop(rows)
      return { next: begin() }
    }
    // Not what is another's as soon as this is delivered.
    const next = more && leases.excess().length === 0 ? begin() : undefined
    if (rows.length > 0) complete = false
    await handOver(rows)
    if (next !== undefined) return { next }
    if (more) {
      await letGo()
      return { next: begin() }
    }
    if (of.epoch !== epoch) return { next: begin() }
    inFlight.met()
    complete = lanes === LANES
    if (complete) backlog.looked(0, { ...mark, delivered: backlog.mark().delivered })
    else background(count())
    await flushes.looked(began, complete ? undefined : session.query)
    return {}
  }

  /** Whoever waits for it is told of its failure; if nobody does any more, the end of the session tells. */
  const begin = (): Look => {
    const look = read()
    background(look)
    return look
  }

  const read = async (): Look => {
    const mark = backlog.mark()
    const began = flushes.mark()
    const lanes = [...leases.held().keys()]
    if (clock.monotonic() > restartAt) {
      restartAt = clock.monotonic() + limits.rescan
      reader.restart()
    }
    const since = epoch
    lookedAt = clock.monotonic()
    const { rows, more } = lanes.length === 0 ? NOTHING : await reader.read(session.query, lanes)
    return { rows: inFlight.take(rows), more, lanes: lanes.length, mark, began, epoch: since }
  }

  const handOver = async (rows: readonly OutboxRow[]): Promise<void> => {
    if (rows.length === 0) return
    await known
    const done = await delivery.deliver(rows, over.signal)
    backlog.delivered(done.sent.length + done.aside.length)
    inFlight.delivered(done.sent)
    purge.soon()
    if (done.sent.length === rows.length) return
    const kept = new Set(done.sent)
    inFlight.drop(rows.filter((row) => !kept.has(row)))
    if (done.sent.length + done.aside.length < rows.length) startOver()
  }

  const letGo = async (): Promise<void> => {
    const lanes = leases.excess()
    if (lanes.length === 0) return
    await purge.now()
    await leases.giveBack(session.query, lanes)
    await notify('lanes')
  }

  const work = async (): Promise<void> => {
    await Promise.all([renew(true), count()])
    context.ready()
    renewLater()
    background(watch())
    for (let ahead: Look | undefined; !over.signal.aborted && !stopping.aborted;) {
      // Nothing is being read ahead: what is in hand of the excess has been delivered.
      if (ahead === undefined) await letGo()
      ahead = (await look(ahead ?? begin())).next
      if (ahead === undefined && !over.signal.aborted) {
        const elsewhere = flushes.waiting() && leases.held().size < LANES
        // What was being committed while it looked is counted and may have been seen: another look will tell.
        const unsure = complete && backlog.depth() > 0
        await signal.wait(unsure ? AGAIN : elsewhere ? ELSEWHERE : limits.poll)
        // Under load a look finds what many have committed meanwhile; after some quiet it comes at once.
        const early = lookedAt + limits.pace - clock.monotonic()
        if (early > 0) await timers.sleep(early, over.signal)
      }
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
      renewal?.cancel()
      await renewing
      await purge.now()
      await leases.leave(session.query)
      await notify('lanes')
    } finally {
      over.abort()
      stopping.removeEventListener('abort', end)
      renewal?.cancel()
      telling?.cancel()
      purge.cancel()
      inFlight.lost()
      leases.forget()
      context.horizon(undefined)
    }
  }

  return {
    serve,
    notified: (payload) => {
      if (payload === 'lanes' && !leaving) background(renew(false))
      else signal.set()
    },
    tell: () => {
      if (leases.relays() < 2 && leases.held().size === LANES) return
      telling ??= timers.after(TELL, () => {
        telling = undefined
        background(notify(''))
      })
    },
  }
}

type Look = Promise<{
  readonly rows: readonly OutboxRow[]
  readonly more: boolean
  readonly lanes: number
  readonly mark: ReturnType<Backlog['mark']>
  readonly began: number
  readonly epoch: number
}>

const NOTHING = { rows: [], more: false } as const

const COUNT = 'SELECT count(*) FROM (SELECT FROM dure_outbox LIMIT $1) AS rows'
