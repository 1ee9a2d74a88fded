/** The logins that there are: found by whom they are of, and ended. */
import type { SqlStore } from 'dure/data'
import type { Clock } from 'dure/runtime'
import type { Session } from 'oidc-provider'
import type { EndedLogin } from './options.ts'
import { endSessions } from './records.ts'

export type Stored = Pick<Session, 'authorizations' | 'accountId'>

export type Logins = {
  /** The login at one client ends, because what was given by this grant was taken back. */
  readonly endGrant: (grant: { readonly id: string; readonly subject: string; readonly client: string }) => Promise<void>
  /** All of a subject end, and with them all grants and tokens. */
  readonly endAll: (subject: string) => Promise<void>
  /** One that oidc-provider has ended: what was to be told of it. */
  readonly ended: (session: Stored) => Promise<void>
}

export function createLogins(store: SqlStore, clock: Clock, tell: (ended: EndedLogin) => Promise<void>): Logins {
  const sessionsOf = async (subject: string): Promise<readonly { readonly id: string; readonly session: Stored }[]> => {
    const rows = await store.select(`SELECT id, payload FROM records WHERE kind = 'Session' AND subject = ?`, [subject])
    return rows.map((row) => ({ id: String(row['id']), session: JSON.parse(String(row['payload'])) as Stored }))
  }
  const tellOf = async ({ accountId, authorizations = {} }: Stored): Promise<void> => {
    if (accountId === undefined) return
    for (const [client, { sid }] of Object.entries(authorizations))
      if (sid !== undefined) await tell({ subject: accountId, sid, client })
  }
  return {
    ended: tellOf,
    endGrant: async ({ id: grantId, subject, client }) => {
      for (const { id, session } of await sessionsOf(subject)) {
        const own = session.authorizations?.[client]
        if (own?.grantId !== grantId) continue
        // The next login at this client has another sid, so that this one can stay ended.
        await store.transaction(async (tx) => {
          const [row] = await tx.all('SELECT payload FROM records WHERE id = ?', [id])
          if (row === undefined) return
          const { authorizations = {}, ...rest } = JSON.parse(String(row['payload'])) as Stored
          const others = Object.fromEntries(Object.entries(authorizations).filter(([name]) => name !== client))
          await tx.run('UPDATE records SET payload = ? WHERE id = ?', [JSON.stringify({ ...rest, authorizations: others }), id])
        })
        if (own.sid !== undefined) await tell({ subject, client, sid: own.sid })
      }
    },
    endAll: async (subject) => {
      const gone = await endSessions(store, 'subject', subject, clock)
      await tell({ subject })
      for (const session of gone) await tellOf(session)
    },
  }
}
