/** Products are contracts that others may subscribe to: published, priced by plans, deprecated. */
import { CallError, compareContracts, versionTrouble, type Change, type ContractDescription, type Principal } from 'dure/contract'
import { isZone } from './period.ts'
import { nextChange, type ApisTables, type Reading } from './tables.ts'
import type { OfferedEvent } from './webhooks/webhooks.ts'
import type { Described, Plan, Product, Version } from './values.ts'
import { isOwner, ownProduct } from './whose.ts'

/** Bytes of a contract as it is kept, and how many products there may be. */
const LARGEST = 1_048_576
const MOST_PRODUCTS = 10_000
const MOST_LINES = 20
const MOST_PLANS = 50

const wrong = (message: string): CallError => new CallError('INVALID_ARGUMENT', message)

/** Versions within which nothing breaks: `1` of 1.4.2; `0.3` of 0.3.1, since before 1.0.0 a minor version may break. */
export function lineOf(version: string): string {
  const [major = '', minor = ''] = version.split('.')
  return major === '0' ? `0.${minor}` : major
}

const isRecord = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value)

/** @throws {CallError} INVALID_ARGUMENT */
function describedIn(given: unknown): ContractDescription {
  const { dure, name, version, owner, operations, events } = (isRecord(given) ? given : {}) as Partial<Record<string, unknown>>
  if (dure !== 1 || typeof name !== 'string' || typeof owner !== 'string' || !isRecord(operations) || !isRecord(events))
    throw wrong('Cannot publish what is no description of a contract: give what describeContract says of one')
  if (!/^[a-z][a-z0-9.-]{0,62}$/.test(name))
    throw wrong(`Cannot publish "${name.slice(0, 80)}": a product is named by small letters, digits, points and dashes`)
  if (typeof version !== 'string' || !/^\d{1,6}\.\d{1,6}\.\d{1,6}/.test(version) || version.length > 100)
    throw wrong(`Cannot publish "${name}": its version is no semantic one, such as 1.4.0`)
  return given as ContractDescription
}

function changesFrom(before: ContractDescription, after: ContractDescription): readonly Change[] {
  try {
    return compareContracts(before, after)
  } catch (error) {
    throw wrong(`Cannot publish "${after.name}": its schemas cannot be read (${(error as Error).message})`)
  }
}

export type Published = { product: string; line: string; changes: string[] }

/**
 * @throws {CallError} INVALID_ARGUMENT when it is none, FAILED_PRECONDITION when it breaks what its line has promised,
 * PERMISSION_DENIED when its owner is somebody else
 */
export async function publish(
  tx: Reading,
  principal: Principal,
  given: { readonly contract?: unknown; readonly summary?: string | undefined; readonly plans?: readonly Plan[] | undefined },
  now: number,
): Promise<Published> {
  const described = describedIn(given.contract)
  const { name, version, owner } = described
  const text = JSON.stringify(described)
  if (Buffer.byteLength(text) > LARGEST) throw wrong(`Cannot publish "${name}": its contract has more than ${LARGEST} bytes`)
  const changed = await nextChange(tx)
  const product = await tx.selectFrom('products').selectAll().where('name', '=', name).executeTakeFirst()
  // Who hands a product over is who has it.
  if (!isOwner(principal, product?.owner ?? owner))
    throw new CallError(
      'PERMISSION_DENIED',
      `Cannot publish "${name}": it is ${product?.owner ?? owner}'s, and you do not have that role`,
    )
  const line = lineOf(version)
  const lines = await tx.selectFrom('versions').select(['line', 'contract']).where('product', '=', name).execute()
  const before = lines.find((each) => each.line === line)
  const changes = before === undefined ? [] : changesFrom(JSON.parse(before.contract) as ContractDescription, described)
  const trouble = before && versionTrouble(JSON.parse(before.contract) as ContractDescription, described, changes)
  const said = changes.map(({ level, where, message }) => `${level}: ${where} ${message}`)
  if (trouble !== undefined)
    throw new CallError('FAILED_PRECONDITION', `Cannot publish "${name}". ${trouble}`, { details: { changes: said } })
  if (before === undefined && lines.length >= MOST_LINES)
    throw new CallError('RESOURCE_EXHAUSTED', `Cannot publish "${name}": it has ${MOST_LINES} lines of versions already`)
  if (product === undefined) await checkRoom(tx, name)
  const about = { owner, ...(given.summary !== undefined && { summary: given.summary }) }
  await tx
    .insertInto('products')
    .values({ name, owner, summary: given.summary ?? null })
    .onConflict((conflict) => conflict.column('name').doUpdateSet(about))
    .execute()
  const row = { version, contract: text, published: now, changed }
  await tx
    .insertInto('versions')
    .values({ product: name, line, deprecated: null, sunset: null, ...row })
    .onConflict((conflict) => conflict.columns(['product', 'line']).doUpdateSet(row))
    .execute()
  for (const plan of given.plans ?? []) await writePlan(tx, { product: name, plan, changed })
  return { product: name, line, changes: said }
}

async function checkRoom(tx: Reading, name: string): Promise<void> {
  const { n } = await tx
    .selectFrom('products')
    .select((build) => build.fn.countAll().as('n'))
    .executeTakeFirstOrThrow()
  if (Number(n) >= MOST_PRODUCTS)
    throw new CallError('RESOURCE_EXHAUSTED', `Cannot publish "${name}": there are ${MOST_PRODUCTS} products already`)
}

