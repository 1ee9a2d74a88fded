/**
 * The outbox by the database's own log: what commits is read from a replication slot, in order of commit. While there is
 * the slot, messages are in the log and nowhere else.
 */
import type { OutboxMessage } from 'dure/data'
import { createDelivery, type Aside, type Delivery } from 'dure/data/internal'
import type { Runtime } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import type { ClientConfig } from 'pg'
import { uniqueName } from '../../names.ts'
import type { Query } from '../rows.ts'
import { createBell, type Alarm, type Bell } from './alarm.ts'
import { openControl, type Control } from './control.ts'
import { becomeLeader, type Leader } from './leader.ts'
import type { WalLimits } from './limits.ts'
import { lsnText, type Lsn } from './lsn.ts'
import { checkServer } from './requirements.ts'
import { DROP, note, placeOf, slotNamed, type Place, type Slot } from './slots.ts'
import { endOf, openStream, type Stream } from './stream.ts'
import { toLog, toTable } from './switching.ts'
import type { Entry } from './tail.ts'

export type { Alarm } from './alarm.ts'
export { WAL_LIMITS, WAL_NUMBERS, type WalLimits } from './limits.ts'
export { checkServer, explainRefusal } from './requirements.ts'
export type { Slot } from './slots.ts'

/** The way in which messages leave the outbox: the table is served, or the log is read. */
export type Mode = 'wal' | 'polling'

/** The log's part of a relay. The table's part is at work all the time, and delivers whatever is in it. */
export type LogRelay = {
  /**
   * Sees where messages are, and where they are wanted: reads the log, makes the slot or removes it. Of all relays of an outbox
   * one does; the others wait. Comes back when there is nothing to do, or when `interrupt` asks to look again.
   */
  readonly attend: (wanted: () => Mode, interrupt: AbortSignal) => Promise<'idle' | 'again'>
  /** `standby`: another relay reads the log. */
  readonly by: () => 'wal' | 'standby' | undefined
  /** Resolves when all that is committed in the log by now has been delivered, by this relay or another. */
  readonly flush: (signal: AbortSignal) => Promise<void>
  readonly depth: () => number
  readonly oldest: () => OutboxMessage | undefined
  readonly slot: () => (Slot & { readonly name: string }) | undefined
  readonly alarm: () => Alarm | undefined
  readonly rung: () => Readonly<Record<Alarm['kind'], number>>
  /** Polling is wanted, and the slot cannot be read from here. */
  readonly orphaned: (error: unknown) => void
}

export type LogRelayOptions = {
  readonly relay: string
  /** As whom the log is read. */
  readonly connection: ClientConfig
  /** The table's part. */
  readonly table: { readonly query: Query; readonly flush: () => Promise<void> }
  readonly runtime: Runtime
  readonly log: Logger
  readonly limits: WalLimits
  readonly deliver: (messages: readonly OutboxMessage[]) => Promise<void>
  readonly aside: Aside | undefined
  readonly acceptLoss: boolean
  readonly stopping: AbortSignal
  /** The server and the role can do it. */
  readonly fit: () => void
  readonly changed: () => void
}

/** Milliseconds between looks at what another relay does. */
const ELSEWHERE = 200

