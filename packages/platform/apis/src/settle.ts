/** What gateways have counted is taken once, whatever they repeat; and they hear what has changed. */
import { addCounts } from './usage.ts'
import { periodsOf, type Period } from './period.ts'
import { planOf, versionOf } from './products.ts'
import { sql } from 'dure/data'
import type { Reading } from './tables.ts'
import type { GatewayReport, Plan, SettledAnswer, SettledQuota, Used } from './values.ts'

/** Milliseconds after which a gateway that was not heard of has nothing granted any more. It knows, and lets through on grants for half of it. */
export const FORGOTTEN = 10_000
/** Rows of each kind that are told at once. */
const TOLD = 2_000
/** Milliseconds that a period's count outlives it by, for clocks that are set back. */
const OUTLIVED = 3 * 86_400_000

type QuotaOf = NonNullable<Plan['quota']>
type Zones = Map<string, (now: number) => Period>

/** The calendars that plans go by, each made once. There are as many as the machine knows zones, at most. */
export const createZones = (): Zones => new Map()

function periodOf(zones: Zones, { per, zone }: QuotaOf, now: number): Period {
  const name = `${per} ${zone}`
  let periods = zones.get(name)
  if (periods === undefined) zones.set(name, (periods = periodsOf(per, zone)))
  return periods(now)
}

export async function settle(
  tx: Reading,
  report: GatewayReport,
  { now, zones }: { readonly now: number; readonly zones: Zones },
): Promise<SettledAnswer> {
  const { gateway, batch, after } = report
  const isNew = await takeBatch(tx, gateway, batch, now)
  if (isNew) {
    await addCounts(tx, report.counts)
    for (const { id, at } of report.keys)
      await tx
        .updateTable('keys')
        .set({ used: Math.min(at, now) })
        .where('id', '=', id)
        .execute()
    await forgetGateways(tx, now)
  }
  const quotas: SettledQuota[] = []
  for (const used of report.used) {
    const quota = await settleQuota(tx, { ...used, gateway, isNew }, { now, zones })
    if (quota !== undefined) quotas.push(quota)
  }
  return { ...(await changesAfter(tx, after, now)), quotas }
}

/** Whether it was not taken before. A gateway that comes back is the first one of a new name. */
async function takeBatch(tx: Reading, id: string, batch: number, heard: number): Promise<boolean> {
  const known = await tx.selectFrom('gateways').select('batch').where('id', '=', id).executeTakeFirst()
  await tx
    .insertInto('gateways')
    .values({ id, batch, heard })
    .onConflict((conflict) => conflict.column('id').doUpdateSet({ heard, batch: Math.max(batch, known?.batch ?? 0) }))
    .execute()
  return known === undefined || batch > known.batch
}

async function forgetGateways(tx: Reading, now: number): Promise<void> {
  const silent = tx
    .selectFrom('gateways')
    .select('id')
    .where('heard', '<', now - FORGOTTEN)
  await tx.deleteFrom('grants').where('gateway', 'in', silent).execute()
  // Its last batch is known for as long as it might say it again.
  await tx
    .deleteFrom('gateways')
    .where('heard', '<', now - OUTLIVED)
    .execute()
}

