import type { SqlRow, SqlStore, SqlTransaction, SqlValue } from '../data/data.ts'
import { UNFIT, type Entry, type EntryKind, type EntryState } from './history.ts'
import type { AnySaga } from './definition.ts'
import { createStatements, places, type ClockedStatements } from '../data/internal.ts'

/** Which instance. */
export type InstanceId = { readonly saga: string; readonly id: string }

/** An instance as its owner has it: whatever is written of it carries its epoch. */
export type Fence = InstanceId & { readonly epoch: number }

export type InstanceState = 'running' | 'compensating' | 'paused' | 'completed' | 'compensated'

/** What is known of an instance, beside its history. */
export type Instance = Fence & {
  readonly version: number
  readonly state: InstanceState
  readonly crashes: number
  readonly input: string
  /** The error that it is undone for, as JSON. */
  readonly failure: string | null
  readonly parent: string | null
  readonly correlationId: string
  readonly causationId: string | undefined
  readonly traceparent: string | undefined
  /** Who began it, by the subject. */
  readonly initiator: string | undefined
  /** Milliseconds since the epoch. */
  readonly deadlineAt: number | null
  /** Milliseconds until then, by the clock of the store, when this was read. */
  readonly deadlineIn: number
  /** Milliseconds until what it last rested for is over; null when nothing but news ends it. */
  readonly remaining: number | null
  readonly path: string
}

/** What is known of it from the beginning. */
export type InstanceFacts = Pick<
  Instance,
  'saga' | 'id' | 'version' | 'input' | 'parent' | 'correlationId' | 'causationId' | 'traceparent' | 'initiator'
>

/** Milliseconds within which another try keeps its system from being quiet. */
const SOON = 600_000

/** Milliseconds for which an instance is its owner's without a word. */
export const LEASE = 30_000

const INSTANCE = `saga, id, epoch, version, state, crashes, input, failure, parent, correlation_id, causation_id, traceparent, initiator, deadline_at,
  deadline_at - NOW AS deadline_in, path, until_at - NOW AS remaining, delay`
const STEP = 'position, kind, name, schema, state, undo, tries, result, error'
const OPEN = 'saga = ? AND version <= ? AND ended_at IS NULL AND (reason IS NULL OR reason NOT LIKE ?)'
const MINE = 'WHERE saga = ? AND id = ? AND epoch = ?'

export type SagaRecords = ClockedStatements &
  ReturnType<typeof instanceRecords> &
  ReturnType<typeof dueRecords> &
  ReturnType<typeof mailRecords> &
  ReturnType<typeof oldRecords>

/** What is written and read of sagas. */
export function sagaRecords(store: Pick<SqlStore, 'select' | 'time'>): SagaRecords {
  const statements = createStatements(store)
  return {
    ...statements,
    ...instanceRecords(statements),
    ...dueRecords(statements),
    ...mailRecords(statements),
    ...oldRecords(statements),
  }
}

