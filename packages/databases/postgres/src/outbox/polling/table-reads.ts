import type { Clock } from 'dure/runtime'
import type { OutboxRow } from '../rows.ts'
import type { RelayLimits } from '../limits.ts'
import type { Backlog } from './backlog.ts'
import type { Flushes } from './flushes.ts'
import type { InFlight } from './in-flight.ts'
import type { Leases } from './leases.ts'
import { createReader } from './reader.ts'
import type { Session } from './session.ts'

/** What one read of the table found. */
export type TableRead = {
  readonly rows: readonly OutboxRow[]
  /** There may be more behind it. */
  readonly more: boolean
  readonly lanes: number
  readonly mark: ReturnType<Backlog['mark']>
  readonly began: number
  /** How often reading had started over when this began. */
  readonly epoch: number
}

export type TableReads = {
  /** Whoever waits for it is told of its failure; if nobody does any more, the end of the session tells. */
  readonly begin: () => Promise<TableRead>
  /** What is read from now on begins at the beginning, and what was read ahead is put back: it must not overtake what is read again. */
  readonly startOver: () => void
  readonly epoch: () => number
  /** When the last one began. */
  readonly beganAt: () => number
}

/** Reads of the outbox's table of the lanes that are held, from the last row on and at times from the first. */
export function createTableReads(options: {
  session: Session
  clock: Clock
  limits: RelayLimits
  leases: Leases
  inFlight: InFlight
  backlog: Backlog
  flushes: Flushes
}): TableReads {
  const { session, clock, limits, leases, inFlight, backlog, flushes } = options
  const reader = createReader(limits)
  let restartAt = clock.monotonic() + limits.rescan
  let epoch = 0
  let beganAt = -Infinity

  const read = async (): Promise<TableRead> => {
    const mark = backlog.mark()
    const began = flushes.mark()
    const lanes = [...leases.held().keys()]
    if (clock.monotonic() > restartAt) {
      restartAt = clock.monotonic() + limits.rescan
      reader.restart()
    }
    const since = epoch
    beganAt = clock.monotonic()
    const { rows, more } = lanes.length === 0 ? NOTHING : await reader.read(session.query, lanes)
    return { rows: inFlight.take(rows), more, lanes: lanes.length, mark, began, epoch: since }
  }

  return {
    begin: () => {
      const reading = read()
      reading.catch(() => {})
      return reading
    },
    startOver: () => {
      reader.restart()
      epoch++
    },
    epoch: () => epoch,
    beganAt: () => beganAt,
  }
}

const NOTHING = { rows: [], more: false } as const
