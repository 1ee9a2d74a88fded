/** What oidc-provider keeps, in the store: logins, grants, codes and refresh tokens. */
import type { SqlStore, SqlValue } from 'dure/data'
import type { Clock } from 'dure/runtime'
import type { Adapter, Payload, Session } from 'oidc-provider'
import { InvalidGrant } from 'oidc-provider/lib/helpers/errors.js'
import { Provider } from 'oidc-provider/lib/provider.js'
import { change, digestOf } from './tables.ts'

export type RecordsOptions = {
  readonly store: SqlStore
  readonly clock: Clock
  /** The only token that may come after a refresh token: whoever rotates one, in whatever process, gives out the same. */
  readonly successorOf: (token: string) => string
  /** Milliseconds for which a refresh token that has a successor may be used again. */
  readonly grace: number
  /** A grant has been taken back, with all that was given by it. */
  readonly onRevoked: (grant: { readonly id: string; readonly subject: string; readonly client: string }) => Promise<void>
}

export type Records = (kind: string) => Adapter

const PUT = `INSERT INTO records (id, kind, payload, grant_id, uid, subject, made, expires) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
const REPLACING = `${PUT} ON CONFLICT (id) DO UPDATE SET payload = excluded.payload, grant_id = excluded.grant_id,
  uid = excluded.uid, subject = excluded.subject, expires = excluded.expires`
/** A refresh token is what it is from the start: two who make the same one at once have made one. */
const ONCE = `${PUT} ON CONFLICT (id) DO NOTHING`
const REFRESH = 'RefreshToken'
/** Marks a login that has ended, for as long as a request that began before may last: what it writes back must not revive it. */
const ENDED = 'Ended'
const MARKED = 3_600_000

export function createRecords(options: RecordsOptions): Records {
  const { store, clock } = options
  const by = async (column: 'id' | 'uid', value: string): Promise<Payload | undefined> => {
    const [row] = await store.select(`SELECT payload, consumed FROM records WHERE ${column} = ? AND kind <> '${ENDED}'`, [value])
    if (row === undefined) return undefined
    const payload = JSON.parse(String(row['payload'])) as Payload
    return row['consumed'] === null ? payload : { ...payload, consumed: Number(row['consumed']) }
  }

  /** A refresh token is used when its successor is there: one row, so no crash leaves it used and followed by nothing. */
  const refreshToken = async (id: string): Promise<Payload | undefined> => {
    const next = digestOf(REFRESH, options.successorOf(id))
    const rows = await store.select('SELECT id, payload, made FROM records WHERE id IN (?, ?)', [digestOf(REFRESH, id), next])
    const own = rows.find((row) => row['id'] !== next)
    if (own === undefined) return undefined
    const payload = { ...(JSON.parse(String(own['payload'])) as Payload), jti: id }
    const successor = rows.find((row) => row['id'] === next)
    const used = successor === undefined ? undefined : Number(successor['made'])
    return used !== undefined && used + options.grace <= clock.now()
      ? { ...payload, consumed: Math.floor(used / 1_000) }
      : payload
  }

  const put = async (kind: string, id: string, payload: Payload, expiresIn: number | undefined): Promise<void> => {
    const now = clock.now()
    const { grantId, uid, accountId } = payload as Readonly<Record<string, string | undefined>>
    const digest = digestOf(kind, id)
    const session = kind === 'Session' ? (uid ?? null) : null
    const values: SqlValue[] = [digest, kind, JSON.stringify(written(kind, payload)), grantId ?? null, session]
    values.push(accountId ?? null, now, expiresIn === undefined ? Number.MAX_SAFE_INTEGER : now + expiresIn * 1_000)
    if (session === null) return void (await change(store, kind === REFRESH ? ONCE : REPLACING, values))
    // A login that goes on under another cookie: the old row goes with the same commit. One that was ended meanwhile stays ended.
    await store.transaction(async (tx) => {
      const [ended] = await tx.all('SELECT 1 AS there FROM records WHERE id = ?', [digestOf(ENDED, session)])
      if (ended !== undefined) return
      await tx.run('DELETE FROM records WHERE uid = ? AND id <> ?', [session, digest])
      await tx.run(REPLACING, values)
    })
  }

  const destroy = async (kind: string, id: string): Promise<void> => {
    if (kind === 'Session') {
      const session = Provider.ctx?.oidc.session
      // Its new row takes the old one's place.
      if (session?.oldId === id) return
      if (session !== undefined) return void (await endSessions(store, 'uid', session.uid, clock))
    }
    const sql = 'DELETE FROM records WHERE id = ? RETURNING payload'
    const [row] = await store.transaction((tx) => tx.all(sql, [digestOf(kind, id)]), { isolated: false })
    if (kind !== 'Grant' || row === undefined) return
    const { accountId, clientId } = JSON.parse(String(row['payload'])) as {
      readonly accountId: string
      readonly clientId: string
    }
    await options.onRevoked({ id, subject: accountId, client: clientId })
  }

  const consume = async (kind: string, id: string): Promise<void> => {
    if (kind === REFRESH) return
    const seconds = Math.floor(clock.now() / 1_000)
    const values = [seconds, digestOf(kind, id)]
    const first = await change(store, 'UPDATE records SET consumed = ? WHERE id = ? AND consumed IS NULL', values)
    // Two who came at once both found it unused.
    if (first === 0) throw new InvalidGrant('it was used already')
  }

  return (kind) => ({
    upsert: (id, payload, expiresIn) => put(kind, id, payload, expiresIn),
    find: async (id) => {
      if (kind === REFRESH) return refreshToken(id)
      const found = await by('id', digestOf(kind, id))
      return found && { ...found, jti: id }
    },
    findByUid: (uid) => by('uid', uid),
    findByUserCode: async () => undefined,
    destroy: (id) => destroy(kind, id),
    consume: (id) => consume(kind, id),
    revokeByGrantId: async (grantId) =>
      void (await change(store, 'DELETE FROM records WHERE grant_id = ? AND kind = ?', [grantId, kind])),
  })
}

/** Without what would open a door: the token itself, and the cookie of the login that a page is part of. */
function written(kind: string, { jti: _, ...payload }: Payload): Payload {
  if (kind !== 'Interaction') return payload
  const { cookie: _cookie, ...session } = (payload['session'] ?? {}) as Payload
  return payload['session'] === undefined ? payload : { ...payload, session }
}

/** Ends one login, or all of a subject with all that was given by them. Gives what they were. */
export function endSessions(
  store: SqlStore,
  column: 'uid' | 'subject',
  value: string,
  clock: Clock,
): Promise<readonly Pick<Session, 'accountId' | 'authorizations'>[]> {
  return store.transaction(async (tx) => {
    const rows = await tx.all(`DELETE FROM records WHERE ${column} = ? AND kind <> '${ENDED}' RETURNING kind, uid, payload`, [
      value,
    ])
    const sessions = rows.filter((row) => row['kind'] === 'Session')
    const now = clock.now()
    for (const { uid } of sessions)
      await tx.run(`${PUT} ON CONFLICT (id) DO NOTHING`, [
        ...[digestOf(ENDED, String(uid)), ENDED, '{}', null, String(uid), null, now, now + MARKED],
      ])
    return sessions.map((row) => JSON.parse(String(row['payload'])) as Session)
  })
}
