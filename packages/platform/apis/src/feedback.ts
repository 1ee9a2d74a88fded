/** What callers say of products, and what their owners answer. Only who has called a product says something of it. */
import { CallError, type Principal } from 'dure/contract'
import { sql } from 'dure/data'
import type { ApisTables, Reading } from './tables.ts'
import { CALLED } from './usage.ts'
import type { Feedback, Notice } from './values.ts'
import { isOwner, ownApplication, ownProduct } from './whose.ts'

/** Bytes of a record of how a request was answered; problems of one application with one product that wait for an answer. */
const LARGEST = 16_384
const MOST_OPEN = 20
/** Of one answer: the youngest. */
const SHOWN = 1_000
const REDACTED = '[redacted]'
const KEY = /dk_[\w-]{12}\.[\w-]{43}/g
const SECRET = /authorization|cookie|api.?key|passw|secret|token|credential/i

type Of = { readonly application: string; readonly product: string }
type At = { readonly id: string; readonly now: number }
type Row = ApisTables['feedback']

const masked = (text: string): string => text.replaceAll(KEY, REDACTED)

/** Whoever writes it may have redacted it or not: what is named like a secret, and what looks like a key of ours, is never kept. */
function recordOf(explained: unknown): string | null {
  if (explained === undefined) return null
  const text = JSON.stringify(explained, (name, value: unknown) =>
    SECRET.test(name) ? REDACTED : typeof value === 'string' ? masked(value) : value,
  )
  if (Buffer.byteLength(text) <= LARGEST) return text
  throw new CallError('INVALID_ARGUMENT', `Cannot take the record: it has more than ${LARGEST} bytes; leave bodies out of it`)
}

/** Of one application and product there is one rating: the last. @throws {CallError} NOT_FOUND, FAILED_PRECONDITION */
export async function rate(
  tx: Reading,
  principal: Principal,
  { stars, text, id, now, ...of }: Of & At & { readonly stars: number; readonly text?: string | undefined },
): Promise<undefined> {
  await mustHaveCalled(tx, principal, of, now)
  const said = { at: now, stars, text: text === undefined ? null : masked(text), answer: null, answered: null }
  const before = await ofKind(tx, of, 'rating').select('id').executeTakeFirst()
  if (before !== undefined) await tx.updateTable('feedback').set(said).where('id', '=', before.id).execute()
  else
    await tx
      .insertInto('feedback')
      .values({ id, ...of, kind: 'rating', ...said, trace: null, explained: null })
      .execute()
}

/** @throws {CallError} NOT_FOUND, FAILED_PRECONDITION, INVALID_ARGUMENT, RESOURCE_EXHAUSTED */
export async function reportProblem(
  tx: Reading,
  principal: Principal,
  given: Of & At & { readonly text: string; readonly trace?: string | undefined; readonly explained?: unknown },
): Promise<{ id: string }> {
  const { id, now, text, trace, explained, application, product } = given
  await mustHaveCalled(tx, principal, { application, product }, now)
  const open = await ofKind(tx, given, 'problem').select('id').where('answered', 'is', null).execute()
  if (open.length >= MOST_OPEN)
    throw new CallError(
      'RESOURCE_EXHAUSTED',
      `Cannot report the problem: ${MOST_OPEN} of yours with "${product}" wait for an answer`,
    )
  const row = { id, application, product, kind: 'problem', at: now, stars: null, text: masked(text), trace: trace ?? null }
  await tx
    .insertInto('feedback')
    .values({ ...row, explained: recordOf(explained), answer: null, answered: null })
    .execute()
  return { id }
}

const ofKind = (tx: Reading, { application, product }: Of, kind: Feedback['kind']) =>
  tx.selectFrom('feedback').where('application', '=', application).where('product', '=', product).where('kind', '=', kind)

