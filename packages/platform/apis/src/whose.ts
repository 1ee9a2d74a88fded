/** Whose is what. Somebody else's is answered like what does not exist: nobody learns that there is one. */
import { CallError, type Principal } from 'dure/contract'
import type { Reading } from './tables.ts'

/** @throws {CallError} UNAUTHENTICATED where the system asks nobody who it is */
export function known(principal: Principal | undefined): Principal {
  if (principal !== undefined) return principal
  throw new CallError('UNAUTHENTICATED', 'Cannot tell whose it is: say who you are, in a system that finds out who calls')
}

const none = (what: string, name: string): CallError => new CallError('NOT_FOUND', `There is no ${what} "${name}" of yours`)

export const isOwner = ({ kind, roles }: Principal, owner: string): boolean => kind === 'service' || roles.includes(owner)

/** @throws {CallError} NOT_FOUND */
export async function ownProduct(read: Reading, principal: Principal, name: string): Promise<{ readonly owner: string }> {
  const row = await read.selectFrom('products').select('owner').where('name', '=', name).executeTakeFirst()
  if (row === undefined || !isOwner(principal, row.owner)) throw none('product', name)
  return row
}

/** @throws {CallError} NOT_FOUND */
export async function ownApplication(read: Reading, { subject }: Principal, id: string): Promise<void> {
  const row = await read
    .selectFrom('applications')
    .select('id')
    .where('id', '=', id)
    .where('owner', '=', subject)
    .executeTakeFirst()
  if (row === undefined) throw none('application', id)
}

export type SubscriptionRow = {
  readonly id: string
  readonly application: string
  readonly product: string
  readonly plan: string
  readonly state: string
}

/** @throws {CallError} NOT_FOUND */
export async function ownSubscription(read: Reading, { subject }: Principal, id: string): Promise<SubscriptionRow> {
  const row = await read
    .selectFrom('subscriptions')
    .innerJoin('applications', 'applications.id', 'subscriptions.application')
    .select(['subscriptions.id', 'application', 'product', 'plan', 'state'])
    .where('subscriptions.id', '=', id)
    .where('applications.owner', '=', subject)
    .executeTakeFirst()
  if (row === undefined) throw none('subscription', id)
  return row
}
