/** Webhooks of subscriptions: where events go, what did not arrive, and sending that again. */
import { CallError, type Principal } from 'dure/contract'
import type { Random } from 'dure/runtime'
import type { Reading } from '../tables.ts'
import type { Delivery, Webhook } from '../values.ts'
import { ownSubscription } from '../whose.ts'
import type { OfferedEvent } from './offer.ts'
import { addressTrouble } from './post.ts'
import { secretOf } from './signature.ts'

/** Webhooks of a subscription; deliveries that are shown at once, the oldest first. */
const MOST = 5
const SHOWN = 1_000

type Of = { readonly subscription: string; readonly webhook: string }
type Wanted = {
  readonly subscription: string
  readonly address: string
  readonly events: readonly string[]
}
type World = {
  readonly id: string
  readonly now: number
  readonly random: Random
  readonly offered: readonly OfferedEvent[]
  /** Whether addresses inside may be used. */
  readonly internal: boolean
}

/** @throws {CallError} NOT_FOUND, INVALID_ARGUMENT, FAILED_PRECONDITION, RESOURCE_EXHAUSTED */
export async function addWebhook(
  tx: Reading,
  principal: Principal,
  { subscription, address, events }: Wanted,
  { id, now, random, offered, internal }: World,
): Promise<{ id: string; secret: string }> {
  const { product, state } = await ownSubscription(tx, principal, subscription)
  if (state !== 'active') throw new CallError('FAILED_PRECONDITION', `Cannot add the webhook: the subscription is ${state}`)
  const trouble = addressTrouble(address, internal)
  if (trouble !== undefined)
    throw new CallError('INVALID_ARGUMENT', `Cannot add the webhook: its address cannot be used: ${trouble}`)
  const names = offered.filter((each) => each.product === product).map(({ event }) => event.name)
  const unknown = events.find((name) => !names.includes(name))
  if (unknown !== undefined)
    throw new CallError(
      'INVALID_ARGUMENT',
      `Cannot add the webhook: "${product}" offers no event "${unknown}"; it offers ${names.join(', ') || 'none'}`,
    )
  if ((await rowsOf(tx, subscription)).length >= MOST)
    throw new CallError('RESOURCE_EXHAUSTED', `Cannot add the webhook: the subscription has ${MOST} already; remove one first`)
  const secret = secretOf(random.fill(new Uint8Array(32)))
  const row = { id, subscription, address, secret, events: JSON.stringify(events), made: now, said: 0 }
  await tx
    .insertInto('webhooks')
    .values({ ...row, delivered: null, failed: null, status: null, why: null })
    .execute()
  return { id, secret }
}

const rowsOf = (read: Reading, subscription: string) =>
  read.selectFrom('webhooks').selectAll().where('subscription', '=', subscription).orderBy('made').execute()

/** @throws {CallError} NOT_FOUND */
export async function listWebhooks(read: Reading, principal: Principal, subscription: string): Promise<Webhook[]> {
  await ownSubscription(read, principal, subscription)
  const counted = await read
    .selectFrom('deliveries')
    .innerJoin('webhooks', 'webhooks.id', 'deliveries.webhook')
    .select((build) => ['webhook', 'state', build.fn.countAll().as('n')])
    .where('subscription', '=', subscription)
    .groupBy(['webhook', 'state'])
    .execute()
  const count = (id: string, state: Delivery['state']): number =>
    Number(counted.find((each) => each.webhook === id && each.state === state)?.n ?? 0)
  return (await rowsOf(read, subscription)).map(({ id, address, events, made, delivered, failed, status, why }) => ({
    ...{ id, subscription, address, made, events: JSON.parse(events) as string[] },
    ...{ waiting: count(id, 'waiting'), dead: count(id, 'dead') },
    state: failed !== null && Number(failed) > Number(delivered ?? -1) ? 'failing' : 'active',
    ...(failed !== null && why !== null && { failed: { at: Number(failed), why, ...(status !== null && { status }) } }),
  }))
}

/** @throws {CallError} NOT_FOUND */
async function ownWebhook(read: Reading, principal: Principal, { subscription, webhook }: Of): Promise<void> {
  await ownSubscription(read, principal, subscription)
  if (!(await rowsOf(read, subscription)).some(({ id }) => id === webhook))
    throw new CallError('NOT_FOUND', `There is no webhook "${webhook}" of this subscription`)
}

/** @throws {CallError} NOT_FOUND */
export async function removeWebhook(tx: Reading, principal: Principal, of: Of): Promise<undefined> {
  await ownWebhook(tx, principal, of)
  await dropWebhooks(tx, [of.webhook])
}

/** With what waits for them. */
async function dropWebhooks(tx: Reading, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  await tx.deleteFrom('deliveries').where('webhook', 'in', ids).execute()
  await tx.deleteFrom('webhooks').where('id', 'in', ids).execute()
}

export async function endWebhooks(tx: Reading, subscription: string): Promise<void> {
  await dropWebhooks(
    tx,
    (await rowsOf(tx, subscription)).map(({ id }) => id),
  )
}

/** @throws {CallError} NOT_FOUND */
export async function listDeliveries(read: Reading, principal: Principal, of: Of): Promise<Delivery[]> {
  await ownWebhook(read, principal, of)
  const rows = await read
    .selectFrom('deliveries')
    .selectAll()
    .where('webhook', '=', of.webhook)
    .orderBy('number')
    .limit(SHOWN)
    .execute()
  return rows.map(({ id, event, key, at, attempts, state, status, why }) => ({
    ...{ id, event, key, at: Number(at), attempts, state: state as Delivery['state'] },
    ...(status !== null && { status }),
    ...(why !== null && { why }),
  }))
}

/** Has what is dead sent again, as if it had never been. @throws {CallError} NOT_FOUND */
export async function redeliver(
  tx: Reading,
  principal: Principal,
  { delivery, now, ...of }: Of & { readonly delivery: string; readonly now: number },
): Promise<undefined> {
  await ownWebhook(tx, principal, of)
  const row = await tx
    .updateTable('deliveries')
    .set({ state: 'waiting', attempts: 0, due: now })
    .where('id', '=', delivery)
    .where('webhook', '=', of.webhook)
    .where('state', '=', 'dead')
    .returning('id')
    .executeTakeFirst()
  if (row === undefined) throw new CallError('NOT_FOUND', `There is no dead delivery "${delivery}" of this webhook`)
}
