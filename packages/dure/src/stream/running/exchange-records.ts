import type { SqlStore, SqlTransaction, SqlValue } from '../../data/data.ts'
import type { SenderTime } from '../task.ts'

/** What a task has handed on to another one, and which of its batches that was. */
export type HandedRow = {
  readonly stage: string
  readonly partition: number
  readonly sender: string
  readonly senderPartition: number
  readonly seq: number
  readonly text: string
}
/** One that waits; `bytes` as its text has characters. */
export type WaitingRow = Omit<HandedRow, 'text'> & { readonly bytes: number }

/** All that waits, and what every task says of its time, of one moment: what a sender had handed on by then is there. */
export type Look = { readonly waiting: readonly WaitingRow[]; readonly times: readonly SenderTime[] }

/** Where a task stood at its last commit. */
export type TaskRow = { readonly watermark: number; readonly quiet: number | undefined; readonly sent: number }

/** What copies hand on to each other, of one topology. */
export type ExchangeRecords = {
  readonly look: () => Promise<Look>
  /** The texts of these, without those that were taken since. */
  readonly read: (rows: readonly WaitingRow[]) => Promise<readonly HandedRow[]>
  readonly send: (tx: SqlTransaction, rows: readonly HandedRow[]) => Promise<void>
  /** Takes them away, with the state that was made of them. */
  readonly remove: (tx: SqlTransaction, rows: readonly Omit<HandedRow, 'text'>[]) => Promise<void>
  readonly note: (tx: SqlTransaction, place: Pick<SenderTime, 'stage' | 'partition'>, row: TaskRow) => Promise<void>
  /**
   * Somebody has it from now on: whatever it has not read, it is waited for. Answers where it stood. `fence` refuses who does not have it any
   * more: what that one says of its time nobody would correct.
   */
  readonly begin: (
    place: Pick<SenderTime, 'stage' | 'partition'>,
    fence: (tx: SqlTransaction) => Promise<void>,
  ) => Promise<TaskRow>
}

/** Rows of one statement. */
const ROWS = 500

export function exchangeRecords(store: SqlStore, topology: string): ExchangeRecords {
  const idOf = ({ stage, partition, sender, senderPartition, seq }: Omit<HandedRow, 'text'>): SqlValue[] => [
    ...[topology, stage, partition, sender, senderPartition, seq],
  ]
  const chosen = (rows: readonly unknown[]): string =>
    `(topology, stage, partition, sender, sender_partition, seq) IN (VALUES ${rows.map(() => '(?, ?, CAST(? AS INTEGER), ?, CAST(? AS INTEGER), CAST(? AS BIGINT))').join(', ')})`
  return {
    look: async () => {
      const rows = await store.select(
        `SELECT stage, partition, NULL AS sender, 0 AS sender_partition, 0 AS seq, 0 AS bytes, watermark, quiet
         FROM dure_stream_stages WHERE topology = ?
         UNION ALL SELECT stage, partition, sender, sender_partition, seq, bytes, NULL, NULL FROM dure_stream_exchange WHERE topology = ?`,
        [topology, topology],
      )
      const waiting: WaitingRow[] = []
      const times: SenderTime[] = []
      for (const row of rows) {
        const place = { stage: String(row['stage']), partition: Number(row['partition']) }
        if (row['sender'] === null) times.push({ ...place, ...timeOf(row['watermark'], row['quiet']) })
        else {
          const [senderPartition, seq, bytes] = ['sender_partition', 'seq', 'bytes'].map((name) => Number(row[name]))
          waiting.push({ ...place, sender: String(row['sender']), senderPartition: senderPartition!, seq: seq!, bytes: bytes! })
        }
      }
      return { waiting, times }
    },
    read: async (rows) => {
      const found: HandedRow[] = []
      for (const some of chunksOf(rows)) {
        const texts = await store.select(
          `SELECT sender, sender_partition, seq, records FROM dure_stream_exchange WHERE ${chosen(some)}`,
          some.flatMap(idOf),
        )
        const byId = new Map(
          texts.map((row) => [`${row['sender']}/${row['sender_partition']}/${row['seq']}`, String(row['records'])]),
        )
        for (const { bytes: _, ...row } of some) {
          const text = byId.get(`${row.sender}/${row.senderPartition}/${row.seq}`)
          if (text !== undefined) found.push({ ...row, text })
        }
      }
      return found
    },
    send: async (tx, rows) => {
      for (const some of chunksOf(rows))
        await tx.run(
          `INSERT INTO dure_stream_exchange (topology, stage, partition, sender, sender_partition, seq, bytes, records)
           VALUES ${some.map(() => '(?, ?, ?, ?, ?, ?, ?, ?)').join(', ')}`,
          some.flatMap((row): SqlValue[] => [...idOf(row), row.text.length, row.text]),
        )
    },
    remove: async (tx, rows) => {
      for (const some of chunksOf(rows))
        await tx.run(`DELETE FROM dure_stream_exchange WHERE ${chosen(some)}`, some.flatMap(idOf))
    },
    note: async (tx, { stage, partition }, { watermark, quiet, sent }) => {
      const at = Number.isFinite(watermark) ? Math.floor(watermark) : null
      await tx.run(
        `INSERT INTO dure_stream_stages (topology, stage, partition, watermark, quiet, sent) VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT (topology, stage, partition) DO UPDATE SET
           watermark = excluded.watermark, quiet = excluded.quiet, sent = excluded.sent`,
        [topology, stage, partition, at, quiet ?? null, sent],
      )
    },
    begin: ({ stage, partition }, fence) =>
      store.transaction(
        async (tx) => {
          await fence(tx)
          const place = [topology, stage, partition]
          await tx.run(
            `INSERT INTO dure_stream_stages (topology, stage, partition) VALUES (?, ?, ?)
             ON CONFLICT (topology, stage, partition) DO UPDATE SET quiet = NULL`,
            place,
          )
          const [row] = await tx.all(
            'SELECT watermark, sent FROM dure_stream_stages WHERE topology = ? AND stage = ? AND partition = ?',
            place,
          )
          return { ...timeOf(row!['watermark'], null), sent: Number(row!['sent']) }
        },
        { isolated: false },
      ),
  }
}

function timeOf(watermark: SqlValue | undefined, quiet: SqlValue | undefined): Pick<TaskRow, 'watermark' | 'quiet'> {
  const numberOf = (value: SqlValue | undefined): number | undefined =>
    value === null || value === undefined ? undefined : Number(value)
  return { watermark: numberOf(watermark) ?? -Infinity, quiet: numberOf(quiet) }
}

function* chunksOf<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let from = 0; from < all.length; from += ROWS) yield all.slice(from, from + ROWS)
}
