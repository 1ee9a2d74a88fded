import { FencedError } from '../fenced.ts'
import type { Fence, OwnershipRecords } from '../records.ts'
import type { SqlStatements } from './statements.ts'

const PLACE = 'consumer = ? AND topic = ? AND partition = ?'

/** Whether an epoch is the last, as a part of a statement; its values are `fenceValues`. */
export const CURRENT: string = `EXISTS (SELECT 1 FROM dure_partitions AS mine WHERE mine.consumer = ? AND mine.topic = ? AND mine.partition = ? AND mine.epoch = ?)`

export function fenceValues({ consumer, topic, partition, epoch }: Fence): readonly (string | number)[] {
  return [consumer, topic, partition, epoch]
}

/** @throws {FencedError} when the epoch is over */
export async function checkFence(tx: SqlStatements, fence: Fence): Promise<void> {
  const [row] = await tx.all(`SELECT 1 AS one FROM dure_partitions WHERE ${PLACE} AND epoch = ?`, fenceValues(fence))
  if (row === undefined) throw new FencedError(fence)
}

export const sqlOwnership: OwnershipRecords<SqlStatements> = {
  raise: async (tx, { consumer, topic, partition, member, broker, token }) => {
    const place = [consumer, topic, partition]
    for (;;) {
      const [row] = await tx.all(
        `SELECT epoch, owner, broker, token, unclean, crashes FROM dure_partitions WHERE ${PLACE}`,
        place,
      )
      if (row !== undefined && row['broker'] === broker && Number(row['token']) > token) return undefined
      const [before, seen] = row === undefined ? [undefined, 0] : [String(row['owner']), Number(row['epoch'])]
      const unclean = Number(row?.['unclean'] ?? 0) === 1
      const crashes = unclean && before !== member ? Number(row!['crashes']) + 1 : 0
      const changed = await tx.run(
        `INSERT INTO dure_partitions (consumer, topic, partition, epoch, owner, broker, token, unclean, crashes)
         VALUES (?, ?, ?, 1, ?, ?, ?, 1, ?)
         ON CONFLICT (consumer, topic, partition) DO UPDATE SET epoch = dure_partitions.epoch + 1, owner = excluded.owner,
           broker = excluded.broker, token = excluded.token, unclean = 1, crashes = excluded.crashes
         WHERE dure_partitions.epoch = ?`,
        [...place, member, broker, token, crashes, seen],
      )
      // Somebody else has raised it since the look.
      if (changed === 0) continue
      return { epoch: seen + 1, crashes, unclean, before, broker: row === undefined ? undefined : String(row['broker']) }
    }
  },
  release: async (tx, fence) => {
    await tx.run(`UPDATE dure_partitions SET unclean = 0, crashes = 0 WHERE ${PLACE} AND epoch = ?`, fenceValues(fence))
  },
  well: async (tx, fence) => {
    await tx.run(`UPDATE dure_partitions SET crashes = 0 WHERE ${PLACE} AND epoch = ?`, fenceValues(fence))
  },
}
