import { event, type EventType, type Schema } from '../contract/contract.ts'
import type { SqlRow, SqlTransaction, SqlValue } from '../data/data.ts'
import { createStatements } from '../data/internal.ts'
import { createAlarm, type Alarm } from '../runtime/internal.ts'
import { plainSchema, type ExtensionKind } from '../service/internal.ts'
import type { ReceivedEvent } from '../service/service.ts'
import type { Choreography, LateStep, ObservedPath } from './definition.ts'
import { dueOf, hasEnded, missingOf, pathOf, withSeen, type Known } from './path.ts'

/** A step of a choreography has not come in its time. Published once a step, by the service that observes. */
export const ChoreographyLate: EventType<'choreography.late', Schema<LateStep>> = event('choreography.late', {
  schema: plainSchema<LateStep>(),
  key: ({ choreography, key }) => `${choreography}/${key}`.slice(0, 200),
})

/** `known` is JSON: of each step the first message, and steps that were told of as late. `due_at`: when the next one is. */
const migrations = {
  'dure/choreography-0001': `
    CREATE TABLE dure_choreographies (
      choreography TEXT NOT NULL, id TEXT NOT NULL, known TEXT NOT NULL, due_at BIGINT, changed_at BIGINT NOT NULL,
      correlation_id TEXT NOT NULL, causation_id TEXT NOT NULL,
      PRIMARY KEY (choreography, id)
    );
    CREATE INDEX dure_choreographies_due ON dure_choreographies (due_at) WHERE due_at IS NOT NULL;
    CREATE INDEX dure_choreographies_old ON dure_choreographies (changed_at)`,
  'dure/choreography-0002': 'CREATE INDEX dure_choreographies_correlation ON dure_choreographies (correlation_id)',
} as const

/** How often it looks, in milliseconds, whether others have seen something; also before it first calls anything late, … */
const LONGEST = 10_000
/** … and how many instances at once. */
const BATCH = 100

type Observe = (choreography: string, key: string, received: ReceivedEvent<never>) => Promise<void>
const OBSERVE = Symbol('observe')

/** Notes an event in the transaction of its reaction. */
export function observe(tx: unknown, choreography: string, key: string, received: unknown): Promise<void> {
  return (tx as { readonly [OBSERVE]: Observe })[OBSERVE](choreography, key, received as ReceivedEvent<never>)
}

