import type { AnyEvent } from '../contract/contract.ts'
import type { DatabaseDefinition, Transaction } from '../data/data.ts'
import { retryPolicy, type RetryPolicy } from '../messaging/messaging.ts'
import { checkNumbers, COUNT, COUNT_OR_NONE } from '../runtime/internal.ts'
import { offeredIn, type ExtensionKind } from '../service/internal.ts'
import type { Extension, ReceivedEvent } from '../service/service.ts'
import type { Logger } from '../telemetry/telemetry.ts'
import type { History } from './history.ts'
import { openModels, type ServedModels } from './models.ts'
import type { ModelVersion, Projecting, Served } from './model.ts'
import { REGISTRY } from './registry.ts'

type ByName<From extends readonly AnyEvent[], Context> = {
  readonly [Name in From[number]['name']]: (
    event: ReceivedEvent<Extract<From[number], { readonly name: Name }>>,
    context: Context,
  ) => Promise<unknown> | unknown
}

export type ReadModelOptions<Version extends number, Tables, From extends readonly AnyEvent[], Before> = {
  /** Whole, from 1. Another one has a store of its own, is filled beside the one before, and takes its place when it has caught up. */
  readonly version: Version
  /** The events it is made of; those of one topic and key come in order. */
  readonly from: From
  readonly tables: DatabaseDefinition<Tables>
  /** Must do the same whenever it is done: a later version is made of the same events once more. */
  readonly on: ByName<From, Projecting<Tables>>
  /**
   * What is done outside because of an event, in a transaction of the service: `tx.publish`, `tx.send`, rows of its own. Once
   * for each event, whatever is built again: a later version goes on where the one before was.
   */
  readonly effects?: Partial<ByName<From, { readonly tx: Transaction<unknown>; readonly log: Logger }>>
  /** Where all events of a topic are found, which the broker does not keep for ever. */
  readonly histories?: readonly History[]
  /** The version whose place this one takes. It is filled as well, and may be gone back to, until it is left out here. */
  readonly before?: Before
  /** How an event is tried again whose `on` or effect has thrown; then it is a dead letter, and holds its key. */
  readonly retry?: Partial<RetryPolicy>
  /** Messages that this version may be behind when it takes the place of the one before. Default 100. */
  readonly switchAt?: number
}

/** A read model, to be listed among the `extensions` of the service that shows it. */
export type ReadModel<AnyServed = unknown> = Extension & {
  readonly model: ModelVersion
  /**
   * The version that this service shows at the moment: that of `before`, until the new one has taken its place.
   * @throws {TypeError} when the context is not that of a handler of a service that lists it
   */
  readonly serving: (context: object) => AnyServed
}

type ServedBy<Before> = Before extends ReadModel<infer AnyServed> ? AnyServed : never

const readModelKind: ExtensionKind = {
  name: 'model',
  migrations: { 'dure/read-model-0001': REGISTRY },
  open: async (host, values) => {
    const open = await openModels(
      host,
      (values as readonly ReadModel[]).map(({ model }) => model),
    )
    host.offer(readModelKind, open.served)
    return open.extension
  },
}

/**
 * Declares a read model: tables of its own store, made from events of any service, for the questions of the one that lists it.
 * @throws {TypeError} when a number cannot be used, an event has no `on`, or `before` is no earlier version of it
 *
 * @example
 * ```ts
 * import { event } from 'dure/contract'
 * import { database } from 'dure/data'
 * import { readModel } from 'dure/query'
 * import { z } from 'zod'
 *
 * const Sold = event('item.sold', { schema: z.object({ sku: z.string() }), key: ({ sku }) => sku })
 * const sales = readModel('sales', {
 *   version: 1,
 *   from: [Sold],
 *   tables: database<{ sales: { sku: string; count: number } }>({
 *     migrations: { '001': 'CREATE TABLE sales (sku TEXT PRIMARY KEY, count INTEGER NOT NULL)' },
 *   }),
 *   on: {
 *     'item.sold': async ({ data: { sku } }, { tx }) => {
 *       const known = await tx.selectFrom('sales').select('count').where('sku', '=', sku).executeTakeFirst()
 *       if (known === undefined) await tx.insertInto('sales').values({ sku, count: 1 }).execute()
 *       else await tx.updateTable('sales').set({ count: known.count + 1 }).where('sku', '=', sku).execute()
 *     },
 *   },
 * })
 * // service(Shop, { extensions: [sales], handlers: { best: (_, context) => sales.serving(context).read.selectFrom('sales')… } })
 * console.log(sales.name) // → sales
 * ```
 */
export function readModel<
  const Version extends number,
  Tables,
  const From extends readonly AnyEvent[],
  Before extends ReadModel<unknown> | undefined = undefined,
>(name: string, options: ReadModelOptions<Version, Tables, From, Before>): ReadModel<Served<Version, Tables> | ServedBy<Before>> {
  const { version, from, tables, on, effects = {}, histories = [], before, switchAt = 100 } = options
  const what = `declare read model "${name}"`
  checkNumbers<{ version: number; switchAt: number }>(what, { version, switchAt }, { version: COUNT, switchAt: COUNT_OR_NONE })
  if (!/^[a-z0-9][a-z0-9-]{0,39}$/.test(name))
    throw new TypeError(`Cannot ${what}: that cannot name a store; use up to 40 lower-case letters, digits and dashes`)
  for (const event of from)
    if (!Object.hasOwn(on, event.name))
      throw new TypeError(`Cannot ${what}: it is made from "${event.name}" and says nothing about it; add it to "on"`)
  if (before !== undefined && (before.model.name !== name || before.model.version >= version))
    throw new TypeError(
      `Cannot ${what}: what is before version ${version} is version ${before.model.version} of "${before.model.name}"; give an earlier version of the same model`,
    )
  const model = {
    name,
    version,
    from,
    tables,
    on,
    effects,
    histories,
    switchAt,
    retry: retryPolicy(options.retry),
    before: before?.model,
  } as ModelVersion
  return Object.freeze({
    kind: readModelKind,
    name,
    model,
    serving: (context: object) => {
      const served = (offeredIn(context, readModelKind) as ServedModels | undefined)?.(name, context)
      if (served !== undefined) return served as Served<Version, Tables>
      throw new TypeError(
        `Cannot read model "${name}": the context is not that of a handler of a service that lists it; add it to "extensions", and give the context that the handler received`,
      )
    },
  })
}
