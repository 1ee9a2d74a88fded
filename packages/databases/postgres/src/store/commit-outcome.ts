import type { Runtime } from 'dure/runtime'
import { TERMINATE, type Present, type Witness } from './witness.ts'

/** How a transaction ended whose COMMIT was sent but not answered. */
export type Outcome = 'committed' | 'rolledBack' | 'unknown'

/**
 * Asks the server how a transaction ended, by its number.
 *
 * A session that was there before the transaction and is there still shows that the server has not crashed since; then its
 * word is the last. After a crash it may have forgotten the transaction and have given its number to another. The
 * checkpoint that ends its recovery says up to which number it remembers; as long as that is the newest checkpoint
 * (it is where writing goes on: its redo position is its own), the answer is certain. Later it can be unknown.
 */
export async function commitOutcome(options: {
  /** The transaction's number; null when it wrote nothing; undefined when it is not known. */
  readonly xid: string | null | undefined
  /** The witness when it began. */
  readonly present: Present | undefined
  readonly witness: Witness
  /** The session it was in: what those of this process are called, and the server's process. */
  readonly writer: { readonly name: string; readonly pid: number }
  readonly runtime: Runtime
  readonly timeout: number
}): Promise<Outcome> {
  const { xid, present, witness, writer, runtime, timeout } = options
  const { clock, timers } = runtime
  if (xid === null) return 'rolledBack'
  if (xid === undefined) return 'unknown'
  const until = clock.monotonic() + timeout
  for (;;) {
    const session = await witness.awaited(Math.max(0, until - clock.monotonic()))
    if (session === undefined) return 'unknown'
    try {
      // While its session is there it may still be committing.
      const { rows: open } = await session.query(TERMINATE, [writer.name, writer.pid])
      const [row] = (await session.query(STATUS, [xid])).rows
      const { status, recovered, remembered } = row as { status: string | null; recovered: number; remembered: number }
      if (status === 'aborted' || status === 'future') return 'rolledBack'
      if (session === present?.session) {
        if (status === 'committed') return 'committed'
      } else if (open.length === 0) {
        if (row!['timeline'] !== present?.timeline) return 'unknown'
        if (status === 'in progress') return 'rolledBack'
        if (recovered !== 1) return 'unknown'
        return remembered === 1 && status === 'committed' ? 'committed' : 'rolledBack'
      }
    } catch {
      // That session is gone as well; the next may tell.
    }
    if (clock.monotonic() >= until) return 'unknown'
    await timers.sleep(10)
  }
}

const STATUS = `
  SELECT CASE WHEN $1::xid8 < pg_snapshot_xmax(pg_current_snapshot()) THEN pg_xact_status($1::xid8) ELSE 'future' END AS status,
    redo_lsn = checkpoint_lsn AS recovered, timeline_id AS timeline,
    $1::text::numeric < split_part(next_xid, ':', 1)::numeric * 4294967296 + split_part(next_xid, ':', 2)::numeric AS remembered
  FROM pg_control_checkpoint()`