/** An instance and its history. */
function instanceRecords({ run, all, read }: ClockedStatements) {
  return {
    /** False when the id is taken. With an owner it is in that one's hand at once. */
    insert: async (
      tx: SqlTransaction,
      of: InstanceFacts,
      { owner, deadline }: { readonly owner: string | null; readonly deadline: number | undefined },
    ): Promise<boolean> => {
      const { saga, id, version, input, parent, correlationId, causationId = null, traceparent = null } = of
      const { initiator = null } = of
      const lease = owner === null ? 0 : LEASE
      const sql = `INSERT INTO dure_sagas (saga, id, version, state, epoch, owner, due_at, delay, crashes, path, began_at, deadline_at,
          parent, correlation_id, causation_id, traceparent, initiator, input)
        VALUES (?, ?, ?, 'running', 1, ?, NOW + ?, 0, 0, '', NOW, NOW + ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (saga, id) DO NOTHING`
      const told = [parent, correlationId, causationId, traceparent, initiator, input]
      const values = [saga, id, version, owner, lease, deadline ?? null, ...told]
      return (await run(tx, sql, values)) === 1
    },
    /** What is to be known of whoever begins it again, or sends it something. */
    find: async (
      tx: SqlTransaction,
      { saga, id }: InstanceId,
    ): Promise<Pick<Instance, 'version' | 'state' | 'input'> | undefined> => {
      const [row] = await all(tx, 'SELECT version, state, input FROM dure_sagas WHERE saga = ? AND id = ?', [saga, id])
      return row && { version: Number(row['version']), state: String(row['state']) as InstanceState, input: String(row['input']) }
    },
    steps: async ({ saga, id }: InstanceId): Promise<Entry[]> => {
      const sql = `SELECT ${STEP} FROM dure_saga_steps WHERE saga = ? AND id = ? AND position >= 0 ORDER BY position`
      return (await read(sql, [saga, id])).map(entryOf)
    },
    /** The same, as it is in the store, with what people decided. */
    wholeHistory: ({ saga, id }: InstanceId): Promise<readonly SqlRow[]> =>
      read('SELECT * FROM dure_saga_steps WHERE saga = ? AND id = ? ORDER BY position', [saga, id]),
    /** How many have not ended, by saga and state, and for how many milliseconds the oldest has been there. */
    open: async (): Promise<
      readonly { readonly saga: string; readonly state: string; readonly count: number; readonly age: number }[]
    > => {
      const sql = `SELECT saga, state, count(*) AS instances, NOW - min(began_at) AS age FROM dure_sagas WHERE ended_at IS NULL
        GROUP BY saga, state`
      const rows = await read(sql, [])
      return rows.map(({ saga, state, instances, age }) => ({
        ...{ saga: String(saga), state: String(state), count: Number(instances), age: Number(age) },
      }))
    },
    /** Writes down what somebody has decided. */
    decided: (tx: SqlTransaction, { saga, id }: InstanceId, action: string, said: string): Promise<number> =>
      run(
        tx,
        `INSERT INTO dure_saga_steps (saga, id, position, kind, name, schema, state, undo, tries, result, began_at, ended_at)
         VALUES (?, ?, (SELECT coalesce(min(position), 0) FROM dure_saga_steps WHERE saga = ? AND id = ? AND position < 0) - 1,
           'decision', ?, '', 'done', 0, 0, ?, NOW, NOW)`,
        [saga, id, saga, id, action, said],
      ),
    /** The ways on which instances of a saga are that this code can run. Whoever has paused as code did not fit is left out. */
    paths: async ({ name, version }: AnySaga): Promise<readonly string[]> => {
      const rows = await read(`SELECT DISTINCT path FROM dure_sagas WHERE ${OPEN}`, [name, version, `${UNFIT} %`])
      return rows.map(({ path }) => String(path))
    },
    onPath: async (
      { name, version }: AnySaga,
      { path, limit }: { readonly path: string; readonly limit: number },
    ): Promise<readonly Instance[]> => {
      const sql = `SELECT ${INSTANCE} FROM dure_sagas WHERE ${OPEN} AND path = ? LIMIT ?`
      return (await read(sql, [name, version, `${UNFIT} %`, path, limit])).map(instanceOf)
    },
    /** Writes what became of an instance; false when it is another's by now. */
    fence: async (tx: SqlTransaction, { saga, id, epoch }: Fence, to: Progress): Promise<boolean> => {
      const { version, path, ...then } = to
      const [sql, values] = changeOf(then)
      return (
        (await run(tx, `UPDATE dure_sagas SET version = ?, path = ?${sql} ${MINE}`, [
          version,
          path,
          ...values,
          saga,
          id,
          epoch,
        ])) === 1
      )
    },
    /**
     * Writes one entry. Where the instance is another's by now, or what the entry came to is there already, the statement fails of itself
     * (what is null must not be), and its transaction with it: nobody has to see its answer before the commit.
     */
    put: (tx: SqlTransaction, { saga, id, epoch }: Fence, entry: Entry): Promise<number> => {
      const { position, kind, name, schema, state, undo, tries, result, error } = entry
      const ended = state !== 'begun' && state !== 'waiting'
      return run(
        tx,
        `INSERT INTO dure_saga_steps (saga, id, position, kind, name, schema, state, undo, tries, result, error, began_at, ended_at)
         VALUES ((SELECT saga FROM dure_sagas ${MINE}), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NOW, ${ended ? 'NOW' : 'NULL'})
         ON CONFLICT (saga, id, position) DO UPDATE SET
           state = CASE WHEN dure_saga_steps.state IN ('begun', 'waiting') THEN excluded.state END,
           tries = excluded.tries, result = excluded.result, error = excluded.error, ended_at = excluded.ended_at`,
        [saga, id, epoch, id, position, kind, name, schema, state, Number(undo), tries, result, error],
      )
    },
    /** Notes how undoing an entry goes; false when it was undone before. */
    undo: async (tx: SqlTransaction, { saga, id }: InstanceId, { position, state, tries, error }: Entry): Promise<boolean> => {
      const sql = `UPDATE dure_saga_steps SET state = ?, tries = ?, error = ?, ended_at = NOW
        WHERE saga = ? AND id = ? AND position = ? AND state <> 'undone'`
      return (await run(tx, sql, [state, tries, error, saga, id, position])) === 1
    },
    /** Has what an instance did undone; whoever has it in hand writes nothing any more. False when there is nothing to be undone. */
    compensate: async (
      tx: SqlTransaction,
      { saga, id }: InstanceId,
      failure: string,
      of: readonly InstanceState[],
    ): Promise<boolean> => {
      const sql = `UPDATE dure_sagas SET state = 'compensating', failure = ?, epoch = epoch + 1, crashes = 0, ${LET_GO_AND_DUE}, ended_at = NULL
        WHERE saga = ? AND id = ? AND failure IS NULL AND state IN (${places(of)})`
      return (await run(tx, sql, [failure, saga, id, ...of])) === 1
    },
  }
}

