/**
 * Sagas: business transactions over several services, each a function whose steps are remembered in the service's own database. What
 * fails for good is taken back, the last first. Garcia-Molina and Salem, "Sagas", SIGMOD 1987; Richardson, Microservices Patterns, ch. 4.
 */
import type { AnySchema } from '../contract/contract.ts'
import { checkNumbers, COUNT, KEEP } from '../runtime/internal.ts'
import type { Needs } from '../service/service.ts'
import type { AnySaga, Saga, SagaOptions, Signals } from './definition.ts'
import { arrivalsOf } from './join.ts'
import { sagas } from './kind.ts'

export type {
  AnySaga,
  CallStep,
  RowsStep,
  Saga,
  SagaContext,
  SagaInput,
  SagaOptions,
  SagaOutput,
  SagaTransaction,
  Signals,
  StepContext,
  StepTransaction,
} from './definition.ts'

/**
 * Defines a saga, which a service lists among its `extensions`; its transactions begin instances with `tx.begin`.
 * @throws {TypeError} when its name or a number in its options cannot be used
 *
 * @example
 * ```ts
 * import { database } from 'dure/data'
 * import { saga } from 'dure/saga'
 * import { z } from 'zod'
 *
 * const shop = database<{ orders: { id: string; state: string } }>({
 *   migrations: { '001': 'CREATE TABLE orders (id TEXT PRIMARY KEY, state TEXT NOT NULL)' },
 * })
 * const checkout = saga('checkout', {
 *   database: shop,
 *   input: z.object({ orderId: z.string() }),
 *   signals: { approve: z.boolean() },
 *   run: async (s, { orderId }) => {
 *     await s.step('order', {
 *       transaction: (tx) => tx.insertInto('orders').values({ id: orderId, state: 'new' }).execute(),
 *       undo: (tx) => tx.deleteFrom('orders').where('id', '=', orderId).execute(),
 *     })
 *     return s.signal('approve', { timeout: 86_400_000 })
 *   },
 * })
 * console.log(checkout.name, checkout.version) // → checkout 1
 * ```
 */
export function saga<
  Input extends AnySchema,
  Output extends AnySchema | undefined = undefined,
  N extends Needs = {},
  Tables = unknown,
  const S extends Signals = {},
>(name: string, options: SagaOptions<N, Tables, Input, Output, S>): Saga<Input, Output, S> {
  if (typeof name !== 'string' || !/^[\w.-]{1,100}$/.test(name))
    throw new TypeError(`Cannot define saga ${JSON.stringify(name)}: a name has 1 to 100 letters, digits, ".", "-" and "_"`)
  const { version = 1, deadline, events = [], requests = [], retention = 30 * 24 * 3_600_000 } = options
  checkNumbers(
    `define saga "${name}"`,
    { version, retention, ...(deadline !== undefined && { deadline }) },
    { version: COUNT, retention: { ...KEEP, endless: true }, deadline: KEEP },
  )
  const own: Saga<Input, Output, S> = {
    ...{ kind: sagas, name, version, deadline, events, requests, retention, needs: options.needs, input: options.input },
    output: options.output as Output,
    signals: options.signals ?? ({} as S),
    upcast: { ...options.upcast },
    run: options.run as AnySaga['run'],
    reactions: ({ on, replies }) => [
      ...events.map((event) =>
        on(event, { name: `saga ${name} ${event.name}`, handle: (received, { tx }) => arrivalsOf(tx).event(own, received) }),
      ),
      ...requests.map((request) => replies(request, (reply, { tx }) => arrivalsOf(tx).reply(reply))),
    ],
  }
  return Object.freeze(own)
}