/** Of all that is left, a gateway is granted half at most, so that the others have something as well. */
async function settleQuota(
  tx: Reading,
  used: Used & { readonly gateway: string; readonly isNew: boolean },
  { now, zones }: { readonly now: number; readonly zones: Zones },
): Promise<SettledQuota | undefined> {
  const { subscription, gateway, isNew } = used
  const row = await tx
    .selectFrom('subscriptions')
    .innerJoin('plans', (join) =>
      join.onRef('plans.product', '=', 'subscriptions.product').onRef('plans.name', '=', 'subscriptions.plan'),
    )
    .select(['plans.name', 'plans.terms'])
    .where('subscriptions.id', '=', subscription)
    .executeTakeFirst()
  if (row === undefined) return undefined
  const { quota } = planOf(row)
  // Calls without a quota are counted as well: what gateways share of a rate is known by them.
  const { key: period, ends } = quota === undefined ? { key: 'all', ends: now + OUTLIVED } : periodOf(zones, quota, now)
  if (isNew && used.calls > 0) await addUse(tx, { subscription, period: used.period ?? period, calls: used.calls, now })
  const total = await tx
    .selectFrom('quotas')
    .select('used')
    .where('subscription', '=', subscription)
    .where('period', '=', period)
    .executeTakeFirst()
  const spent = Number(total?.used ?? 0)
  const left = Math.max(0, ends - now)
  if (quota === undefined) return { subscription, period, left, used: spent, granted: 0, exhausted: false }
  const others = await tx
    .selectFrom('grants')
    .select((build) => build.fn.sum<number>('calls').as('calls'))
    .where('subscription', '=', subscription)
    .where('period', '=', period)
    .where('gateway', '!=', gateway)
    .executeTakeFirst()
  const free = quota.calls - spent - Number(others?.calls ?? 0)
  // What it keeps it may be using now; of a period that is over, nothing counts any more.
  const keep = used.period === period ? used.keep : 0
  const granted = Math.max(keep, Math.min(used.wanted, Math.ceil(Math.max(0, free) / 2)))
  await tx
    .insertInto('grants')
    .values({ gateway, subscription, period, calls: granted })
    .onConflict((conflict) => conflict.columns(['gateway', 'subscription']).doUpdateSet({ period, calls: granted }))
    .execute()
  return { subscription, period, left, used: spent, granted, exhausted: spent >= quota.calls }
}

async function addUse(
  tx: Reading,
  {
    subscription,
    period,
    calls,
    now,
  }: { readonly subscription: string; readonly period: string; readonly calls: number; readonly now: number },
): Promise<void> {
  await tx
    .insertInto('quotas')
    .values({ subscription, period, used: calls, at: now })
    .onConflict((conflict) =>
      conflict.columns(['subscription', 'period']).doUpdateSet({ used: sql<number>`quotas.used + ${calls}`, at: now }),
    )
    .execute()
  await tx
    .deleteFrom('quotas')
    .where('subscription', '=', subscription)
    .where('period', '!=', period)
    .where('at', '<', now - OUTLIVED - 33 * 86_400_000)
    .execute()
}

/** The number is read first: whoever has one has ended. */
async function changesAfter(tx: Reading, given: number, now: number): Promise<Omit<SettledAnswer, 'quotas'>> {
  const { value, forgotten } = await tx.selectFrom('sequence').selectAll().where('id', '=', 1).executeTakeFirstOrThrow()
  const anew = given < Number(forgotten) || given > Number(value)
  const after = anew ? 0 : given
  const none = { keys: [], subscriptions: [], plans: [], versions: [] }
  if (after === Number(value)) return { through: after, anew, more: false, ...none }
  const [keys, subscriptions, plans, versions] = [
    await tx.selectFrom('keys').selectAll().where('changed', '>', after).orderBy('changed').limit(TOLD).execute(),
    await tx
      .selectFrom('subscriptions')
      .innerJoin('applications', 'applications.id', 'subscriptions.application')
      .select(['subscriptions.id', 'application', 'product', 'plan', 'state', 'changed', 'applications.name'])
      .where('changed', '>', after)
      .orderBy('changed')
      .limit(TOLD)
      .execute(),
    await tx.selectFrom('plans').selectAll().where('changed', '>', after).orderBy('changed').limit(TOLD).execute(),
    await tx
      .selectFrom('versions')
      .select(['product', 'line', 'version', 'published', 'deprecated', 'sunset', 'changed'])
      .where('changed', '>', after)
      .orderBy('changed')
      .limit(TOLD)
      .execute(),
  ]
  // As far as all kinds were told: the last number of one that was cut off may have more rows.
  const cut = [keys, subscriptions, plans, versions].flatMap((rows) => (rows.length < TOLD ? [] : [rows.at(-1)!.changed - 1]))
  const through = cut.length === 0 ? Number(value) : Math.max(after, Math.min(...cut))
  return {
    ...{ through, anew, more: cut.length > 0 },
    keys: keys.map(({ id, digest, subscription, expires, revoked }) => ({
      ...{ id, digest, subscription },
      alive: revoked === null && (expires === null || expires > now),
      ...(expires !== null && { expires }),
    })),
    subscriptions: subscriptions.map(({ id, application, product, plan, name, state }) => ({
      ...{ id, application, product, plan, name },
      active: state === 'active',
    })),
    plans: plans.map((row) => ({ product: row.product, plan: planOf(row) })),
    versions: versions.map((row) => ({ product: row.product, ...versionOf(row) })),
  }
}