/** Whose turn it is. */
function dueRecords({ run, all, read }: ClockedStatements) {
  return {
    /** Takes instances that are due, as many as that; from then on they are the member's. */
    claim: async (
      tx: SqlTransaction,
      { member, which, limit }: { member: string; which: Filter; limit: number },
    ): Promise<readonly Instance[]> => {
      const rows = await all(
        tx,
        `UPDATE dure_sagas SET epoch = epoch + 1, due_at = NOW + ?, owner = ?, waits = NULL,
           crashes = CASE WHEN owner IS NULL OR owner = ? THEN crashes ELSE crashes + 1 END
         WHERE due_at <= NOW AND (saga, id) IN (SELECT saga, id FROM dure_sagas WHERE due_at <= NOW AND (${which.sql}) ORDER BY due_at LIMIT ?)
         RETURNING ${INSTANCE}`,
        [LEASE, member, member, ...which.values, limit],
      )
      return rows.map(instanceOf)
    },
    /** Milliseconds until the next is due; undefined when none will be by itself. */
    next: async ({ sql, values }: Filter): Promise<number | undefined> => {
      const [row] = await read(`SELECT min(due_at) - NOW AS wait FROM dure_sagas WHERE due_at IS NOT NULL AND (${sql})`, values)
      return row?.['wait'] === null || row === undefined ? undefined : Number(row['wait'])
    },
    /** How many are due or in hand, or wait for another try, which is soon. */
    busy: async ({ sql, values }: Filter): Promise<number> => {
      const [row] = await read(
        `SELECT count(*) AS count FROM dure_sagas WHERE due_at <= NOW + ? AND (${sql}) AND (owner IS NOT NULL OR due_at <= NOW OR EXISTS (
           SELECT 1 FROM dure_saga_steps AS step
           WHERE step.saga = dure_sagas.saga AND step.id = dure_sagas.id AND step.state IN ('begun', 'undoing')))`,
        [SOON, ...values],
      )
      return Number(row!['count'])
    },
    /** Which other members have some in hand. */
    owners: async (member: string): Promise<readonly string[]> => {
      const sql = 'SELECT DISTINCT owner FROM dure_sagas WHERE due_at <= NOW + ? AND owner IS NOT NULL AND owner <> ?'
      return (await read(sql, [LEASE, member])).map(({ owner }) => String(owner))
    },
    /** What a member has is free, which is no more. */
    free: (tx: SqlTransaction, owner: string): Promise<number> =>
      run(tx, 'UPDATE dure_sagas SET due_at = NOW WHERE due_at IS NOT NULL AND owner = ?', [owner]),
    renew: (tx: SqlTransaction, member: string, ids: readonly string[]): Promise<number> =>
      run(tx, `UPDATE dure_sagas SET due_at = NOW + ? WHERE owner = ? AND id IN (${places(ids)})`, [LEASE, member, ...ids]),
    /** Has those looked at that would wait for longer than was asked for, as their clock was set back, or for what is there. */
    correct: async (tx: SqlTransaction): Promise<void> => {
      // No lease that was given since ends so late.
      await run(tx, 'UPDATE dure_sagas SET due_at = NOW WHERE owner IS NOT NULL AND due_at > NOW + ?', [2 * LEASE])
      await run(tx, 'UPDATE dure_sagas SET due_at = NOW WHERE owner IS NULL AND due_at > NOW AND until_at - NOW > delay', [])
      await run(
        tx,
        `UPDATE dure_sagas SET due_at = NOW, waits = NULL WHERE waits IS NOT NULL AND owner IS NULL AND EXISTS (
           SELECT 1 FROM dure_saga_mail AS mail WHERE mail.address = dure_sagas.waits)`,
        [],
      )
    },
  }
}

