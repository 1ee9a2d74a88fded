import type { SqlRow, SqlStore, SqlTransaction, SqlValue } from '../data/data.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { Ticks } from './cron.ts'

/**
 * One row a schedule. `next_at` is the tick that comes next; it only grows, so none comes twice, whatever becomes of clocks. While somebody
 * works on a tick the row has an owner, whose every write carries the epoch of that run. `committed`: one of its transactions has.
 */
export const migrations = {
  'dure/schedule-0001': `
    CREATE TABLE dure_schedules (
      name TEXT PRIMARY KEY, cron TEXT NOT NULL, zone TEXT NOT NULL, next_at BIGINT NOT NULL, paused BIGINT NOT NULL,
      epoch BIGINT NOT NULL, owner TEXT, lease_at BIGINT,
      tick_at BIGINT, missed BIGINT NOT NULL, left_out BIGINT NOT NULL, tries BIGINT NOT NULL, committed BIGINT NOT NULL, by_hand TEXT,
      began_at BIGINT, ended_at BIGINT, outcome TEXT, error TEXT,
      wanted_at BIGINT, wanted_by TEXT
    );
    CREATE TABLE dure_schedule_audit (
      id TEXT PRIMARY KEY, schedule TEXT NOT NULL, action TEXT NOT NULL, at BIGINT NOT NULL, made_by TEXT NOT NULL, reason TEXT NOT NULL
    )`,
} as const

/** How a run ended. `cut off`: after a transaction of it had committed. `lost`: before, and it was too late to begin it again. */
export type Outcome = 'done' | 'failed' | 'cut off' | 'lost'

export type Row = {
  readonly name: string
  readonly cron: string
  readonly zone: string
  /** Milliseconds since the epoch, as all times here. */
  readonly next: number
  readonly paused: boolean
  readonly epoch: number
  readonly owner: string | undefined
  /** When its owner's lease ends. */
  readonly leaseAt: number | undefined
  readonly tick: number | undefined
  /** Ticks without a run of their own before the one that is run, … */
  readonly missed: number
  /** … and since then. */
  readonly leftOut: number
  readonly tries: number
  readonly committed: boolean
  /** Who wanted the run. */
  readonly by: string | undefined
  readonly began: number | undefined
  readonly ended: number | undefined
  readonly outcome: Outcome | undefined
  readonly error: string | undefined
  /** When a run by hand was asked for that has not begun. */
  readonly wanted: number | undefined
  readonly wantedBy: string | undefined
  /** When this was read, by the clock that ticks are due by. */
  readonly now: number
}

/** A run in hand. */
export type Fence = { readonly name: string; readonly epoch: number }

export type Change = {
  readonly name: string
  readonly action: 'run' | 'pause' | 'resume'
  readonly by: string
  readonly reason: string
}

/** Milliseconds for which it is kept who did what. */
const AUDIT_RETENTION = 400 * 24 * 60 * 60 * 1_000

export type ScheduleRecords = ReturnType<typeof scheduleRecords>

