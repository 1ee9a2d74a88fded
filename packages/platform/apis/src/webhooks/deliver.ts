/** Events become deliveries in the transaction that takes them, and are sent after it: in the order of their keys, again until they are taken. */
import { sql } from 'dure/data'
import type { Clock, Ids } from 'dure/runtime'
import { schedule, type Schedule } from 'dure/schedule'
import type { ReceivedEvent } from 'dure/service'
import type { AnyEvent } from 'dure/contract'
import { apisDatabase, type ApisTables, type Reading } from '../tables.ts'
import type { OfferedEvent } from './offer.ts'
import { post, type Posted } from './post.ts'
import { signatureOf } from './signature.ts'

export type WebhookOptions = {
  /** What subscribers may have sent to them. */
  readonly events: readonly OfferedEvent[]
  /** Lets webhooks have addresses inside, without TLS: for tests, and for developing. Default false. */
  readonly internal?: boolean
  /** Times that one is sent before it is dead. Default 8, in an hour and a half. */
  readonly attempts?: number
  /** Milliseconds for an answer. Default 5,000. */
  readonly deadline?: number
}

/** What one webhook may have: that waits, and that is dead. */
const MOST_WAITING = 10_000
const MOST_DEAD = 1_000
/** Sent at once: of one webhook, and of all. A receiver that is slow holds up the others for one deadline. */
const AT_ONCE = 4
const TOGETHER = 64
/** Milliseconds before the second time; each pause is four times the one before. */
const FIRST = 1_000
/** Milliseconds for which one run goes on. */
const RUN = 45_000

/** Marks it for each webhook that is to hear it. */
export async function enqueue(
  tx: Reading,
  received: ReceivedEvent<AnyEvent>,
  { product, to, clock, ids }: Pick<OfferedEvent, 'product' | 'to'> & { readonly clock: Clock; readonly ids: Ids },
): Promise<void> {
  const application = to === 'everybody' ? undefined : to(received.data)
  if (to !== 'everybody' && application === undefined) return
  let query = tx
    .selectFrom('webhooks')
    .innerJoin('subscriptions', 'subscriptions.id', 'webhooks.subscription')
    .select(['webhooks.id', 'events'])
    .where('product', '=', product)
    .where('state', '=', 'active')
  if (application !== undefined) query = query.where('application', '=', application)
  const hooks = await query.orderBy('webhooks.id').execute()
  const { type, key, time, data } = received
  const body = JSON.stringify({ type, timestamp: new Date(time).toISOString(), data })
  const now = clock.now()
  for (const { id: webhook, events } of hooks) {
    if (!(JSON.parse(events) as string[]).includes(type)) continue
    const { said } = await tx
      .updateTable('webhooks')
      .set({ said: sql<number>`said + 1` })
      .where('id', '=', webhook)
      .returning('said')
      .executeTakeFirstOrThrow()
    const full = (await countOf(tx, webhook, 'waiting')) >= MOST_WAITING
    const row = {
      id: ids.next(),
      webhook,
      number: Number(said),
      event: type,
      key,
      body,
      at: time,
      due: now,
      attempts: 0,
      status: null,
    }
    const state = full ? { state: 'dead', why: `${MOST_WAITING} were waiting before it` } : { state: 'waiting', why: null }
    await tx
      .insertInto('deliveries')
      .values({ ...row, ...state })
      .execute()
    if (full) await dropDead(tx, webhook)
  }
}

async function countOf(tx: Reading, webhook: string, state: string): Promise<number> {
  const { n } = await tx
    .selectFrom('deliveries')
    .select((build) => build.fn.countAll().as('n'))
    .where('webhook', '=', webhook)
    .where('state', '=', state)
    .executeTakeFirstOrThrow()
  return Number(n)
}

