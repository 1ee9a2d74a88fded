import { CallError, type AnyEvent } from '../contract/contract.ts'
import { describeThrown } from '../contract/internal.ts'
import type { DatabaseDefinition, SqlTransaction, Transaction } from '../data/data.ts'
import { checkNumbers, COUNT, createAlarm, type Alarm } from '../runtime/internal.ts'
import type { ExtensionHost, ExtensionKind, OpenExtension } from '../service/internal.ts'
import type { Extension } from '../service/service.ts'
import { FAMILIES, type Logger } from '../telemetry/telemetry.ts'
import type { AnyStored } from './codec.ts'
import type { AnyAggregate, EventTransaction, StoredEvent } from './definition.ts'
import type { EventWorld } from './join.ts'
import { readPage, type Position } from './positions.ts'
import { worldOf } from './reader.ts'
import { migrations } from './tables.ts'

type AnyEvents = { readonly events: readonly AnyEvent[] }
type Handling<Tables> = { readonly tx: Transaction<Tables> & EventTransaction; readonly log: Logger }

export type SubscriptionOptions<To extends readonly AnyEvents[], Tables> = {
  /** Aggregates of the same service. */
  readonly to: To
  /** Tells the tables of the transaction. */
  readonly database?: DatabaseDefinition<Tables>
  /** In the transaction that also keeps how far it has read, so that each event has its effect once; in order, one after the other. */
  readonly handle?: (event: StoredEvent<To[number]['events']>, context: Handling<Tables>) => Promise<unknown> | unknown
  /** Instead of `handle`: all of one transaction at once, in order, where few statements do for many events. */
  readonly handleAll?: (
    events: readonly StoredEvent<To[number]['events']>[],
    context: Handling<Tables>,
  ) => Promise<unknown> | unknown
  /** Events in one transaction at most. Default 64. */
  readonly batch?: number
}

/** Follows what aggregates of its own service store. Listed among the service's `extensions`. */
export type EventSubscription = Extension & {
  readonly to: readonly AnyAggregate[]
  readonly handle: ((event: never, context: never) => unknown) | undefined
  readonly handleAll: ((events: never, context: never) => unknown) | undefined
  readonly batch: number
}

/** Milliseconds between looks for what other copies have stored, and for the end of the one that reads. */
const LOOK = 250

const subscriptions: ExtensionKind = {
  name: 'subscription',
  migrations,
  open: async (host, values) => {
    const opened = (values as readonly EventSubscription[]).map((one) => follow(host, one))
    return {
      listen: async () => {
        for (const one of opened) await one.listen!()
      },
      busy: async () => (await Promise.all(opened.map((one) => one.busy!()))).reduce((sum, one) => sum + one, 0),
      reasons: () => opened.flatMap((one) => one.reasons!()),
      readings: async () => (await Promise.all(opened.map((one) => one.readings!()))).flat(),
      stop: async (options) => void (await Promise.all(opened.map((one) => one.stop(options)))),
    }
  },
}

/**
 * Follows the events of aggregates of the same service, from the first on, whatever the number of its copies: one of them reads.
 * @throws {TypeError} when a number cannot be used, or it is not said what to do
 *
 * @example
 * ```ts
 * import { event } from 'dure/contract'
 * import { database } from 'dure/data'
 * import { aggregate, subscription } from 'dure/eventsourcing'
 * import { z } from 'zod'
 *
 * const Paid = event('invoice.paid', { schema: z.object({ id: z.string() }), key: (e) => e.id })
 * const invoice = aggregate('invoice', { events: [Paid], initial: () => 0, decide: () => [], evolve: (n) => n + 1 })
 * const paid = subscription('paid', {
 *   to: [invoice],
 *   database: database<{ paid: { id: string } }>({ migrations: { '001': 'CREATE TABLE paid (id TEXT)' } }),
 *   handle: ({ data }, { tx }) => tx.insertInto('paid').values({ id: data.id }).execute(),
 * })
 * console.log(paid.name) // → paid
 * ```
 */
export function subscription<const To extends readonly AnyEvents[], Tables>(
  name: string,
  { to, handle, handleAll, batch = 64 }: SubscriptionOptions<To, Tables>,
): EventSubscription {
  checkNumbers(`define subscription "${name}"`, { batch }, { batch: COUNT })
  if ((handle === undefined) === (handleAll === undefined))
    throw new TypeError(`Cannot define subscription "${name}": give it either "handle" or "handleAll"`)
  return Object.freeze({ kind: subscriptions, name, to: to as unknown as readonly AnyAggregate[], handle, handleAll, batch })
}

