/** Applications, what they have subscribed to, and their keys. */
import { hash } from 'node:crypto'
import { CallError, type Principal } from 'dure/contract'
import type { Random } from 'dure/runtime'
import { planOf } from './products.ts'
import { nextChange, type Reading } from './tables.ts'
import type { Application, KeyInfo, Subscription } from './values.ts'
import { endWebhooks } from './webhooks/webhooks.ts'
import { isOwner, ownApplication, ownProduct, ownSubscription, type SubscriptionRow } from './whose.ts'

const MOST_APPLICATIONS = 100
/** Keys that can be used at a time: the old one and the new one, so that a change of keys stops nobody. */
const MOST_ALIVE = 2
/** Dead keys that are still shown. */
const SHOWN = 10

const full = (message: string): CallError => new CallError('RESOURCE_EXHAUSTED', message)
const not = (message: string): CallError => new CallError('FAILED_PRECONDITION', message)

/** @throws {CallError} RESOURCE_EXHAUSTED */
export async function addApplication(tx: Reading, { subject }: Principal, { id, name, made }: Application): Promise<Application> {
  const own = await listApplications(tx, subject)
  if (own.length >= MOST_APPLICATIONS) throw full(`Cannot add the application: you have ${MOST_APPLICATIONS} already`)
  await tx.insertInto('applications').values({ id, name, owner: subject, made }).execute()
  return { id, name, made }
}

export async function listApplications(read: Reading, owner: string): Promise<Application[]> {
  return read.selectFrom('applications').select(['id', 'name', 'made']).where('owner', '=', owner).orderBy('made').execute()
}

const answerOf = ({ id, application, product, plan, state }: SubscriptionRow): Subscription => ({
  ...{ id, application, product, plan },
  state: state as Subscription['state'],
})

/** @throws {CallError} NOT_FOUND, ALREADY_EXISTS */
export async function subscribe(
  tx: Reading,
  principal: Principal,
  wanted: {
    readonly id: string
    readonly application: string
    readonly product: string
    readonly plan: string
    readonly made: number
  },
): Promise<Subscription> {
  const { id, application, product, plan, made } = wanted
  const changed = await nextChange(tx)
  await ownApplication(tx, principal, application)
  const row = await tx.selectFrom('plans').selectAll().where('product', '=', product).where('name', '=', plan).executeTakeFirst()
  if (row === undefined) throw new CallError('NOT_FOUND', `There is no plan "${plan}" of a product "${product}"`)
  const before = await tx
    .selectFrom('subscriptions')
    .select(['id', 'state'])
    .where('application', '=', application)
    .where('product', '=', product)
    .executeTakeFirst()
  if (before?.state === 'active' || before?.state === 'pending')
    throw new CallError('ALREADY_EXISTS', `The application has subscribed to "${product}" already; end that subscription first`)
  const state = planOf(row).approval === 'at once' ? 'active' : 'pending'
  const values = { plan, state, made, changed }
  // What has ended is the same subscription again: its keys stay dead, and what it has used of a quota stays used.
  if (before !== undefined) await tx.updateTable('subscriptions').set(values).where('id', '=', before.id).execute()
  else
    await tx
      .insertInto('subscriptions')
      .values({ id, application, product, ...values })
      .execute()
  return { id: before?.id ?? id, application, product, plan, state }
}

/** @throws {CallError} NOT_FOUND */
export async function listSubscriptions(read: Reading, principal: Principal, application: string): Promise<Subscription[]> {
  await ownApplication(read, principal, application)
  const rows = await read
    .selectFrom('subscriptions')
    .selectAll()
    .where('application', '=', application)
    .orderBy('product')
    .execute()
  return rows.map(answerOf)
}

/** @throws {CallError} NOT_FOUND */
export async function listPending(
  read: Reading,
  principal: Principal,
  product: string,
): Promise<(Subscription & { readonly name: string })[]> {
  await ownProduct(read, principal, product)
  const rows = await read
    .selectFrom('subscriptions')
    .innerJoin('applications', 'applications.id', 'subscriptions.application')
    .select(['subscriptions.id', 'application', 'product', 'plan', 'state', 'applications.name'])
    .where('product', '=', product)
    .where('state', '=', 'pending')
    .orderBy('subscriptions.made')
    .limit(1_000)
    .execute()
  return rows.map(({ name, ...row }) => ({ ...answerOf(row), name }))
}

/** Of two owners who decide at once one does, and the other is told. @throws {CallError} NOT_FOUND, FAILED_PRECONDITION */
export async function decide(
  tx: Reading,
  principal: Principal,
  { subscription, approve }: { readonly subscription: string; readonly approve: boolean },
): Promise<Subscription> {
  const changed = await nextChange(tx)
  const row = await tx
    .selectFrom('subscriptions')
    .innerJoin('products', 'products.name', 'subscriptions.product')
    .select(['id', 'application', 'product', 'plan', 'state', 'products.owner'])
    .where('id', '=', subscription)
    .executeTakeFirst()
  if (row === undefined || !isOwner(principal, row.owner))
    throw new CallError('NOT_FOUND', `There is no subscription "${subscription}" to a product of yours`)
  if (row.state !== 'pending') throw not(`Cannot decide of the subscription: it is ${row.state}, so somebody has decided already`)
  const state = approve ? 'active' : 'refused'
  await tx.updateTable('subscriptions').set({ state, changed }).where('id', '=', subscription).execute()
  return answerOf({ ...row, state })
}