export const choreographies: ExtensionKind = {
  name: 'choreography',
  migrations,
  open: async (host, values) => {
    const all = new Map((values as readonly Choreography[]).map((one) => [one.name, one]))
    const { store, runtime, log, service } = host
    const { run, all: rows, read } = createStatements(store)
    let alarm: Alarm | undefined
    const ID = 'WHERE choreography = ? AND id = ?'

    const note = async (
      tx: SqlTransaction,
      name: string,
      key: string,
      { id, time, type, correlationId }: ReceivedEvent<never>,
    ) => {
      const [row] = await rows(
        tx,
        `SELECT known, NOW AS now FROM (SELECT 1 AS one) AS always LEFT JOIN dure_choreographies ON choreography = ? AND id = ?`,
        [name, key],
      )
      const [now, { steps }] = [Number(row!['now']), all.get(name)!]
      const known = withSeen(knownOf(row!), type as string, { id, time, at: now })
      const due = dueOf(steps, known)
      await run(
        tx,
        `INSERT INTO dure_choreographies (choreography, id, known, due_at, changed_at, correlation_id, causation_id)
         VALUES (?, ?, ?, ?, NOW, ?, ?) ON CONFLICT (choreography, id) DO UPDATE SET known = excluded.known, due_at = excluded.due_at,
           changed_at = excluded.changed_at, correlation_id = excluded.correlation_id, causation_id = excluded.causation_id`,
        [name, key, JSON.stringify(known), due ?? null, correlationId, id],
      )
      if (due !== undefined) tx.onCommit(() => alarm?.ring(due - now))
    }

    /** Tells of what is late of an instance; looks at it once more first, as it may have come, or another copy been faster. */
    const tell = (name: string, id: string): Promise<void> =>
      store.transaction(async (tx) => {
        const [row] = await rows(
          tx,
          `SELECT known, due_at, correlation_id, causation_id, NOW AS now FROM dure_choreographies ${ID}`,
          [name, id],
        )
        if (row === undefined || row['due_at'] === null) return
        const [before, now, { steps }] = [knownOf(row), Number(row['now']), all.get(name)!]
        const late = missingOf(steps, before).filter(({ event, due = Infinity }) => due <= now && !before.late.includes(event))
        const known = { ...before, late: [...before.late, ...late.map((one) => one.event)] }
        const due = dueOf(steps, known) ?? null
        await run(tx, `UPDATE dure_choreographies SET known = ?, due_at = ?, changed_at = NOW ${ID}`, [
          JSON.stringify(known),
          due,
          name,
          id,
        ])
        const origin = {
          service,
          correlationId: String(row['correlation_id']),
          causationId: String(row['causation_id']),
          traceparent: undefined,
        }
        const bound = host.bind(tx, origin)
        for (const { event, since } of late) {
          await bound.publish(ChoreographyLate, { choreography: name, key: id, step: event, since })
          tx.onCommit(() =>
            log.warn('A step of a choreography has not come in its time', { choreography: name, key: id, step: event }),
          )
        }
      })

    const ours = { sql: `choreography IN (${[...all.keys()].map(() => '?').join(', ')})`, names: [...all.keys()] as SqlValue[] }
    const work = async (): Promise<void> => {
      const due = await read(
        `SELECT choreography, id FROM dure_choreographies WHERE due_at <= NOW AND ${ours.sql} ORDER BY due_at LIMIT ${BATCH}`,
        ours.names,
      )
      for (const row of due) await tell(String(row['choreography']), String(row['id']))
      for (const { name, retention } of all.values()) {
        const old = `DELETE FROM dure_choreographies WHERE choreography = ? AND due_at IS NULL AND changed_at < NOW - ?`
        await store.transaction((tx) => run(tx, old, [name, retention]), { isolated: false })
      }
    }
    const next = async (): Promise<number | undefined> => {
      const [row] = await read(
        `SELECT min(due_at) - NOW AS wait FROM dure_choreographies WHERE due_at IS NOT NULL AND ${ours.sql}`,
        ours.names,
      )
      return row === undefined || row['wait'] === null ? undefined : Math.max(0, Number(row['wait']))
    }

    const find = async (where: string, values: readonly SqlValue[]): Promise<readonly ObservedPath[]> =>
      (await read(`SELECT choreography, id, known, NOW AS now FROM dure_choreographies WHERE ${where}`, values)).flatMap(
        (row) => {
          const one = all.get(String(row['choreography']))
          return one === undefined ? [] : [observed(one, row)]
        },
      )

    return {
      join: (tx) => ({ [OBSERVE]: ((name, key, received) => note(tx, name, key, received)) satisfies Observe }),
      listen: async () => {
        await host.broker.declareTopic(ChoreographyLate.topic)
        const failed = (error: unknown): void =>
          log.warn('Cannot look at what is late of choreographies; it is tried again', { error })
        // What has come while nobody looked is read first.
        const begin = runtime.timers.after(
          LONGEST,
          () => (alarm = createAlarm({ runtime, work, next, longest: LONGEST, failed })),
        )
        alarm = { ring: () => {}, stop: async () => begin.cancel() }
      },
      control: {
        path: ({ key, correlationId }: { readonly key?: string; readonly correlationId?: string }) =>
          key === undefined
            ? find('correlation_id = ? ORDER BY choreography, id LIMIT 50', [correlationId ?? ''])
            : find('id = ? ORDER BY choreography', [key]),
        list: () => find('1 = 1 ORDER BY changed_at DESC LIMIT 50', []),
      },
      stop: async () => alarm?.stop(),
    }
  },
}

function knownOf({ known }: SqlRow): Known {
  return known === null ? { seen: {}, late: [] } : (JSON.parse(String(known)) as Known)
}

function observed({ name, steps }: Choreography, row: SqlRow): ObservedPath {
  const [known, now] = [knownOf(row), Number(row['now'])]
  const missing = missingOf(steps, known).map(({ event, since, due = Infinity }) => ({ event, since, late: due <= now }))
  return { choreography: name, key: String(row['id']), ended: hasEnded(steps, known), path: pathOf(known), missing }
}