export function createLogRelay(options: LogRelayOptions): LogRelay {
  const { relay, connection, table, runtime, log, limits, acceptLoss, stopping, changed } = options
  const { timers } = runtime
  const bell = createBell({ relay, limits, clock: runtime.clock, log })
  let place: Place | undefined
  let seen: Slot | undefined
  let stream: Stream | undefined
  let isStandby = false
  let wasFit = false
  let readTo: Lsn = 0n

  const open = (settings = {}): Promise<Control> =>
    openControl({ connection, name: uniqueName('application', 'dure', 'wal-control', relay), settings })

  const check = async (control: Control): Promise<void> => {
    try {
      await checkServer(control.query, { relay, acceptLoss })
    } catch (error) {
      // What is in the log has to be read all the same.
      if (!wasFit || place?.slot === undefined) throw error
      log.error((error as Error).message, { relay })
    }
    wasFit = true
    options.fit()
  }

  const look = async ({ query }: Control, { name }: Place): Promise<void> => {
    seen = await slotNamed(query, name)
    if (stream !== undefined) {
      if (seen === undefined || seen.status === 'lost') throw new Error(`the replication slot is ${seen?.status ?? 'gone'}`)
      readTo = stream.deliveredTo()
    }
    if (seen !== undefined && seen.status !== 'lost') bell.look(name, seen)
  }

  const follow = async (control: Control, at: Place, { leads, ended }: Leader, wanted: () => Mode, interrupt: AbortSignal) => {
    await note(table.query, at.slot!.confirmed)
    // What is in the table was published before anything in the log.
    await Promise.race([table.flush(), ended, aborted(interrupt)])
    if (interrupt.aborted) return
    await endReader(control, at.name, options)
    await options.aside?.reload()
    const opened = await openStream({
      ...{ name: relay, connection, place: at, query: table.query, runtime, log, limits },
      delivery: (more) => deliveryOf(options, leads, more),
    })
    stream = opened
    try {
      if (bell.ringing()?.kind !== 'lag') bell.quiet()
      log.info('The outbox is delivered from the log', { relay, slot: at.name })
      changed()
      if (wanted() === 'wal') await Promise.race([opened.broken, ended, aborted(interrupt)])
      if (wanted() === 'wal' || stopping.aborted) return
      const end = async (): Promise<void> => {
        // That the slot is gone is no loss any more.
        stream = undefined
        await opened.end()
      }
      const switched = toTable({
        ...{ relay, place: at, open, drain: limits.drain, runtime, signal: stopping, query: table.query },
        stream: { ...opened, end },
      })
      await Promise.race([opened.broken, ended, aborted(stopping), switched])
    } finally {
      readTo = opened.deliveredTo()
      await opened.end()
      stream = undefined
    }
  }

  const attend: LogRelay['attend'] = async (wanted, interrupt) => {
    const at = (place = await placeOf(table.query))
    if (wanted() === 'polling' && at.slot === undefined && at.noted === undefined) return 'idle'
    const control = await open({ idle_session_timeout: limits.lease })
    let leader: Leader | undefined
    try {
      if (wanted() === 'wal') await check(control)
      const waits = (): void => {
        if (isStandby) return
        isStandby = true
        changed()
      }
      leader = await becomeLeader({
        ...{ control, place: at, lease: limits.lease, runtime, interrupt, waits },
        look: () => look(control, at),
      })
      if (leader === undefined) return 'again'
      isStandby = false
      place = await placeOf(table.query)
      if (isLost(place)) place = await tellLoss(place, { relay, readTo, control, query: table.query, bell })
      if (place.slot !== undefined) await follow(control, place, leader, wanted, interrupt)
      else if (wanted() === 'wal') {
        const switching = { relay, place, open, drain: limits.drain, runtime, signal: interrupt }
        await Promise.race([toLog({ ...switching, flushTable: table.flush }), leader.ended])
      }
      return 'again'
    } finally {
      isStandby = false
      seen = undefined
      leader?.cancel()
      // Its lock goes with it, which whoever looks next would take for another relay's.
      await Promise.race([control.end(), timers.sleep(ELSEWHERE)])
      changed()
    }
  }

  return {
    attend,
    by: () => (stream !== undefined ? 'wal' : isStandby ? 'standby' : undefined),
    flush: async (signal) => {
      let upTo: Lsn | undefined
      for (; !signal.aborted; await timers.sleep(ELSEWHERE / 8, signal)) {
        if (stream !== undefined) return stream.flush()
        const { slot } = await placeOf(table.query)
        if (slot === undefined || slot.status === 'lost') return
        upTo ??= await endOf(table.query)
        if (slot.confirmed >= upTo) return
      }
    },
    depth: () => stream?.waiting() ?? 0,
    oldest: () => stream?.oldest(),
    slot: () => (seen === undefined || place === undefined ? undefined : { ...seen, name: place.name }),
    alarm: bell.ringing,
    rung: bell.rung,
    orphaned: (error) => {
      if (place?.slot !== undefined) bell.ring('orphan', orphan(relay, place.name, error))
    },
  }
}

function deliveryOf(options: LogRelayOptions, leads: () => boolean, more: () => boolean): Delivery<Entry> {
  const { relay, runtime, log, limits, deliver, aside } = options
  return createDelivery<Entry>({
    ...{ name: relay, runtime, log, backoff: limits.backoff, patience: limits.patience, deliver, aside, more },
    ours: (entries) => (leads() ? entries : []),
    remove: async () => {},
  })
}

/** Whoever reads from the slot leads no more: a relay that died without a word, or is frozen. */
async function endReader({ query }: Control, name: string, { relay, log, runtime }: LogRelayOptions): Promise<void> {
  for (;;) {
    const pid = (await slotNamed(query, name))?.pid
    if (pid === undefined) return
    log.info('The replication slot is read by a relay that does not lead any more: that is ended', { relay, slot: name, pid })
    await query('SELECT pg_terminate_backend($1)', [pid])
    await runtime.timers.sleep(ELSEWHERE / 4)
  }
}

function isLost({ slot, noted }: Place): boolean {
  return slot === undefined ? noted !== undefined : slot.status === 'lost'
}

/** @returns what is left of the place: without a slot, and without a word that there was one */
async function tellLoss(
  found: Place,
  to: { readonly relay: string; readonly readTo: Lsn; readonly control: Control; readonly query: Query; readonly bell: Bell },
): Promise<Place> {
  const { slot, noted, name, end } = found
  const { relay, readTo, control, query, bell } = to
  const from = [readTo, noted ?? 0n, slot?.confirmed ?? 0n].reduce((a, b) => (a > b ? a : b))
  const state =
    slot === undefined ? 'gone: somebody has removed it, or this is another server' : 'lost: the server has dropped what it held'
  bell.ring(
    'lost',
    `The replication slot "${name}" is ${state}. What was published and not delivered is lost with it: it committed between ${lsnText(from)} and ${lsnText(end)} of the log. ` +
      `The outbox "${relay}" goes on with its table. To do: find what was published since then in the tables of the service, and publish it again; ` +
      'see who removed the slot, or let the server keep it (max_slot_wal_keep_size, idle_replication_slot_timeout)',
  )
  if (slot !== undefined) await control.query(DROP, [name])
  await note(query, undefined)
  return { ...found, slot: undefined, noted: undefined }
}

function orphan(relay: string, name: string, error: unknown): string {
  return (
    `Messages of the outbox "${relay}" go into the log, where its replication slot "${name}" keeps them, and cannot be read from here (${(error as Error).message}). ` +
    "To do: let the relay's role replicate, or start it with outbox: 'wal' as one that may; where its messages are not wanted any more, " +
    `SELECT pg_drop_replication_slot('${name}')`
  )
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
