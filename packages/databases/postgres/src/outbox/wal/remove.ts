import { CallError } from 'dure/contract'
import { escapeIdentifier, type ClientConfig } from 'pg'
import { openControl } from './control.ts'
import { dropSlot, slotNamed, slotOfService, slotOfTable } from './slots.ts'

export type RemovedSlot = { readonly slot: string; readonly publication: string; readonly removed: boolean }

/**
 * Removes the replication slot of an outbox, and its publication: when the service is taken out of use, or when nobody
 * will read its log any more. A slot that stays holds the log until the disk is full.
 *
 * @param options.service of an outbox without a table; otherwise the outbox that the connection's search path leads to
 * @throws {CallError} FAILED_PRECONDITION when a relay reads from it
 */
export async function removeSlot(options: {
  readonly connection: string | ClientConfig
  readonly service?: string
  readonly slot?: string
}): Promise<RemovedSlot> {
  const { connection, service } = options
  const config = typeof connection === 'string' ? { connectionString: connection } : connection
  const { query, end } = await openControl({ connection: config, name: 'dure wal-removal' })
  try {
    const named = service === undefined ? await slotOfTable(query) : await slotOfService(query, service)
    const slot = options.slot ?? named.slot
    const found = await slotNamed(query, slot)
    if (found?.pid !== undefined) {
      throw new CallError(
        'FAILED_PRECONDITION',
        `Removing the replication slot "${slot}" failed: process ${found.pid} of the server reads from it. To do: stop the relay first`,
      )
    }
    const removed = await dropSlot(query, slot)
    // The publication of messages is everybody's.
    // A publication costs nothing: whoever may not drop it leaves it to the owner of the tables.
    if (service === undefined) await query(`DROP PUBLICATION IF EXISTS ${escapeIdentifier(named.publication)}`).catch(() => {})
    return { slot, publication: named.publication, removed }
  } finally {
    await end()
  }
}