/** What has arrived for instances. */
function mailRecords({ run, all }: ClockedStatements) {
  return {
    /** Keeps what has arrived, and has whoever waits for it looked at. Answers whether it was new. */
    deliver: async (
      tx: SqlTransaction,
      mail: { readonly address: string; readonly messageId: string; readonly data: string; readonly to?: InstanceId },
    ): Promise<boolean> => {
      const { address, messageId, data, to } = mail
      const sql = `INSERT INTO dure_saga_mail (address, message_id, saga, id, arrived_at, data) VALUES (?, ?, ?, ?, NOW, ?)
        ON CONFLICT (address, message_id) DO NOTHING`
      const added = await run(tx, sql, [address, messageId, to?.saga ?? null, to?.id ?? null, data])
      await run(tx, 'UPDATE dure_sagas SET due_at = NOW, waits = NULL WHERE waits = ? AND owner IS NULL', [address])
      return added === 1
    },
    /** Takes the oldest of what has arrived at an address since the instance began. */
    take: async (tx: SqlTransaction, { saga, id }: InstanceId, address: string): Promise<string | undefined> => {
      const [row] = await all(
        tx,
        `SELECT message_id, data FROM dure_saga_mail WHERE address = ?
           AND arrived_at >= (SELECT began_at FROM dure_sagas WHERE saga = ? AND id = ?) ORDER BY arrived_at, message_id LIMIT 1`,
        [address, saga, id],
      )
      if (row === undefined) return undefined
      await run(tx, 'DELETE FROM dure_saga_mail WHERE address = ? AND message_id = ?', [address, row['message_id']!])
      return String(row['data'])
    },
  }
}

/** An instance that has ended, and when. */
type Ended = InstanceId & { readonly parent: string | null; readonly endedAt: number }

/** What is thrown away. */
function oldRecords({ run, all, read }: ClockedStatements) {
  return {
    /** Instances of a saga that ended so long ago, the oldest first. */
    ended: async (
      saga: string,
      { retention, after, limit }: { retention: number; after: number; limit: number },
    ): Promise<readonly Ended[]> => {
      const rows = await read(
        `SELECT id, parent, ended_at FROM dure_sagas WHERE saga = ? AND ended_at < NOW - ? AND ended_at > ? ORDER BY ended_at LIMIT ?`,
        [saga, retention, after, limit],
      )
      return rows.map(({ id, parent, ended_at }) => ({
        saga,
        id: String(id),
        parent: parent as string | null,
        endedAt: Number(ended_at),
      }))
    },
    /** Forgets them, but for children that their parents may want undone. */
    forget: async (tx: SqlTransaction, old: readonly Ended[]): Promise<void> => {
      for (const { saga, id, parent } of old) {
        const of = parent === null ? undefined : (JSON.parse(parent) as InstanceId)
        const open =
          of && (await all(tx, 'SELECT id FROM dure_sagas WHERE saga = ? AND id = ? AND ended_at IS NULL', [of.saga, of.id]))
        if (open !== undefined && open.length > 0) continue
        await run(tx, 'DELETE FROM dure_saga_steps WHERE saga = ? AND id = ?', [saga, id])
        await run(tx, 'DELETE FROM dure_sagas WHERE saga = ? AND id = ?', [saga, id])
      }
    },
    /** Forgets what arrived so long ago; not what an instance is still to hear. Answers how much. */
    forgetMail: (tx: SqlTransaction, retention: number, limit: number): Promise<number> =>
      run(
        tx,
        `DELETE FROM dure_saga_mail WHERE (address, message_id) IN (SELECT address, message_id FROM dure_saga_mail AS mail
           WHERE arrived_at < NOW - ? AND NOT EXISTS (SELECT 1 FROM dure_sagas AS one
             WHERE one.ended_at IS NULL AND (one.waits = mail.address OR (one.saga = mail.saga AND one.id = mail.id))) LIMIT ?)`,
        [retention, limit],
      ),
  }
}

