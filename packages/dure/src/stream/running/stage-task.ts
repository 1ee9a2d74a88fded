import type { SqlTransaction } from '../../data/data.ts'
import type { Message } from '../../contract/contract.ts'
import type { Clock } from '../../runtime/runtime.ts'
import type { Stage } from '../cut.ts'
import { handedOf, handedText, type Handing } from '../exchange.ts'
import type { SenderTime, Task } from '../task.ts'
import { causeOf, runHanded, type Entry, type Failed, type HandedEntry } from './batch.ts'
import type { ExchangeRecords, HandedRow, Look, TaskRow, WaitingRow } from './exchange-records.ts'

/** One partition of a stage, as its reader sees it: what it takes from others, and what is written with what it makes of it. */
export type StageTask = {
  readonly stage: Stage
  /** Parts of each stage behind the first. */
  readonly partitions: number
  /** All tasks that hand on to it. */
  readonly senders: readonly Pick<SenderTime, 'stage' | 'partition'>[]
  /** It is in the hands of this process, unless `fence` refuses. Answers its watermark. */
  readonly begun: (fence: (tx: SqlTransaction) => Promise<void>) => Promise<number>
  /** What waits for it, in pieces that fit into memory; at least one, the last of which brings the time. */
  readonly pieces: (look: Look) => readonly Piece[]
  readonly read: (piece: Piece) => Promise<readonly HandedRow[]>
  /** What is written beside its state: what it hands on, what it has taken, and what it says of its time. */
  readonly writes: (
    own: { readonly task: Task; readonly handing: Handing },
    made: Made,
  ) => { readonly must: boolean; readonly write: (tx: SqlTransaction) => Promise<void> }
}

export type Piece = { readonly rows: readonly WaitingRow[]; readonly times: readonly SenderTime[] | undefined }
export type Made = {
  readonly entries: readonly (Entry | HandedEntry)[]
  readonly taken: readonly HandedRow[]
  readonly hasMoved: boolean
}

/** Bytes that are read at once, about. */
const PIECE = 4_000_000
/** Of the time in which nothing has come: what time may go on before it is said, when nothing but the clock moves it. */
const SHARE = 8
/** Milliseconds between what is said of time for people alone. */
const SHOWN = 1_000

export function createStageTask(options: {
  readonly stage: Stage
  readonly partition: number
  readonly partitions: number
  readonly senders: StageTask['senders']
  readonly exchange: ExchangeRecords
  readonly clock: Clock
}): StageTask {
  const { stage, partition, partitions, senders, exchange, clock } = options
  const place = { stage: stage.name, partition }
  let noted: TaskRow = { watermark: -Infinity, quiet: undefined, sent: 0 }
  let notedAt = -Infinity
  let quietSince: number | undefined

  /** Whether what it says of its time has to be said, when nothing else is. */
  const isDue = (watermark: number, isQuiet: boolean, now: number): boolean => {
    // A partition without news is known to go by the clock: whoever waits for it counts on.
    if (stage.level === 0) return isQuiet !== (noted.quiet !== undefined)
    quietSince = isQuiet ? (quietSince ?? now) : undefined
    if (quietSince !== undefined) return watermark - noted.watermark > (now - quietSince) / SHARE
    return watermark > noted.watermark && (stage.sends.size > 0 || now - notedAt >= SHOWN)
  }
  return {
    ...{ stage, partitions, senders },
    begun: async (fence) => {
      noted = await exchange.begin(place, fence)
      return noted.watermark
    },
    pieces: ({ waiting, times }) => {
      const own = new Set(stage.from)
      const rows = inTurn(waiting.filter((row) => row.stage === stage.name && row.partition === partition))
      const pieces: WaitingRow[][] = [[]]
      let bytes = 0
      for (const row of rows) {
        if (bytes > 0 && bytes + row.bytes > PIECE) {
          pieces.push([])
          bytes = 0
        }
        pieces.at(-1)!.push(row)
        bytes += row.bytes
      }
      const said = times.filter((one) => own.has(one.stage))
      return pieces.map((some, at) => ({ rows: some, times: at === pieces.length - 1 ? said : undefined }))
    },
    read: ({ rows }) => (rows.length === 0 ? Promise.resolve([]) : exchange.read(rows)),
    writes: ({ task, handing }, { entries, taken, hasMoved }) => {
      const [now, watermark] = [clock.now(), task.watermark.now()]
      const isQuiet = !hasMoved && taken.length === 0 && task.watermark.isQuiet()
      const texts = handing.take((at) => causeOf(entries[at]))
      const rows = texts.map((one, at): HandedRow => ({
        ...one,
        ...{ sender: stage.name, senderPartition: partition, seq: noted.sent + 1 + at },
      }))
      const must = isDue(watermark, isQuiet, now) || rows.length > 0 || taken.length > 0
      const row = { watermark, quiet: isQuiet && stage.level === 0 ? now : undefined, sent: noted.sent + rows.length }
      return {
        must,
        write: async (tx) => {
          await exchange.send(tx, rows)
          await exchange.remove(tx, taken)
          await exchange.note(tx, place, row)
          tx.onCommit(() => {
            noted = row
            notedAt = now
          })
        },
      }
    },
  }
}

/** One of each sender after the other, each in its order: none of them waits for all of another one. */
function inTurn(rows: readonly WaitingRow[]): readonly WaitingRow[] {
  const nth = new Map<string, number>()
  return rows
    .toSorted((one, other) => one.seq - other.seq)
    .map((row) => {
      const sender = `${row.senderPartition} ${row.sender}`
      const n = nth.get(sender) ?? 0
      nth.set(sender, n + 1)
      return { row, n }
    })
    .toSorted((one, other) => one.n - other.n)
    .map(({ row }) => row)
}

/** The records of rows, to be run through; as messages of their own, should they have to wait. */
export function entriesOf(rows: readonly HandedRow[], { stage }: StageTask): readonly HandedEntry[] {
  return rows.flatMap((row) => {
    const sender = `${row.sender}/${row.senderPartition}`
    return handedOf(row.text).map((record, n): HandedEntry => {
      let message: Message | undefined
      const { edge, key, time, cause } = record
      return {
        ...{ record: { ...record, sender }, cause, position: undefined },
        get message() {
          return (message ??= {
            ...{ id: `${row.stage}/${row.partition}/${sender}/${row.seq}/${n}`, source: sender, type: edge, topic: stage.name },
            ...{ key, time, schemaVersion: 1, correlationId: cause?.correlationId ?? '', causationId: cause?.id },
            ...{ traceparent: cause?.traceparent, initiator: cause?.initiator, data: handedText(record) },
          })
        },
      }
    })
  })
}

/** A record that had to wait, as it was. */
export function entryOf(message: Message): HandedEntry {
  const [record] = handedOf(message.data)
  return { record: { ...record!, sender: message.source }, message, cause: record!.cause, position: undefined }
}

/** Runs what was read through, and then the time that its senders had when they handed on the last of it. */
export function runPiece(
  task: Task,
  entries: readonly HandedEntry[],
  { times, now }: { readonly times: readonly SenderTime[] | undefined; readonly now: number },
): Failed | undefined {
  const failed = runHanded(task, entries)
  if (failed !== undefined || times === undefined) return failed
  try {
    task.heard(times, now)
    return undefined
  } catch (error) {
    return { failed: -1, error }
  }
}