function follow(host: ExtensionHost, { name, to, handle, handleAll, batch }: EventSubscription): OpenExtension {
  const { store, runtime, log, service } = host
  const names = new Set(to.map((one) => one.name))
  let world: EventWorld
  let alarm: Alarm | undefined
  let behind = 0
  let trouble: string | undefined

  /** Reads on until there is no more, or another copy reads. */
  const work = async (): Promise<void> => {
    for (let turn = await takeTurn(host, name); turn !== undefined;) {
      const page = await readPage(store, { after: turn.after, limit: trouble === undefined ? batch : 1 })
      behind = page.behind + page.rows.length
      if (page.rows.length === 0 && !page.more) return
      const events = (await world.decode(page.rows.map(({ row }) => row))).filter(({ stream }) => names.has(stream))
      await apply(events, page.next, turn)
      behind = page.behind
      trouble = undefined
      turn = { ...turn, after: page.next }
    }
  }

  const apply = async (events: readonly AnyStored[], next: Position, { epoch, after }: Turn): Promise<void> => {
    let at: AnyStored | undefined
    try {
      await store.transaction(async (tx: SqlTransaction) => {
        // Whoever has read on meanwhile, or taken over, has written another position.
        const moved = await tx.run(
          'UPDATE dure_event_subscriptions SET position = ? WHERE name = ? AND epoch = ? AND position = ?',
          [next, name, epoch, after ?? ''],
        )
        if (moved === 0) throw new CallError('ABORTED', `Subscription "${name}" is read by another copy by now`)
        const contextOf = ({ correlationId, id, initiator }: AnyStored) => {
          const origin = { service, correlationId, causationId: id, traceparent: undefined, initiator }
          return { tx: host.bind(tx, origin), log } as never
        }
        at = events[0]
        if (handleAll !== undefined) return at && (await handleAll(events as never, contextOf(at)))
        for (at of events) await handle!(at as never, contextOf(at))
      })
    } catch (error) {
      if (at !== undefined)
        trouble = `Subscription "${name}" is held up at event ${at.version} of ${at.stream} "${at.streamId}" ("${at.type}"): ${describeThrown(error).message}`
      throw error
    }
  }

  return {
    listen: async () => {
      const found = worldOf(store.read as object)
      const missing = to.find((one) => found?.aggregates.get(one.name) !== one)
      if (found === undefined || missing !== undefined)
        throw new CallError(
          'FAILED_PRECONDITION',
          `Starting subscription "${name}" failed: "${missing?.name}" is no aggregate of service "${service}". To do: list it among the "extensions"`,
        )
      world = found
      const failed = (error: unknown): void => {
        if (error instanceof CallError && error.code === 'ABORTED') return
        trouble ??= `Subscription "${name}" cannot go on: ${describeThrown(error).message}`
        log.warn('A subscription to events cannot go on', { subscription: name, trouble, error })
      }
      alarm = createAlarm({ runtime, work, next: async () => undefined, longest: LOOK, failed })
      world.stored.add(alarm.ring)
    },
    busy: async () => {
      const [row] = await store.select('SELECT position FROM dure_event_subscriptions WHERE name = ?', [name])
      const after = String(row?.['position'] ?? '') || undefined
      return (await readPage(store, { after, limit: 1 })).rows.length
    },
    reasons: () => (trouble === undefined ? [] : [trouble]),
    readings: () => [
      { family: FAMILIES.lag, attributes: { 'messaging.consumer.group.name': `${service}/${name}` }, value: behind },
    ],
    stop: async () => {
      if (alarm !== undefined) world.stored.delete(alarm.ring)
      await alarm?.stop()
    },
  }
}

type Turn = { readonly epoch: number; readonly after: Position | undefined }

/** Whose turn it is to read: nobody's while another copy that lives has it. Whoever has it writes with the epoch that it was given. */
async function takeTurn({ store }: ExtensionHost, name: string): Promise<Turn | undefined> {
  const [found] = await store.select('SELECT epoch, holder, position FROM dure_event_subscriptions WHERE name = ?', [name])
  const after = String(found?.['position'] ?? '') || undefined
  if (found?.['holder'] === store.member) return { epoch: Number(found['epoch']), after }
  if (found !== undefined && store.gone !== undefined && !(await store.gone(String(found['holder'])))) return undefined
  const epoch = Number(found?.['epoch'] ?? 0) + 1
  const taken = await store.transaction(
    (tx) =>
      found === undefined
        ? tx.run(
            "INSERT INTO dure_event_subscriptions (name, epoch, holder, position) VALUES (?, ?, ?, '') ON CONFLICT (name) DO NOTHING",
            [name, epoch, store.member],
          )
        : tx.run('UPDATE dure_event_subscriptions SET epoch = ?, holder = ? WHERE name = ? AND epoch = ?', [
            epoch,
            store.member,
            name,
            epoch - 1,
          ]),
    { isolated: false },
  )
  return taken === 0 ? undefined : { epoch, after }
}
