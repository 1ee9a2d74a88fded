/** Who has called what, how it ended and how long it took: by minute for two days, by day for 400. */
import { sql } from 'dure/data'
import type { Principal } from 'dure/contract'
import type { ApisTables, Reading } from './tables.ts'
import { BOUNDS, type Caller, type CallCounts, type Range, type Usage } from './values.ts'
import { ownApplication, ownProduct } from './whose.ts'

const MINUTE = 60_000
const DAY = 86_400_000
const RETAINED = { minute: 2 * DAY, day: 400 * DAY } as const
/** Whoever has called a product so long ago at most is a caller of it. */
export const CALLED: number = 30 * DAY
/** Rows of one answer: whoever wants more asks for less time at once. */
const MOST = 10_000

type Row = ApisTables['counts']

/** Calls of a minute are added to that minute, and to its day. */
export async function addCounts(tx: Reading, counts: readonly CallCounts[]): Promise<void> {
  const rows = new Map<string, Row & { added: number[] }>()
  for (const { minute, bytesIn, bytesOut, buckets, ...of } of counts)
    for (const [span, length] of [
      ['minute', MINUTE],
      ['day', DAY],
    ] as const) {
      const at = minute - (minute % length)
      const { subscription, line, operation, status, calls } = of
      const id = JSON.stringify([span, at, subscription, line, operation, status])
      const row = rows.get(id)
      if (row === undefined)
        rows.set(id, {
          ...{ span, at, subscription, line, operation, status, calls, added: [...buckets], buckets: '' },
          ...{ bytes_in: bytesIn, bytes_out: bytesOut },
        })
      else {
        row.calls += calls
        row.bytes_in += bytesIn
        row.bytes_out += bytesOut
        buckets.forEach((n, i) => (row.added[i]! += n))
      }
    }
  // In one order, so that two gateways that add to the same rows wait for each other at most.
  for (const [, { added, ...row }] of [...rows].toSorted(([a], [b]) => (a < b ? -1 : 1))) await addRow(tx, row, added)
}

async function addRow(tx: Reading, row: Row, added: readonly number[]): Promise<void> {
  const before = await tx
    .insertInto('counts')
    .values({ ...row, buckets: JSON.stringify(added) })
    .onConflict((conflict) =>
      conflict.columns(['span', 'at', 'subscription', 'line', 'operation', 'status']).doUpdateSet({
        calls: sql<number>`counts.calls + ${row.calls}`,
        bytes_in: sql<number>`counts.bytes_in + ${row.bytes_in}`,
        bytes_out: sql<number>`counts.bytes_out + ${row.bytes_out}`,
      }),
    )
    .returning(['calls', 'buckets'])
    .executeTakeFirstOrThrow()
  if (Number(before.calls) === row.calls) return
  const buckets = (JSON.parse(before.buckets) as number[]).map((n, i) => n + added[i]!)
  await tx
    .updateTable('counts')
    .set({ buckets: JSON.stringify(buckets) })
    .where('span', '=', row.span)
    .where('at', '=', row.at)
    .where('subscription', '=', row.subscription)
    .where('line', '=', row.line)
    .where('operation', '=', row.operation)
    .where('status', '=', row.status)
    .execute()
}

/** Takes away what is older than it is kept. */
export async function sweepCounts(tx: Reading, now: number): Promise<void> {
  for (const span of ['minute', 'day'] as const)
    await tx
      .deleteFrom('counts')
      .where('span', '=', span)
      .where('at', '<', now - RETAINED[span])
      .execute()
}

/** Milliseconds that so large a part of the calls took at most: the upper bound of its bucket; undefined: beyond all of them. */
export function percentile(buckets: readonly number[], part: number): number | undefined {
  const rank = Math.ceil(buckets.reduce((sum, n) => sum + n, 0) * part)
  let seen = 0
  return BOUNDS[buckets.findIndex((n) => (seen += n) >= rank)]
}

const usageQuery = (read: Reading, { from, to, by }: Range) =>
  read
    .selectFrom('counts')
    .innerJoin('subscriptions', 'subscriptions.id', 'counts.subscription')
    .select(['at', 'application', 'product', 'line', 'operation', 'status', 'calls', 'bytes_in', 'bytes_out', 'buckets'])
    .where('span', '=', by)
    .where('at', '>=', from)
    .where('at', '<', to)
    .orderBy('at')
    .orderBy('operation')
    .orderBy('status')
    .limit(MOST)

type UsageRow = Awaited<ReturnType<ReturnType<typeof usageQuery>['execute']>>[number]
const usageOf = ({ bytes_in: bytesIn, bytes_out: bytesOut, buckets, ...row }: UsageRow): Usage => {
  const counted = JSON.parse(buckets) as number[]
  const [p50, p99] = [percentile(counted, 0.5), percentile(counted, 0.99)]
  return { ...row, bytesIn, bytesOut, ...(p50 !== undefined && { p50 }), ...(p99 !== undefined && { p99 }) }
}

/** @throws {CallError} NOT_FOUND */
export async function usageOfApplication(
  read: Reading,
  principal: Principal,
  { application, ...range }: Range & { readonly application: string },
): Promise<Usage[]> {
  await ownApplication(read, principal, application)
  return (await usageQuery(read, range).where('application', '=', application).execute()).map(usageOf)
}

/** @throws {CallError} NOT_FOUND */
export async function usageOfProduct(
  read: Reading,
  principal: Principal,
  { product, ...range }: Range & { readonly product: string },
): Promise<Usage[]> {
  await ownProduct(read, principal, product)
  return (await usageQuery(read, range).where('product', '=', product).execute()).map(usageOf)
}

/** Those of the last 30 days, by line; the most calls first. @throws {CallError} NOT_FOUND */
export async function callersOf(
  read: Reading,
  principal: Principal,
  { product, line, now }: { readonly product: string; readonly line?: string | undefined; readonly now: number },
): Promise<Caller[]> {
  await ownProduct(read, principal, product)
  let query = read
    .selectFrom('counts')
    .innerJoin('subscriptions', 'subscriptions.id', 'counts.subscription')
    .innerJoin('applications', 'applications.id', 'subscriptions.application')
    .select((build) => [
      ...(['application', 'applications.name', 'line'] as const),
      build.fn.sum<number>('calls').as('calls'),
      build.fn.max<number>('at').as('last'),
    ])
    .where('product', '=', product)
    .where('span', '=', 'day')
    .where('at', '>=', now - CALLED)
    .groupBy(['application', 'applications.name', 'line'])
  if (line !== undefined) query = query.where('line', '=', line)
  const rows = await query.orderBy('calls', 'desc').limit(1_000).execute()
  return rows.map(({ calls, last, ...row }) => ({ ...row, calls: Number(calls), last: Number(last) }))
}
