import { CallError, DeclaredError } from '../contract/contract.ts'
import type { SqlRow, SqlTransaction, SqlValue } from '../data/data.ts'
import type { OpenExtension } from '../service/internal.ts'
import { errorToJson, toJson } from './history.ts'
import { sendSignal } from './join.ts'
import type { InstanceId, InstanceState } from './records.ts'
import type { SagaWorld } from './world.ts'

/** Which instance somebody means: its id, and where several sagas have one of it, its saga. */
type Which = { readonly id: string; readonly saga?: string }
/** Who decides something, and why: written into its history. */
type Decision = Which & { readonly by: string; readonly why: string }

/** An instance as people see it. Times are milliseconds since the epoch. */
export type ShownInstance = InstanceId & {
  readonly version: number
  readonly state: InstanceState
  readonly began: number
  readonly ended: number | null
  /** What it waits for. */
  readonly waits: { readonly kind: string; readonly name: string } | null
  /** When it goes on by itself. */
  readonly due: number | null
  /** Why it has paused; the error that it is undone for. */
  readonly reason: string | null
  readonly failure: unknown
  readonly correlationId: string
  /** What a person can do. */
  readonly todo: string
}

export type ShownStep = {
  readonly position: number
  readonly kind: string
  readonly name: string
  readonly schema: string
  readonly state: string
  readonly undo: boolean
  readonly tries: number
  readonly began: number
  readonly ended: number | null
  readonly result: unknown
  readonly error: string | null
}

/** An instance with all that is known of it, as JSON: what `dure saga export` writes and `dure saga replay` reads. */
export type SagaHistory = ShownInstance & {
  readonly input: unknown
  readonly output: unknown
  readonly deadline: number | null
  readonly steps: readonly ShownStep[]
  readonly decisions: readonly { readonly at: number; readonly action: string; readonly by: string; readonly why: string }[]
}

const INSTANCE = `dure_sagas.*, (SELECT kind || ' ' || name FROM dure_saga_steps AS step WHERE step.saga = dure_sagas.saga
  AND step.id = dure_sagas.id AND step.state = 'waiting') AS waiting`

/** Instances on one page. */
const PAGE = 100

/** What people ask of sagas, and have done to them. */
export function sagaControl(world: SagaWorld): NonNullable<OpenExtension['control']> {
  const { host, records, sagas, hands } = world

  /** Carries out what somebody has decided, and writes down who it was and why. */
  const decide = async (
    action: string,
    decision: Decision,
    work: (tx: SqlTransaction, its: InstanceId, row: SqlRow) => Promise<boolean>,
    needs: string,
  ): Promise<{ readonly done: true }> => {
    const { by, why } = decision
    for (const [what, text] of [
      ['who', by],
      ['why', why],
    ] as const)
      if (typeof text !== 'string' || text.trim() === '')
        throw new CallError('INVALID_ARGUMENT', `Cannot ${action} saga instance "${decision.id}": say ${what}`)
    const row = await findInstance(world, decision)
    const its = { saga: String(row['saga']), id: String(row['id']) }
    await host.store.transaction(async (tx) => {
      if (!(await work(tx, its, row)))
        throw new CallError(
          'FAILED_PRECONDITION',
          `Cannot ${action} saga instance "${its.id}" of "${its.saga}": it is ${String(row['state'])}, and must be ${needs}`,
        )
      await records.decided(tx, its, action, JSON.stringify({ by, why }))
      tx.onCommit(hands.look)
    })
    return { done: true }
  }

  const goOn = async (tx: SqlTransaction, { saga, id }: InstanceId): Promise<boolean> => {
    const sql = `UPDATE dure_sagas SET state = CASE WHEN failure IS NULL THEN 'running' ELSE 'compensating' END, reason = NULL, crashes = 0,
        due_at = NOW, epoch = epoch + 1, owner = NULL, waits = NULL WHERE saga = ? AND id = ? AND ended_at IS NULL AND (state = 'paused' OR owner IS NULL)`
    if ((await records.run(tx, sql, [saga, id])) === 0) return false
    await records.run(tx, `UPDATE dure_saga_steps SET tries = 0 WHERE saga = ? AND id = ? AND state IN ('begun', 'undoing')`, [
      saga,
      id,
    ])
    return true
  }

  const shown = async (which: Which): Promise<SagaHistory> => {
    const row = await findInstance(world, which)
    return historyOf(row, await records.wholeHistory({ saga: String(row['saga']), id: which.id }))
  }

  return {
    list: (filter: ListFilter) => listInstances(world, filter),
    show: shown,
    export: shown,
    resume: (decision: Decision) =>
      decide('resume', decision, async (tx, its, row) => row['state'] === 'paused' && goOn(tx, its), 'paused'),
    skip: (decision: Decision & { readonly result?: unknown }) =>
      decide(
        'skip',
        decision,
        async (tx, its, { state }) => {
          const undoing = await records.run(
            tx,
            `UPDATE dure_saga_steps SET state = 'undone', ended_at = NOW WHERE saga = ? AND id = ? AND state = 'undoing'`,
            [its.saga, its.id],
          )
          const result = decision.result === undefined ? null : toJson(decision.result, 'the result')
          const skipped =
            undoing === 0 &&
            (await records.run(
              tx,
              `UPDATE dure_saga_steps SET state = 'skipped', result = ?, ended_at = NOW
               WHERE saga = ? AND id = ? AND state IN (${state === 'paused' ? "'begun', " : ''}'waiting')`,
              [result, its.saga, its.id],
            )) === 1
          return (undoing === 1 || skipped) && goOn(tx, its)
        },
        'paused at a step, or waiting',
      ),
    compensate: (decision: Decision) =>
      decide(
        'compensate',
        decision,
        (tx, its) => {
          const message = `${decision.by} had it undone: ${decision.why}`
          const failure = new DeclaredError({ code: 'SAGA_COMPENSATED', message, status: 'ABORTED', data: undefined })
          return records.compensate(tx, its, errorToJson(failure), ['running', 'paused'])
        },
        'running or paused, and not being undone',
      ),
    signal: (decision: Decision & { readonly name: string; readonly data?: unknown }) =>
      decide(
        'signal',
        decision,
        async (tx, { saga: name, id }) => {
          const saga = sagas.get(name)
          if (saga === undefined) return false
          await sendSignal(world, tx, { saga, id, name: decision.name, data: decision.data })
          return true
        },
        'one whose saga the service lists',
      ),
  }
}