/** @throws {CallError} NOT_FOUND */
export async function unsubscribe(tx: Reading, principal: Principal, id: string, now: number): Promise<undefined> {
  const changed = await nextChange(tx)
  await ownSubscription(tx, principal, id)
  await tx.updateTable('subscriptions').set({ state: 'ended', changed }).where('id', '=', id).execute()
  await tx
    .updateTable('keys')
    .set({ revoked: now, changed })
    .where('subscription', '=', id)
    .where('revoked', 'is', null)
    .execute()
  await endWebhooks(tx, id)
}

export const digestOf = (key: string): string => hash('sha256', Buffer.from(key, 'latin1'), 'hex')

/** Of 32 bytes: nobody guesses one, so that a digest without salt and cost is enough. */
function newKey(random: Random): { readonly id: string; readonly key: string } {
  const text = (bytes: number): string => Buffer.from(random.fill(new Uint8Array(bytes))).toString('base64url')
  const id = `dk_${text(9)}`
  return { id, key: `${id}.${text(32)}` }
}

const isAlive = (key: { readonly revoked: number | null; readonly expires: number | null }, now: number): boolean =>
  key.revoked === null && (key.expires === null || key.expires > now)

/** @throws {CallError} NOT_FOUND, FAILED_PRECONDITION, RESOURCE_EXHAUSTED when two are alive */
export async function issueKey(
  tx: Reading,
  principal: Principal,
  wanted: { readonly subscription: string; readonly expires?: number | undefined; readonly now: number; readonly random: Random },
): Promise<{ id: string; key: string }> {
  const { subscription, expires, now, random } = wanted
  const changed = await nextChange(tx)
  const { state } = await ownSubscription(tx, principal, subscription)
  if (state !== 'active') throw not(`Cannot issue a key: the subscription is ${state}`)
  if (expires !== undefined && expires <= now) throw new CallError('INVALID_ARGUMENT', 'Cannot issue a key that has expired')
  const keys = await keysOf(tx, subscription)
  if (keys.filter((key) => isAlive(key, now)).length >= MOST_ALIVE)
    throw full(`Cannot issue a key: ${MOST_ALIVE} are alive; revoke one first`)
  const [old, ...older] = keys.filter((key) => !isAlive(key, now)).slice(SHOWN)
  if (old !== undefined) {
    // A gateway that was not told of them by now begins anew.
    await tx
      .updateTable('sequence')
      .set({ forgotten: Math.max(...keys.map((key) => key.changed)) })
      .where('id', '=', 1)
      .execute()
    await tx
      .deleteFrom('keys')
      .where(
        'id',
        'in',
        [old, ...older].map(({ id }) => id),
      )
      .execute()
  }
  const { id, key } = newKey(random)
  const row = { id, subscription, digest: digestOf(key), made: now, expires: expires ?? null, revoked: null, used: null, changed }
  await tx.insertInto('keys').values(row).execute()
  return { id, key }
}

/** The youngest first. */
const keysOf = (read: Reading, subscription: string) =>
  read.selectFrom('keys').selectAll().where('subscription', '=', subscription).orderBy('made', 'desc').orderBy('id').execute()

/** @throws {CallError} NOT_FOUND */
export async function listKeys(read: Reading, principal: Principal, subscription: string, now: number): Promise<KeyInfo[]> {
  await ownSubscription(read, principal, subscription)
  return (await keysOf(read, subscription)).map(({ id, made, expires, used, revoked }) => ({
    ...{ id, made },
    ...(expires !== null && { expires }),
    ...(used !== null && { used }),
    state: revoked !== null ? 'revoked' : isAlive({ revoked, expires }, now) ? 'alive' : 'expired',
  }))
}

/** @throws {CallError} NOT_FOUND */
export async function revokeKey(
  tx: Reading,
  principal: Principal,
  { subscription, key, now }: { readonly subscription: string; readonly key: string; readonly now: number },
): Promise<undefined> {
  const changed = await nextChange(tx)
  await ownSubscription(tx, principal, subscription)
  const row = await tx
    .selectFrom('keys')
    .select('revoked')
    .where('id', '=', key)
    .where('subscription', '=', subscription)
    .executeTakeFirst()
  if (row === undefined) throw new CallError('NOT_FOUND', `There is no key "${key}" of this subscription`)
  if (row.revoked === null) await tx.updateTable('keys').set({ revoked: now, changed }).where('id', '=', key).execute()
}
