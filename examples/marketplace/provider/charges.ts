import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

export type NewCharge = { readonly key: string; readonly customerId: number; readonly amount: number; readonly method: string }
export type Answer = { readonly status: 'succeeded' } | { readonly status: 'declined'; readonly reason: string }

/** The provider's own books: a charge is written down before it is answered, under the key it came with. */
export type Charges = {
  /** Charges once a key; undefined when the key was used for something else. */
  readonly charge: (charge: NewCharge, decide: () => Answer) => Answer | undefined
  readonly totals: () => { charges: number; succeeded: number; declined: number; amount: number; repeats: number }
  readonly forget: () => void
  readonly close: () => void
}

export function openCharges(file: string): Charges {
  mkdirSync(dirname(file), { recursive: true })
  const db = new DatabaseSync(file, { timeout: 5_000 })
  // Each statement is a transaction of its own, and in the file before the answer leaves: a kill loses nothing.
  db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS charges (
      key TEXT PRIMARY KEY,
      customer_id INTEGER NOT NULL,
      amount INTEGER NOT NULL,
      method TEXT NOT NULL,
      status TEXT NOT NULL,
      reason TEXT NOT NULL,
      repeats INTEGER NOT NULL DEFAULT 0
    )`)
  const find = db.prepare('SELECT customer_id, amount, method, status, reason FROM charges WHERE key = ?')
  const insert = db.prepare('INSERT INTO charges (key, customer_id, amount, method, status, reason) VALUES (?, ?, ?, ?, ?, ?)')
  const repeat = db.prepare('UPDATE charges SET repeats = repeats + 1 WHERE key = ?')
  const sums = db.prepare(`SELECT count(*) AS charges, coalesce(sum(repeats), 0) AS repeats,
    coalesce(sum(status = 'succeeded'), 0) AS succeeded, coalesce(sum(status = 'declined'), 0) AS declined,
    coalesce(sum(CASE WHEN status = 'succeeded' THEN amount ELSE 0 END), 0) AS amount FROM charges`)
  return {
    charge: ({ key, customerId, amount, method }, decide) => {
      const known = find.get(key)
      if (known !== undefined) {
        if (known['amount'] !== amount || known['method'] !== method || known['customer_id'] !== customerId) return undefined
        repeat.run(key)
        return known['status'] === 'succeeded' ? { status: 'succeeded' } : { status: 'declined', reason: String(known['reason']) }
      }
      const answer = decide()
      insert.run(key, customerId, amount, method, answer.status, answer.status === 'declined' ? answer.reason : '')
      return answer
    },
    totals: () => sums.get() as ReturnType<Charges['totals']>,
    forget: () => db.exec('DELETE FROM charges'),
    close: () => db.close(),
  }
}
