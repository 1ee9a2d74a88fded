/** Requests answered by programs that are no services of Dure: over HTTP, through a service that hands them out. */
import { CallError, command, contract, type AnyRequest } from '../contract/contract.ts'
import { wireOf } from '../contract/internal.ts'
import { database, type SqlTransaction } from '../data/data.ts'
import { announce } from '../data/internal.ts'
import { queue } from '../messaging/messaging.ts'
import { service, type Extension, type ReceivedEvent, type Service } from '../service/service.ts'
import { checkReplyTo, readReply, replyOn, type ExtensionKind, type ReplyBody } from '../service/internal.ts'
import { completion, tasks, wanted, type Completion, type Task, type Wanted } from './schemas.ts'

export type TasksOptions = {
  readonly requests: readonly AnyRequest[]
  /** What a worker needs to fetch and complete. Default: nothing. */
  readonly scope?: string
  /** How often a task is handed out that nobody completes, before it waits for a person. Default 10. */
  readonly attempts?: number
  readonly owner?: string
}

type Row = {
  id: string
  request: string
  key: string
  data: string
  reply_to: string | null
  correlation_id: string
  traceparent: string | null
  attempts: number
  lease: string | null
  until: number
  initiator: string | null
}
type Tables = { dure_tasks: Row }
type Answering = { readonly reply: (task: Row, body: ReplyBody) => Promise<void> }

const LEASE = 60
const MOST = 10

const kind: ExtensionKind = {
  name: 'tasks',
  migrations: {
    'dure/tasks-0001': `CREATE TABLE dure_tasks (
        id TEXT PRIMARY KEY, request TEXT NOT NULL, key TEXT NOT NULL, data TEXT NOT NULL, reply_to TEXT, correlation_id TEXT NOT NULL,
        traceparent TEXT, attempts BIGINT NOT NULL, lease TEXT, until BIGINT NOT NULL
      );
      CREATE INDEX dure_tasks_key ON dure_tasks (request, key, id)`,
    'dure/tasks-0002': 'ALTER TABLE dure_tasks ADD COLUMN initiator TEXT',
  },
  open: async (host) => ({
    // Sent as the answer to the request, and not as what the worker's HTTP call has led to.
    join: (tx: SqlTransaction): Answering => ({
      reply: async ({ id, key, reply_to: replyTo, correlation_id: correlationId, traceparent, initiator }, body) => {
        if (replyTo === null) return
        const origin = {
          ...{ service: host.service, correlationId, causationId: id },
          ...{ traceparent: traceparent ?? undefined, initiator: initiator ?? undefined },
        }
        await announce(tx, { ...host, origin }, 'queue', replyOn(replyTo, key), body)
      },
    }),
    stop: async () => {},
  }),
}

/**
 * A service that hands requests out to workers of any language: `POST /tasks/NAME/fetch` gives some, each under a lease, and `POST
 * /tasks/NAME/complete` takes the output, or a declared error, and sends the reply in the same transaction. A worker that dies leaves its
 * tasks to others when the lease is over; so a task may be done twice, by its id, and is answered once. Tasks of one key come one after another.
 *
 * @example
 * ```ts
 * import { request } from 'dure/contract'
 * import { externalTasks } from 'dure/tasks'
 * import { z } from 'zod'
 *
 * const Reserve = request('reserve-stock', { input: z.object({ sku: z.string() }), output: z.object({ left: z.int() }) })
 * const worker = externalTasks('stock-tasks', { requests: [Reserve] }) // a service of a system with `doors: [rest()]`
 * console.log(Object.keys(worker.contract.operations)) // → [ 'fetch', 'complete' ]
 * ```
 */