async function mustHaveCalled(tx: Reading, principal: Principal, { application, product }: Of, now: number): Promise<void> {
  await ownApplication(tx, principal, application)
  const called = await tx
    .selectFrom('counts')
    .innerJoin('subscriptions', 'subscriptions.id', 'counts.subscription')
    .select('at')
    .where('application', '=', application)
    .where('product', '=', product)
    .where('span', '=', 'day')
    .where('at', '>=', now - CALLED)
    .limit(1)
    .executeTakeFirst()
  if (called === undefined)
    throw new CallError(
      'FAILED_PRECONDITION',
      `The application has not called "${product}" in the last 30 days: call it, then say how it was`,
    )
}

const listed = (read: Reading) =>
  read
    .selectFrom('feedback')
    .innerJoin('applications', 'applications.id', 'feedback.application')
    .selectAll('feedback')
    .select('applications.name')
    .orderBy('at', 'desc')
    .orderBy('feedback.id')
    .limit(SHOWN)

const answerOf = ({ stars, text, trace, explained, answer, answered, kind, ...row }: Row & { name: string }): Feedback => ({
  ...row,
  kind: kind as Feedback['kind'],
  ...(stars !== null && { stars }),
  ...(text !== null && { text }),
  ...(trace !== null && { trace }),
  ...(explained !== null && { explained: JSON.parse(explained) as unknown }),
  ...(answer !== null && answered !== null && { answer: { text: answer, at: answered } }),
})

/** @throws {CallError} NOT_FOUND */
export async function feedbackOfApplication(read: Reading, principal: Principal, application: string): Promise<Feedback[]> {
  await ownApplication(read, principal, application)
  return (await listed(read).where('application', '=', application).execute()).map(answerOf)
}

/** @throws {CallError} NOT_FOUND */
export async function feedbackOfProduct(read: Reading, principal: Principal, product: string): Promise<Feedback[]> {
  await ownProduct(read, principal, product)
  return (await listed(read).where('product', '=', product).execute()).map(answerOf)
}

/** An owner answers; again, when something is to be added. @throws {CallError} NOT_FOUND */
export async function answer(
  tx: Reading,
  principal: Principal,
  { feedback, text, now }: { readonly feedback: string; readonly text: string; readonly now: number },
): Promise<undefined> {
  const row = await tx
    .selectFrom('feedback')
    .innerJoin('products', 'products.name', 'feedback.product')
    .select('products.owner')
    .where('id', '=', feedback)
    .executeTakeFirst()
  if (row === undefined || !isOwner(principal, row.owner))
    throw new CallError('NOT_FOUND', `There is no feedback "${feedback}" of a product of yours`)
  await tx.updateTable('feedback').set({ answer: text, answered: now }).where('id', '=', feedback).execute()
}

/** Lines that an application still calls and that it is to leave. @throws {CallError} NOT_FOUND */
export async function noticesOf(read: Reading, principal: Principal, application: string, now: number): Promise<Notice[]> {
  await ownApplication(read, principal, application)
  const rows = await read
    .selectFrom('counts')
    .innerJoin('subscriptions', 'subscriptions.id', 'counts.subscription')
    .innerJoin('versions', (join) =>
      join.onRef('versions.product', '=', 'subscriptions.product').onRef('versions.line', '=', 'counts.line'),
    )
    .select(['versions.product', 'versions.line', 'deprecated', 'sunset'])
    .select((build) => [build.fn.sum<number>('calls').as('calls'), build.fn.max<number>('at').as('last')])
    .where('application', '=', application)
    .where('deprecated', 'is not', null)
    .where('span', '=', 'day')
    .where('at', '>=', now - CALLED)
    .groupBy(['versions.product', 'versions.line', 'deprecated', 'sunset'])
    .orderBy(sql`coalesce(sunset, 9007199254740991)`)
    .orderBy('versions.product')
    .execute()
  return rows.map(({ product, line, deprecated, sunset, calls, last }) => ({
    ...{ product, line, deprecated: Number(deprecated), calls: Number(calls), last: Number(last) },
    ...(sunset !== null && { sunset: Number(sunset) }),
  }))
}
