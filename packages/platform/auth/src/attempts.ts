/** Logins that failed, counted for the account and for the address, in the store: copies count together. */
import { isIPv6 } from 'node:net'
import type { SqlStore, SqlTransaction } from 'dure/data'
import type { Clock } from 'dure/runtime'
import type { Secret } from './secret.ts'
import { change } from './tables.ts'

/** Rows of each kind are at most 16 to this power: whoever tries a million names fills no disk. Which share one, nobody outside can know. */
const DIGITS = 5

export type Attempts = {
  /**
   * Counts one before it is looked at, so that many at once are no way around. `closed`: there were too many, and this is the first one too
   * many of them.
   */
  readonly begin: (name: string, address: string) => Promise<'open' | 'closed' | 'still closed'>
  /** It was a right one: it does not count, and those of the account before it do not either. */
  readonly succeed: (name: string, address: string) => Promise<void>
}

const COUNT = `INSERT INTO attempts (id, failures, expires) VALUES (?, 1, ?) ON CONFLICT (id) DO UPDATE SET
  failures = CASE WHEN attempts.expires <= ? THEN 1 ELSE attempts.failures + 1 END,
  expires = CASE WHEN attempts.expires <= ? THEN excluded.expires ELSE attempts.expires END RETURNING failures`

export function createAttempts(options: {
  readonly store: SqlStore
  readonly clock: Clock
  readonly secret: Secret
  readonly limits: { readonly accountFailures: number; readonly addressFailures: number; readonly failureWindow: number }
}): Attempts {
  const { store, clock, limits } = options
  const rowOf = (kind: 'account' | 'address', value: string): string => {
    const digest = Buffer.from(options.secret.derive(kind, value), 'base64url').toString('hex')
    return `${kind} ${digest.slice(0, DIGITS)}`
  }
  const count = async (tx: SqlTransaction, id: string): Promise<number> => {
    const now = clock.now()
    const [row] = await tx.all(COUNT, [id, now + limits.failureWindow, now, now])
    return Number(row!['failures'])
  }
  return {
    begin: (name, address) =>
      store.transaction(async (tx) => {
        const fromAddress = (await count(tx, rowOf('address', networkOf(address)))) - limits.addressFailures
        if (fromAddress > 0) return fromAddress === 1 ? 'closed' : 'still closed'
        const account = (await count(tx, rowOf('account', name))) - limits.accountFailures
        if (account > 0) return account === 1 ? 'closed' : 'still closed'
        return 'open'
      }),
    succeed: async (name, address) => {
      await change(store, 'DELETE FROM attempts WHERE id = ?', [rowOf('account', name)])
      const sql = 'UPDATE attempts SET failures = failures - 1 WHERE id = ? AND failures > 0'
      await change(store, sql, [rowOf('address', networkOf(address))])
    },
  }
}

/** Of IPv6 everybody has as many addresses as they like below the first half. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)
  if (mapped !== null) return mapped[1]!
  if (!isIPv6(address)) return address
  const [before = '', after] = address.split('%')[0]!.split('::')
  const first = before.split(':').filter(Boolean)
  const last = (after ?? '').split(':').filter(Boolean)
  const zeros = after === undefined ? [] : Array.from({ length: Math.max(0, 8 - first.length - last.length) }, () => '0')
  const groups = [...first, ...zeros, ...last].slice(0, 4)
  return groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':')
}