export function scheduleRecords(store: SqlStore, { clock, ids }: Pick<Runtime, 'clock' | 'ids'>) {
  // A tick is a time of the wall clock. Where one process has the store, that is its own, which is set right while it runs.
  const time = store.sharing === 'exclusive' ? () => Math.floor(clock.now()) : store.time
  const [NOW, now] = typeof time === 'string' ? [time, () => []] : ['CAST(? AS BIGINT)', () => [time()]]

  /** The rows as they are, whatever is under way. */
  const all = async (): Promise<readonly Row[]> =>
    (await store.select(`SELECT dure_schedules.*, ${NOW} AS now FROM dure_schedules ORDER BY name`, now())).map(rowOf)
  /** One statement, a condition on one row; whether it has changed that. NOW in it is the time. */
  const statement = async (tx: SqlTransaction, sql: string, values: readonly (SqlValue | typeof NOW_HERE)[]): Promise<boolean> =>
    (await tx.run(
      sql.replaceAll('NOW', NOW),
      values.flatMap((value) => (value === NOW_HERE ? now() : [value])),
    )) === 1
  const change = (sql: string, values: Parameters<typeof statement>[2]): Promise<boolean> =>
    store.transaction((tx) => statement(tx, sql, values), { isolated: false })
  const update = (what: string, values: Parameters<typeof statement>[2], where: Where): Promise<boolean> =>
    change(`UPDATE dure_schedules SET ${what} WHERE ${where.sql}`, [...values, ...where.values])

  return {
    all: (): Promise<readonly Row[]> => all(),
    /** Makes the row, or has it follow another expression or zone; answers what it was before. */
    declare: async (schedule: Pick<Row, 'name' | 'cron' | 'zone'>, ticks: Ticks): Promise<Row | undefined> => {
      const { name, cron, zone } = schedule
      const [row] = await store.select(`SELECT ${NOW} AS now`, now())
      const next = ticks.after(Number(row!['now']))
      const made = await change(
        `INSERT INTO dure_schedules (name, cron, zone, next_at, paused, epoch, missed, left_out, tries, committed)
         VALUES (?, ?, ?, ?, 0, 0, 0, 0, 0, 0) ON CONFLICT (name) DO NOTHING`,
        [name, cron, zone, next],
      )
      const before = made ? undefined : (await all()).find((one) => one.name === name)
      const where = { sql: 'name = ? AND (cron <> ? OR zone <> ?)', values: [name, cron, zone] }
      const changed = before !== undefined && (await update('cron = ?, zone = ?, next_at = ?', [cron, zone, next], where))
      return changed ? before : undefined
    },
    /** Takes a tick in hand, if all is as it was read. */
    claim: (row: Row, run: Begin): Promise<boolean> =>
      update(
        `epoch = epoch + 1, owner = ?, lease_at = NOW + ?, tick_at = ?, missed = ?, left_out = 0, next_at = ?, tries = ?, committed = 0,
         by_hand = ?, began_at = NOW, ended_at = NULL, outcome = NULL, error = NULL${run.answers ? ', wanted_at = NULL, wanted_by = NULL' : ''}`,
        [store.member, NOW_HERE, run.lease, run.tick, run.missed, run.next, run.tries, run.by ?? null, NOW_HERE],
        asRead(row),
      ),
    /** Leaves ticks out. */
    skip: (row: Row, ticks: number, next: number): Promise<boolean> =>
      update('left_out = left_out + ?, next_at = ?', [ticks, next], asRead(row)),
    /** Ends a run whose owner is away; nothing that this one writes counts any more. */
    close: (row: Row, outcome: Outcome, error: string): Promise<boolean> =>
      update(`epoch = epoch + 1, ${END}`, [NOW_HERE, outcome, error], asRead(row)),
    renew: (fence: Fence, lease: number): Promise<boolean> => update('lease_at = NOW + ?', [NOW_HERE, lease], mine(fence)),
    /** Has others take it over at once. */
    release: (fence: Fence): Promise<boolean> => update('lease_at = 0', [], mine(fence)),
    end: (fence: Fence, outcome: Outcome, error: string | null): Promise<boolean> =>
      update(END, [NOW_HERE, outcome, error], mine(fence)),
    /** Marks the tick as done in a transaction of its run; false when another has it. */
    commit: (tx: SqlTransaction, fence: Fence): Promise<boolean> => {
      const { sql, values } = mine(fence)
      return statement(tx, `UPDATE dure_schedules SET committed = 1 WHERE ${sql}`, values)
    },
    /** Does what somebody wants, and notes who and why. False when there is no such schedule. */
    decide: ({ name, action, by, reason }: Change, next: number): Promise<boolean> =>
      store.transaction(async (tx) => {
        const old = 'DELETE FROM dure_schedule_audit WHERE at < NOW - ?'
        await statement(tx, old, [NOW_HERE, AUDIT_RETENTION])
        const entry = 'INSERT INTO dure_schedule_audit (id, schedule, action, at, made_by, reason) VALUES (?, ?, ?, NOW, ?, ?)'
        await statement(tx, entry, [ids.next(), name, action, NOW_HERE, by, reason])
        const [what, values] = {
          run: ['wanted_at = NOW, wanted_by = ?', [NOW_HERE, by]] as const,
          pause: ['paused = 1', []] as const,
          resume: ['paused = 0, next_at = ?, left_out = 0', [next]] as const,
        }[action]
        return statement(tx, `UPDATE dure_schedules SET ${what} WHERE name = ?`, [...values, name])
      }),
    audit: (name: string | null): Promise<readonly SqlRow[]> =>
      store.select(
        `SELECT schedule, action, at, made_by, reason FROM dure_schedule_audit
         WHERE schedule = ? OR CAST(? AS TEXT) IS NULL ORDER BY at DESC, id DESC LIMIT 100`,
        [name, name],
      ),
  }
}

type Begin = Pick<Row, 'missed' | 'tries' | 'by' | 'next'> & {
  readonly tick: number
  readonly lease: number
  /** It is the one that was wanted by hand. */
  readonly answers: boolean
}

type Where = { readonly sql: string; readonly values: readonly SqlValue[] }

/** Where a parameter is the time, if the time is a parameter. */
const NOW_HERE = Symbol('now')
const END = 'owner = NULL, lease_at = NULL, ended_at = NOW, outcome = ?, error = ?'

function mine({ name, epoch }: Fence): Where {
  return { sql: 'name = ? AND epoch = ? AND owner IS NOT NULL', values: [name, epoch] }
}

/** Nobody has begun, ended, prolonged, paused or changed anything since. */
function asRead({ name, epoch, next, paused, committed, leaseAt, wanted, cron, zone }: Row): Where {
  return {
    sql: `name = ? AND epoch = ? AND next_at = ? AND paused = ? AND committed = ? AND coalesce(lease_at, -1) = ?
      AND coalesce(wanted_at, -1) = ? AND cron = ? AND zone = ?`,
    values: [name, epoch, next, Number(paused), Number(committed), leaseAt ?? -1, wanted ?? -1, cron, zone],
  }
}

function rowOf(row: SqlRow): Row {
  const number = (column: string): number | undefined => (row[column] === null ? undefined : Number(row[column]))
  const text = (column: string): string | undefined => (row[column] === null ? undefined : String(row[column]))
  return {
    ...{
      name: text('name')!,
      cron: text('cron')!,
      zone: text('zone')!,
      next: number('next_at')!,
      paused: number('paused') === 1,
    },
    ...{ epoch: number('epoch')!, owner: text('owner'), leaseAt: number('lease_at'), now: number('now')! },
    ...{ tick: number('tick_at'), missed: number('missed')!, leftOut: number('left_out')!, tries: number('tries')! },
    ...{ committed: number('committed') === 1, by: text('by_hand'), began: number('began_at'), ended: number('ended_at') },
    ...{ outcome: text('outcome') as Outcome | undefined, error: text('error') },
    ...{ wanted: number('wanted_at'), wantedBy: text('wanted_by') },
  }
}
