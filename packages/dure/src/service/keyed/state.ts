import { roughSize } from '../../resilience/internal.ts'
import { BYTES, checkNumbers, COUNT, WAIT } from '../../runtime/internal.ts'
import type { KeyedState, KeyedStateOptions } from './definition.ts'
import { keyedKind, stageState, stateOf } from './kind.ts'

/**
 * Keeps a state of each key in memory between the calls of keyed operations (`key` of a command or query): one copy of the service at a
 * time has a key, and its transactions commit only as long as it does. What is in memory is what was committed; it is put away when
 * nobody uses it, when another copy has the key, and when a call fails. Rows that it is made of must be written by keyed operations of
 * that key alone.
 * @throws {TypeError} when a number in its options cannot be used
 *
 * @example
 * ```ts
 * import { command, contract } from 'dure/contract'
 * import { database } from 'dure/data'
 * import { keyedState, service } from 'dure/service'
 * import { z } from 'zod'
 *
 * const Counter = contract('counter', {
 *   version: '1.0.0',
 *   owner: 'team-counting',
 *   operations: { add: command({ input: z.object({ name: z.string() }), output: z.int(), key: ({ name }) => name }) },
 * })
 * const rows = database<{ counters: { name: string; value: number } }>({
 *   migrations: { '001': 'CREATE TABLE counters (name TEXT PRIMARY KEY, value BIGINT NOT NULL)' },
 * })
 * const value = keyedState('value', {
 *   database: rows,
 *   load: async (name, read) =>
 *     (await read.selectFrom('counters').select('value').where('name', '=', name).executeTakeFirst())?.value ?? 0,
 * })
 * const counter = service(Counter, {
 *   database: rows,
 *   extensions: [value],
 *   handlers: {
 *     add: async ({ name }, context) => {
 *       const next = (await value.of(context)) + 1
 *       return context.database.transaction(async (tx) => {
 *         const row = { name, value: next }
 *         await tx.insertInto('counters').values(row).onConflict((it) => it.column('name').doUpdateSet(row)).execute()
 *         value.set(tx, next)
 *         return next
 *       })
 *     },
 *   },
 * })
 * console.log(counter.extensions.length, value.idleAfter) // → 2 60000
 * ```
 */
export function keyedState<State, Tables = unknown>(name: string, options: KeyedStateOptions<State, Tables>): KeyedState<State> {
  const { load, idleAfter = 60_000, limit = 10_000, bytes = 67_108_864, sizeOf = roughSize } = options
  const numbers = { idleAfter: WAIT, limit: COUNT, bytes: BYTES }
  checkNumbers(`define the keyed state "${name}"`, { idleAfter, limit, bytes }, numbers)
  const state: KeyedState<State> = Object.freeze({
    ...{ kind: keyedKind, name, load, idleAfter, limit, bytes, sizeOf },
    of: (context: object) => stateOf(state, context) as Promise<State>,
    set: (tx: object, value: State) => stageState(state, tx, value),
  })
  return state
}