type ListFilter = {
  readonly id?: string
  readonly correlationId?: string
  readonly saga?: string
  readonly state?: string
  readonly after?: string
  readonly limit?: number
}

async function listInstances(
  { records }: SagaWorld,
  { id, correlationId, saga, state, after, limit = PAGE }: ListFilter,
): Promise<readonly ShownInstance[]> {
  const conditions: [string, SqlValue | undefined][] = [
    ['saga = ?', saga],
    ['state = ?', state],
    ['id = ?', id],
    ['correlation_id = ?', correlationId],
    ['id > ?', after],
  ]
  const given = conditions.filter((one): one is [string, SqlValue] => one[1] !== undefined)
  const where = given.length === 0 ? '' : ` WHERE ${given.map(([sql]) => sql).join(' AND ')}`
  const most = Math.max(1, Math.min(Number(limit) || PAGE, 1_000))
  const rows = await records.read(`SELECT ${INSTANCE} FROM dure_sagas${where} ORDER BY id, saga LIMIT ?`, [
    ...given.map(([, value]) => value),
    most,
  ])
  return rows.map(instanceShown)
}

async function findInstance({ records, host }: SagaWorld, { id, saga }: Which): Promise<SqlRow> {
  const among: [string, SqlValue[]] = saga === undefined ? ['', []] : [' AND saga = ?', [saga]]
  const rows = await records.read(`SELECT ${INSTANCE} FROM dure_sagas WHERE id = ?${among[0]} LIMIT 2`, [id, ...among[1]])
  if (rows.length === 1) return rows[0]!
  const named = rows.map((row) => `"${String(row['saga'])}"`).join(', ')
  throw rows.length === 0
    ? new CallError('NOT_FOUND', `Cannot find saga instance "${id}": service "${host.service}" has none`)
    : new CallError(
        'FAILED_PRECONDITION',
        `Cannot tell which saga instance "${id}" is meant: ${named} have one. To do: name the saga`,
      )
}

function instanceShown(row: SqlRow): ShownInstance {
  const state = row['state'] as InstanceState
  const [kind, ...name] = state === 'running' ? (text(row['waiting'])?.split(' ') ?? []) : []
  const waits = kind === undefined ? null : { kind, name: name.join(' ') }
  return {
    ...{ saga: String(row['saga']), id: String(row['id']), version: Number(row['version']), state },
    ...{
      began: Number(row['began_at']),
      ended: number(row['ended_at']),
      due: row['owner'] === null ? number(row['due_at']) : null,
    },
    ...{ reason: text(row['reason']), failure: json(row['failure']), correlationId: String(row['correlation_id']) },
    waits,
    todo: todoOf(state, String(row['id']), waits),
  }
}

function todoOf(state: InstanceState, id: string, waits: ShownInstance['waits']): string {
  switch (state) {
    case 'paused':
      return `Mend what its reason says, then "dure saga resume ${id}"; or "dure saga skip ${id}", or "dure saga compensate ${id}"`
    case 'running':
      if (waits?.kind === 'signal')
        return `It waits for the signal "${waits.name}": dure saga signal ${id} ${waits.name} '{…}' --reason …`
      return waits === null || waits.kind === 'sleep'
        ? 'Nothing: it goes on by itself'
        : `Nothing: it waits for the ${waits.kind} "${waits.name}"`
    case 'compensating':
      return 'Nothing: what it did is being undone'
    default:
      return 'Nothing: it has ended'
  }
}

function historyOf(row: SqlRow, rows: readonly SqlRow[]): SagaHistory {
  const steps = rows.filter((one) => Number(one['position']) >= 0)
  const decisions = rows.filter((one) => Number(one['position']) < 0).toReversed()
  return {
    ...instanceShown(row),
    ...{ input: json(row['input']), output: json(row['output']), deadline: number(row['deadline_at']) },
    steps: steps.map((one) => ({
      ...{
        position: Number(one['position']),
        kind: String(one['kind']),
        name: String(one['name']),
        schema: String(one['schema']),
      },
      ...{ state: String(one['state']), undo: Number(one['undo']) === 1, tries: Number(one['tries']) },
      ...{
        began: Number(one['began_at']),
        ended: number(one['ended_at']),
        result: json(one['result']),
        error: text(one['error']),
      },
    })),
    decisions: decisions.map((one) => {
      const { by, why } = json(one['result']) as { by: string; why: string }
      return { at: Number(one['began_at']), action: String(one['name']), by, why }
    }),
  }
}

const number = (value: SqlValue | undefined): number | null => (value === null || value === undefined ? null : Number(value))
const text = (value: SqlValue | undefined): string | null => (value === null || value === undefined ? null : String(value))
const json = (value: SqlValue | undefined): unknown => (value === null || value === undefined ? null : JSON.parse(String(value)))
