import { createAlarm, inTime } from '../runtime/internal.ts'
import type { ExtensionKind, OpenExtension } from '../service/internal.ts'
import { createControl, metricsOf } from './control.ts'
import { migrations, scheduleRecords, type Row } from './records.ts'
import { beginRun, TRANSACTION, type Hand } from './run.ts'
import type { Schedule } from './definition.ts'

/** Milliseconds after its time up to which a tick is not late. */
const GRACE = 30_000
/** How often, in milliseconds, a copy looks at all, … */
const LONGEST = 10_000
/** … and whether somebody who is at work is still there. */
const WATCH = 1_000
/** Processes that may end during one run. */
const TRIES = 3

/** @param options `lease`: milliseconds for which a run is its owner's without a word */
export function scheduleKind({ lease }: { readonly lease: number }): ExtensionKind {
  return {
    name: 'schedule',
    migrations,
    open: async (host, values) => {
      const schedules = new Map((values as readonly Schedule[]).map((one) => [one.name, one]))
      const { store, runtime, log } = host
      const records = scheduleRecords(store, runtime)
      const hands = new Map<string, Hand>()
      let stopping = false
      let alarm: ReturnType<typeof createAlarm> | undefined

      /** Ours to look at: what other code says when it comes, that code works on. */
      const own = ({ name, cron, zone }: Row): Schedule | undefined => {
        const one = schedules.get(name)
        return one?.cron === cron && one.zone === zone && !hands.has(name) ? one : undefined
      }

      const claim = async (one: Schedule, row: Row, run: Parameters<typeof records.claim>[1]): Promise<boolean> => {
        if (!(await records.claim(row, run))) return false
        const { tick, missed, tries, by } = run
        const hand = beginRun({ host, records, lease }, one, {
          fence: { name: row.name, epoch: row.epoch + 1 },
          tick: { at: new Date(tick), missed, attempt: tries, by },
        })
        hands.set(row.name, hand)
        hand.done.then(() => {
          hands.delete(row.name)
          alarm?.ring()
        })
        return true
      }

      /** Goes on with a run whose owner is away, or ends it. */
      const takeOver = async (one: Schedule, row: Row): Promise<number> => {
        const { tick, missed, tries, by, next, now } = row
        const left = row.leaseAt! - now
        // One process has the store: whoever has died is of the past. Its own it has in hand, or has lost.
        const gone = row.owner === store.member || store.gone === undefined || (await store.gone(row.owner!))
        if (left > 0 && !gone) return Math.min(left, WATCH)
        const close = async (outcome: 'cut off' | 'lost', why: string): Promise<number> => {
          if (await records.close(row, outcome, why)) log.error(`A run of a schedule was ${outcome}`, { ...about(row), why })
          return 0
        }
        if (row.committed) return close('cut off', 'Its process ended, or stood still, after a transaction of it had committed')
        if (tries >= TRIES) return close('lost', `Its process ended, or stood still, ${tries} times`)
        if (one.late === 'skip' && now - tick! > GRACE)
          return close('lost', 'Its process ended, or stood still, and it was late by then')
        const again = { tick: tick!, missed, by, next, lease, tries: tries + 1, answers: false }
        if (await claim(one, row, again)) log.warn('A run of a schedule is begun again: its process is away', about(row))
        return 0
      }

      /** What is to be done for a schedule now; milliseconds until it is to be looked at again. */
      const look = async (one: Schedule, row: Row): Promise<number> => {
        const { next, now, wanted, wantedBy, ended = -Infinity } = row
        if (row.owner !== undefined) return takeOver(one, row)
        const begin = { lease, tries: 1, answers: false }
        if (wanted !== undefined) {
          await claim(one, row, { ...begin, tick: wanted, missed: 0, by: wantedBy, next, answers: true })
          return 0
        }
        if (row.paused) return LONGEST
        if (next > now) return next - now
        const { at, before } = one.ticks.due(next, now)
        const after = one.ticks.after(at)
        if (one.late === 'skip' && (at < ended || now - at > GRACE)) {
          const skipped = await records.skip(row, before + 1, after)
          if (skipped) log.warn('Ticks of a schedule were late, and are left out', { ...about(row), ticks: before + 1 })
          return 0
        }
        await claim(one, row, { ...begin, tick: at, missed: row.leftOut + before, by: undefined, next: after })
        return 0
      }

      let wait = LONGEST
      const work = async (): Promise<void> => {
        wait = LONGEST
        for (const row of await records.all()) {
          const one = own(row)
          if (one === undefined || stopping) continue
          const ms = await look(one, row)
          // What is in hand now rings when it is done.
          if (!hands.has(row.name)) wait = Math.min(wait, ms)
        }
      }

      const stop: OpenExtension['stop'] = async ({ timeout }) => {
        stopping = true
        await alarm?.stop()
        const all = [...hands.values()]
        // What is cut off has to say so before its store is closed.
        const done = Promise.all(all.map((hand) => hand.done))
        await inTime(runtime.timers, timeout * 0.8, done, () => Promise.all(all.map((hand) => hand.release())))
      }

      return {
        // A run's transaction marks its tick.
        join: (tx) => ({ [TRANSACTION]: tx }),
        listen: async () => {
          for (const one of schedules.values()) {
            const before = await records.declare(one, one.ticks)
            const { name, cron, zone } = one
            if (before === undefined) continue
            log.info('A schedule has changed; its next tick is computed anew', {
              name,
              cron,
              zone,
              before: `${before.cron} ${before.zone}`,
            })
          }
          const failed = (error: unknown): void => log.warn('Cannot look at the schedules; it is tried again', { error })
          alarm = createAlarm({ runtime, work, next: async () => wait, longest: LONGEST, failed })
        },
        busy: async () => {
          const rows = await records.all()
          return rows.filter((row) => hands.has(row.name) || (own(row) !== undefined && isDue(row))).length
        },
        readings: async () => metricsOf(await records.all(), schedules),
        changes: ['run', 'pause', 'resume'],
        control: createControl({ records, schedules, changed: () => alarm?.ring() }),
        stop,
      }
    },
  }
}

function isDue({ owner, wanted, paused, next, now }: Row): boolean {
  return owner !== undefined || wanted !== undefined || (!paused && next <= now)
}

function about({ name, tick }: Row): { readonly schedule: string; readonly tick: string | undefined } {
  return { schedule: name, tick: tick === undefined ? undefined : new Date(tick).toISOString() }
}
