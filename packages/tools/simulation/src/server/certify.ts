import { answersTheSame, Crossed, type Attempt, type Committed } from './attempt.ts'
import { applyLeniently } from './snapshots.ts'

/**
 * Whether a transaction may commit beside those that were committed since it began (`meanwhile`): as PostgreSQL decides at
 * SERIALIZABLE. Nobody writes a row that another of them has written; and of three that follow each other by what they have
 * read, not the last commits first (Cahill et al. 2008; Ports and Grittner 2012). What has changed under a transaction that
 * nobody looked back from is no obstacle: it counts as if it had come first.
 *
 * That one has read what another writes is found out by running its statements again with those writes, and comparing answers.
 *
 * @throws {Crossed} when it may not
 */
export function certify(
  attempt: Attempt,
  changes: Uint8Array,
  meanwhile: readonly Committed[],
): { readonly out: number | undefined } {
  for (const { attempt: other } of meanwhile)
    for (const row of attempt.rows) if (other.rows.has(row)) throw new Crossed('another has written the same row since it began')
  const before = meanwhile.filter((other) => sees(attempt, other.changes))
  const behind = meanwhile.filter((other) => sees(other.attempt, changes))
  const [first] = before
  // It stands between two of them, and the one that is to come last has committed first.
  if (first !== undefined && behind.some(({ version }) => first.version <= version))
    throw new Crossed('it has read what another has written, and another has read what it writes')
  for (const { out } of before) {
    // Who only reads can have seen the first commit only when that was there as it began.
    if (out !== undefined && (attempt.rows.size > 0 || out <= attempt.from))
      throw new Crossed('it has read what another has written, which had itself read what was written before')
  }
  return { out: first?.version }
}

/** Whether a transaction would have been answered otherwise with these changes. */
function sees(attempt: Attempt, changes: Uint8Array): boolean {
  if (changes.length === 0 || attempt.log.length === 0) return false
  const { db } = attempt.snapshot
  db.exec('BEGIN')
  try {
    applyLeniently(attempt.snapshot, changes)
    return !answersTheSame(attempt)
  } finally {
    db.exec('ROLLBACK')
  }
}