/** @throws {CallError} NOT_FOUND, INVALID_ARGUMENT */
export async function setPlan(tx: Reading, principal: Principal, product: string, plan: Plan): Promise<undefined> {
  const changed = await nextChange(tx)
  await ownProduct(tx, principal, product)
  await writePlan(tx, { product, plan, changed })
}

async function writePlan(
  tx: Reading,
  { product, plan, changed }: { readonly product: string; readonly plan: Plan; readonly changed: number },
): Promise<void> {
  const { name, ...terms } = plan
  if (terms.quota !== undefined && !isZone(terms.quota.zone))
    throw wrong(`Cannot set the plan "${name}": there is no time zone "${terms.quota.zone}"; give one such as Asia/Seoul`)
  const unknown = await unknownOperation(tx, product, terms.operations ?? [])
  if (unknown !== undefined)
    throw wrong(`Cannot set the plan "${name}": no version of "${product}" has an operation "${unknown}"`)
  const names = await tx.selectFrom('plans').select('name').where('product', '=', product).execute()
  if (names.length >= MOST_PLANS && !names.some((each) => each.name === name))
    throw new CallError('RESOURCE_EXHAUSTED', `Cannot set the plan "${name}": "${product}" has ${MOST_PLANS} plans already`)
  const row = { terms: JSON.stringify(terms), changed }
  await tx
    .insertInto('plans')
    .values({ product, name, ...row })
    .onConflict((conflict) => conflict.columns(['product', 'name']).doUpdateSet(row))
    .execute()
}

async function unknownOperation(tx: Reading, product: string, operations: readonly string[]): Promise<string | undefined> {
  if (operations.length === 0) return undefined
  const rows = await tx.selectFrom('versions').select('contract').where('product', '=', product).execute()
  const there = new Set(rows.flatMap(({ contract }) => Object.keys((JSON.parse(contract) as ContractDescription).operations)))
  return operations.find((name) => !there.has(name))
}

/** @throws {CallError} NOT_FOUND, INVALID_ARGUMENT when it ends before it begins */
export async function deprecate(
  tx: Reading,
  principal: Principal,
  { product, line, sunset }: { readonly product: string; readonly line: string; readonly sunset?: number | undefined },
  now: number,
): Promise<undefined> {
  const changed = await nextChange(tx)
  await ownProduct(tx, principal, product)
  const row = await tx
    .selectFrom('versions')
    .select('deprecated')
    .where('product', '=', product)
    .where('line', '=', line)
    .executeTakeFirst()
  if (row === undefined) throw new CallError('NOT_FOUND', `There is no line "${line}" of "${product}"`)
  if (sunset !== undefined && sunset < now) throw wrong(`Cannot deprecate "${product}": its sunset is in the past`)
  // When it was deprecated first stays true.
  const set = { deprecated: row.deprecated ?? now, sunset: sunset ?? null, changed }
  await tx.updateTable('versions').set(set).where('product', '=', product).where('line', '=', line).execute()
}

export const planOf = ({ name, terms }: Pick<ApisTables['plans'], 'name' | 'terms'>): Plan => ({
  name,
  ...(JSON.parse(terms) as Omit<Plan, 'name'>),
})

type VersionRow = Pick<ApisTables['versions'], 'line' | 'version' | 'published' | 'deprecated' | 'sunset'>
export const versionOf = ({ line, version, published, deprecated, sunset }: VersionRow): Version => ({
  ...{ line, version, published },
  ...(deprecated !== null && { deprecated }),
  ...(sunset !== null && { sunset }),
})

export async function listProducts(read: Reading, offered: readonly OfferedEvent[]): Promise<Product[]> {
  const [products, versions, plans] = await Promise.all([
    read.selectFrom('products').selectAll().orderBy('name').execute(),
    read
      .selectFrom('versions')
      .select(['product', 'line', 'version', 'published', 'deprecated', 'sunset'])
      .orderBy('published')
      .execute(),
    read.selectFrom('plans').selectAll().orderBy('name').execute(),
  ])
  const [versionsOf, plansOf] = [Map.groupBy(versions, ({ product }) => product), Map.groupBy(plans, ({ product }) => product)]
  return products.map(({ name, owner, summary }) => ({
    ...{ name, owner },
    ...(summary !== null && { summary }),
    versions: (versionsOf.get(name) ?? []).map(versionOf),
    plans: (plansOf.get(name) ?? []).map(planOf),
    events: offered.filter(({ product }) => product === name).map(({ event }) => event.name),
  }))
}

/** @throws {CallError} NOT_FOUND */
export async function contractOf(
  read: Reading,
  { product, line }: { readonly product: string; readonly line?: string | undefined },
): Promise<Described> {
  const rows = await read.selectFrom('versions').selectAll().where('product', '=', product).execute()
  // As numbers: line 10 is newer than line 9, and an old line may have been published last.
  const newest = rows.toSorted((a, b) => a.line.localeCompare(b.line, 'en', { numeric: true })).at(-1)
  const row = line === undefined ? newest : rows.find((each) => each.line === line)
  if (row === undefined)
    throw new CallError('NOT_FOUND', `There is no ${line === undefined ? '' : `line "${line}" of a `}product "${product}"`)
  return { ...versionOf(row), contract: JSON.parse(row.contract) as unknown }
}