/** The oldest of those that are too many. */
async function dropDead(tx: Reading, webhook: string): Promise<void> {
  const dead = tx.selectFrom('deliveries').where('webhook', '=', webhook).where('state', '=', 'dead')
  const last = await dead.select('number').orderBy('number', 'desc').offset(MOST_DEAD).limit(1).executeTakeFirst()
  if (last === undefined) return
  await tx
    .deleteFrom('deliveries')
    .where('webhook', '=', webhook)
    .where('state', '=', 'dead')
    .where('number', '<=', last.number)
    .execute()
}

type Due = Pick<ApisTables['deliveries'], 'id' | 'webhook' | 'body' | 'attempts'> &
  Pick<ApisTables['webhooks'], 'address' | 'secret'>

/** Of each webhook the first of its keys, and of each key the first. */
async function dueOf(read: Reading, now: number): Promise<readonly Due[]> {
  const { rows } = await sql<Due>`
    SELECT id, webhook, body, attempts, address, secret FROM (
      SELECT d.id, d.webhook, d.body, d.attempts, d.due, w.address, w.secret,
        ROW_NUMBER() OVER (PARTITION BY d.webhook ORDER BY d.due, d.number) AS place
      FROM deliveries d JOIN webhooks w ON w.id = d.webhook
      WHERE d.state = 'waiting' AND d.due <= ${now} AND NOT EXISTS (
        SELECT 1 FROM deliveries b
        WHERE b.webhook = d.webhook AND b.key = d.key AND b.state = 'waiting' AND b.number < d.number
      )
    ) AS ready WHERE place <= ${AT_ONCE} ORDER BY due, id LIMIT ${TOGETHER}`.execute(read)
  return rows
}

async function settled(tx: Reading, due: Due, posted: Posted, { now, most }: { readonly now: number; readonly most: number }) {
  const { id, webhook } = due
  if (posted.ok) {
    await tx.deleteFrom('deliveries').where('id', '=', id).execute()
    await tx.updateTable('webhooks').set({ delivered: now }).where('id', '=', webhook).execute()
    return
  }
  const attempts = due.attempts + 1
  const told = { status: posted.status ?? null, why: posted.why }
  const state = attempts >= most ? 'dead' : 'waiting'
  const next = { attempts, state, due: now + FIRST * 4 ** (attempts - 1), ...told }
  await tx.updateTable('deliveries').set(next).where('id', '=', id).execute()
  await tx
    .updateTable('webhooks')
    .set({ failed: now, ...told })
    .where('id', '=', webhook)
    .execute()
  if (state === 'dead') await dropDead(tx, webhook)
}

/** Sends what is due: one copy of the service at a time. */
export function deliveries({ internal = false, attempts = 8, deadline = 5_000 }: WebhookOptions): Schedule {
  return schedule('webhooks', {
    cron: '* * * * * *',
    zone: 'UTC',
    late: 'skip',
    timeout: 60_000,
    database: apisDatabase,
    run: async (_run, { database, clock, signal }) => {
      const send = async (due: Due): Promise<void> => {
        const { id, body, address, secret } = due
        const timestamp = Math.floor(clock.now() / 1_000)
        const headers = {
          'content-type': 'application/json',
          'user-agent': 'dure',
          'webhook-id': id,
          'webhook-timestamp': String(timestamp),
          'webhook-signature': signatureOf(secret, { id, timestamp, body }),
        }
        const end = AbortSignal.any([signal, AbortSignal.timeout(deadline)])
        const posted = await post(address, { headers, body, signal: end, internal })
        // Whoever is told to stop has not heard whether it arrived: it is sent again.
        if (signal.aborted && !posted.ok) return
        await database.transaction((tx) => settled(tx, due, posted, { now: clock.now(), most: attempts }))
      }
      const until = clock.monotonic() + RUN
      while (!signal.aborted && clock.monotonic() < until) {
        const due = await dueOf(database.read, clock.now())
        if (due.length === 0) return
        await Promise.all(due.map(send))
      }
    },
  })
}