/** A condition on instances, as a part of a statement. */
export type Filter = { readonly sql: string; readonly values: readonly SqlValue[] }

/** How an instance stands after what is written of it. */
export type Progress = Pick<Instance, 'version' | 'path'> & {
  /** Its step has got somewhere: no crash counts any more. */
  readonly well?: boolean
  /** It is let go of for so many milliseconds (null: until something comes), or until what has this address has come. */
  readonly rest?: { readonly ms: number | null; readonly dueIn: number | null; readonly waits: string | null }
  readonly compensate?: string
  readonly pause?: string
  readonly end?: { readonly state: 'completed' | 'compensated'; readonly output: string | null }
}

const LET_GO_AND_DUE = 'owner = NULL, due_at = NOW, until_at = NULL, waits = NULL, reason = NULL'
const LET_GO = 'owner = NULL, due_at = NULL, until_at = NULL, waits = NULL'

function changeOf({ well = false, rest, compensate, pause, end }: Omit<Progress, 'version' | 'path'>): [string, SqlValue[]] {
  const crashes = well ? ', crashes = 0' : ''
  const failure: [string, SqlValue[]] =
    compensate === undefined ? ['', []] : [", state = 'compensating', failure = ?", [compensate]]
  if (end !== undefined) return [`, state = ?, output = ?, reason = NULL, ended_at = NOW, ${LET_GO}`, [end.state, end.output]]
  if (pause !== undefined) return [`${crashes}${failure[0]}, state = 'paused', reason = ?, ${LET_GO}`, [...failure[1], pause]]
  if (rest === undefined) return [crashes + failure[0], failure[1]]
  return [
    `${crashes}, owner = NULL, due_at = NOW + ?, until_at = NOW + ?, delay = ?, waits = ?`,
    [rest.dueIn, rest.ms, rest.ms ?? 0, rest.waits],
  ]
}

function instanceOf(row: SqlRow): Instance {
  const text = (column: string): string | undefined => (row[column] === null ? undefined : String(row[column]))
  const remaining = row['remaining'] === null ? null : Number(row['remaining'])
  return {
    ...{ saga: String(row['saga']), id: String(row['id']), epoch: Number(row['epoch']), version: Number(row['version']) },
    ...{ state: row['state'] as InstanceState, crashes: Number(row['crashes']), input: String(row['input']) },
    ...{ failure: text('failure') ?? null, parent: text('parent') ?? null, path: String(row['path']) },
    ...{ correlationId: String(row['correlation_id']), causationId: text('causation_id'), traceparent: text('traceparent') },
    initiator: text('initiator'),
    deadlineAt: row['deadline_at'] === null ? null : Number(row['deadline_at']),
    deadlineIn: row['deadline_in'] === null ? Infinity : Number(row['deadline_in']),
    // Longer than was asked for: the clock was set back meanwhile.
    remaining: remaining === null || remaining > Number(row['delay']) ? remaining && 0 : Math.max(0, remaining),
  }
}

export function entryOf(row: SqlRow): Entry {
  const text = (column: string): string | null => (row[column] === null ? null : String(row[column]))
  return {
    ...{
      position: Number(row['position']),
      kind: row['kind'] as EntryKind,
      name: String(row['name']),
      schema: String(row['schema']),
    },
    ...{ state: row['state'] as EntryState, undo: Number(row['undo']) === 1, tries: Number(row['tries']) },
    ...{ result: text('result'), error: text('error') },
  }
}
