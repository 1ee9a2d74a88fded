/** The applications and programs that may ask for tokens: those of the system's file, and those that were added while it runs. */
import { CallError } from 'dure/contract'
import type { SqlRow, SqlStore } from 'dure/data'
import type { Runtime } from 'dure/runtime'
import { clientFault, type AuthOptions, type ClientOptions } from './options.ts'
import type { Secret } from './secret.ts'
import { change } from './tables.ts'

/** A client as it is listed: what it may, and nothing of its secret. */
export type KnownClient = Omit<ClientOptions, 'secret'> & {
  /** Whether it has a secret. */
  readonly confidential: boolean
  readonly disabled: boolean
  /** Whether it stands in the options of the server: then it cannot be added, and can be disabled. */
  readonly configured: boolean
}

/** `confidential`: it can keep a secret, which is made for it. Default: it is an application in a browser or on a phone. */
export type NewClient = Omit<ClientOptions, 'secret'> & { readonly confidential?: boolean }

/** What is done to clients. What is changed counts at once, in every copy. */
export type Clients = {
  /** In order of their ids. */
  readonly list: () => Promise<readonly KnownClient[]>
  /** Gives the secret, which is told this once. @throws {CallError} ALREADY_EXISTS, INVALID_ARGUMENT when it cannot be used */
  readonly add: (client: NewClient) => Promise<{ readonly client: KnownClient; readonly secret?: string }>
  /** It gets no tokens any more; those that it has last minutes. @throws {CallError} NOT_FOUND */
  readonly disable: (id: string) => Promise<void>
  /** @throws {CallError} NOT_FOUND */
  readonly enable: (id: string) => Promise<void>
}

export type ClientChange = 'added' | 'disabled' | 'enabled'

export type ClientStore = {
  readonly clients: Clients
  /** Undefined when there is none, or it is disabled. */
  readonly find: (id: string) => Promise<ClientOptions | undefined>
}

/** Those that were added, at most. */
const MOST = 10_000
const SELECT = 'SELECT id, options, sealed, disabled FROM clients'

export function createClients(given: {
  readonly options: AuthOptions
  readonly store: SqlStore
  readonly secret: Secret
  readonly random: Runtime['random']
  /** Told after each change, before whoever asked for it is. */
  readonly onChange: (what: ClientChange, id: string) => Promise<void>
}): ClientStore {
  const { options, store, secret, random } = given
  const configured = new Map(options.clients.map((client) => [client.id, client]))
  const clientOf = ({ id, options: text, sealed }: SqlRow): ClientOptions | undefined => {
    const own = configured.get(String(id))
    if (own !== undefined || text === null) return own
    const opened = sealed === null ? {} : { secret: secret.open(`client ${String(id)}`, String(sealed)) }
    return { ...(JSON.parse(String(text)) as ClientOptions), id: String(id), ...opened }
  }
  const disable = async (id: string, disabled: 0 | 1): Promise<void> => {
    const sql =
      'INSERT INTO clients (id, options, sealed, disabled) VALUES (?, NULL, NULL, ?) ON CONFLICT (id) DO UPDATE SET disabled = ?'
    const changed = configured.has(id)
      ? await change(store, sql, [id, disabled, disabled])
      : await change(store, 'UPDATE clients SET disabled = ? WHERE id = ? AND options IS NOT NULL', [disabled, id])
    if (changed === 0) throw new CallError('NOT_FOUND', `There is no client "${id}"`)
    await given.onChange(disabled === 1 ? 'disabled' : 'enabled', id)
  }
  return {
    find: async (id) => {
      const [row] = await store.select(`${SELECT} WHERE id = ?`, [id])
      if (row === undefined) return configured.get(id)
      return Number(row['disabled']) === 1 ? undefined : clientOf(row)
    },
    clients: {
      list: async () => {
        const rows = await store.select(SELECT, [])
        const states = new Map(rows.map((row) => [String(row['id']), row]))
        const added = rows.flatMap((row) => (configured.has(String(row['id'])) ? [] : (clientOf(row) ?? [])))
        return [...configured.values(), ...added]
          .toSorted((a, b) => (a.id < b.id ? -1 : 1))
          .map((one) => known(one, Number(states.get(one.id)?.['disabled'] ?? 0) === 1, configured.has(one.id)))
      },
      add: async ({ confidential = false, ...client }) => {
        const { id, ...rest } = client
        const own = confidential ? Buffer.from(random.fill(new Uint8Array(32))).toString('base64url') : undefined
        const made: ClientOptions = { ...client, ...(own !== undefined && { secret: own }) }
        const fault = clientFault(made, options.scopes)
        if (fault !== undefined) throw new CallError('INVALID_ARGUMENT', `Cannot add the client "${id}": it ${fault}`)
        const there = new CallError('ALREADY_EXISTS', `Cannot add the client "${id}": there is one of this id`)
        if (configured.has(id)) throw there
        const sealed = own === undefined ? null : secret.seal(`client ${id}`, own)
        const added = await store.transaction(async (tx) => {
          const [row] = await tx.all('SELECT count(*) AS n FROM clients', [])
          if (Number(row!['n']) >= MOST)
            throw new CallError('RESOURCE_EXHAUSTED', `Cannot add the client "${id}": there are ${MOST} already`)
          const sql =
            'INSERT INTO clients (id, options, sealed, disabled) VALUES (?, ?, ?, 0) ON CONFLICT (id) DO UPDATE ' +
            'SET options = excluded.options, sealed = excluded.sealed, disabled = 0 WHERE clients.options IS NULL'
          return tx.run(sql, [id, JSON.stringify(rest), sealed])
        })
        if (added === 0) throw there
        await given.onChange('added', id)
        return { client: known(made, false, false), ...(own !== undefined && { secret: own }) }
      },
      disable: (id) => disable(id, 1),
      enable: (id) => disable(id, 0),
    },
  }
}

function known({ secret, ...client }: ClientOptions, disabled: boolean, configured: boolean): KnownClient {
  return { ...client, confidential: secret !== undefined, disabled, configured }
}