export function externalTasks(name: string, options: TasksOptions): Service {
  const { requests, scope, attempts = MOST, owner = 'tasks' } = options
  const said = scope === undefined ? {} : { scope }
  const operations = {
    fetch: command({ ...said, input: wanted, output: tasks, http: `POST /tasks/${name}/fetch` }),
    complete: command({ ...said, input: completion, http: `POST /tasks/${name}/complete` }),
  }
  const reading = new Map(requests.map((one) => [one.name, readReply(one, name)]))
  const answering: Extension<Answering> = { kind, name }
  const made = service(contract(name, { version: '1.0.0', owner, operations, requests }), {
    database: database<Tables>({ migrations: {} }),
    extensions: [answering],
    handlers: {
      fetch: (given: Wanted, { database: own, clock, ids }) =>
        own.transaction(async (tx) => {
          const { max = 1, seconds = LEASE, request } = given
          const now = clock.now()
          const found = await tx
            .selectFrom('dure_tasks as task')
            .selectAll()
            .where('until', '<=', now)
            .where('attempts', '<', attempts)
            .$if(request !== undefined, (some) => some.where('request', '=', request!))
            .where(({ not, exists, selectFrom, or, eb }) =>
              or([
                eb('task.key', '=', ''),
                not(
                  exists(
                    selectFrom('dure_tasks as before')
                      .select('before.id')
                      .whereRef('before.request', '=', 'task.request')
                      .whereRef('before.key', '=', 'task.key')
                      .whereRef('before.id', '<', 'task.id'),
                  ),
                ),
              ]),
            )
            .orderBy('id')
            .limit(max)
            .execute()
          const leased: Task[] = []
          for (const row of found) {
            const { id, request: of, key, correlation_id: correlationId, attempts: before, data, lease: seen, initiator } = row
            const lease = ids.next()
            const attempt = Number(before) + 1
            const taken = await tx
              .updateTable('dure_tasks')
              .set({ lease, attempts: attempt, until: now + seconds * 1000 })
              .where('id', '=', id)
              .where('lease', seen === null ? 'is' : '=', seen)
              .executeTakeFirst()
            if (Number(taken.numUpdatedRows) === 0) continue
            const began = initiator === null ? {} : { initiator }
            leased.push({ id, lease, request: of, key, correlationId, ...began, attempt, data: JSON.parse(data) as unknown })
          }
          return { tasks: leased }
        }),
      complete: ({ id, lease, output, error }: Completion, { database: own }): Promise<undefined> =>
        own.transaction(async (tx) => {
          const task = await tx
            .deleteFrom('dure_tasks')
            .where('id', '=', id)
            .where('lease', '=', lease)
            .returningAll()
            .executeTakeFirst()
          if (task === undefined) throw notLeased(id)
          const body: ReplyBody = error === undefined ? { output } : { error }
          await reading.get(task.request)!(answerOf(task, body)).catch((wrong: Error) => {
            throw new CallError('INVALID_ARGUMENT', wrong.message)
          })
          await tx.reply(task, body)
          return undefined
        }),
    },
    subscriptions: ({ work }) =>
      requests.map((request) => {
        const { name: of, schema, key, version, upcast } = request
        const toJson = wireOf(schema, 'output').toJson
        return work(queue(of, { schema, key, version, upcast }), async ({ data, ...event }, { tx }) => {
          checkReplyTo(request, event)
          const { id, key: ofKey, correlationId, replyTo = null, initiator = null } = event
          const about = {
            id,
            request: of,
            key: ofKey,
            correlation_id: correlationId,
            reply_to: replyTo,
            traceparent: null,
            initiator,
          }
          await tx
            .insertInto('dure_tasks')
            .values({ ...about, data: JSON.stringify(toJson(data)), attempts: 0, lease: null, until: 0 })
            .execute()
        })
      }),
  })
  return made as unknown as Service
}

const answerOf = ({ id, key, correlation_id: correlationId }: Row, data: ReplyBody) =>
  ({ id, key, correlationId, causationId: id, data }) as ReceivedEvent<never>

function notLeased(id: string): CallError {
  return new CallError(
    'ABORTED',
    `Completing task "${id}" was refused: it is not under that lease any more, or completed. To do: fetch again; who has it now will answer`,
  )
}
