/** Keys that tokens are signed with. A new one is shown before it signs; an old one stays until all that it signed has ended. */
import { generateKeyPairSync } from 'node:crypto'
import type { SqlStore } from 'dure/data'
import type { Runtime } from 'dure/runtime'
import type { Secret } from './secret.ts'

export type SigningKey = {
  readonly kid: string
  readonly state: 'upcoming' | 'signing' | 'past'
  /** When it begins to sign, in milliseconds since the epoch. */
  readonly signs: number
}

/** What is done to keys. */
export type Keys = {
  readonly list: () => readonly SigningKey[]
  /** Shows a new key, which signs after `keyLead` milliseconds. While one is upcoming, that one. */
  readonly rotate: () => Promise<SigningKey>
}

export type PrivateKey = Readonly<Record<string, unknown>> & { readonly kid: string }

export type KeyStore = {
  readonly keys: Keys
  /** All that are shown, whoever signs first. */
  readonly shown: () => readonly PrivateKey[]
  /** Looks whether another process has a new one, makes one where it is time, and throws away those that signed nothing that is left. */
  readonly refresh: () => Promise<void>
}

type Row = { readonly kid: string; readonly signs: number; readonly jwk: PrivateKey }

const ALGORITHM = 'ES256'

/** @throws {Error} when the keys in the store were sealed with another secret */
export async function openKeys(options: {
  readonly store: SqlStore
  readonly runtime: Runtime
  readonly secret: Secret
  /** Milliseconds that a key signs for; that it is shown before; and that what it signs lasts, at most. */
  readonly times: { readonly life: number; readonly lead: number; readonly longest: number }
  readonly onMade: (key: SigningKey) => Promise<void>
}): Promise<KeyStore> {
  const { store, runtime, secret, times } = options
  const { clock } = runtime
  let rows: readonly Row[] = []

  const load = async (): Promise<void> => {
    const known = new Map(rows.map((row) => [row.kid, row.jwk]))
    const found = await store.select('SELECT kid, sealed, signs FROM signing_keys ORDER BY signs, kid')
    rows = found.map((row) => {
      const kid = String(row['kid'])
      return { kid, signs: Number(row['signs']), jwk: known.get(kid) ?? opened(secret, kid, String(row['sealed'])) }
    })
  }
  /** The one that signs is the last whose time has come. */
  const signer = (now: number): number =>
    Math.max(
      0,
      rows.findLastIndex((row) => row.signs <= now),
    )
  const list = (): readonly SigningKey[] => {
    const at = signer(clock.now())
    return rows.map(({ kid, signs }, index) => ({
      kid,
      signs,
      state: index === at ? 'signing' : index < at ? 'past' : 'upcoming',
    }))
  }

  /** @param due whether one is made, by the keys that there are when it is this process's turn */
  const make = async (lead: number, due: (last: number | undefined) => boolean): Promise<void> => {
    const kid = runtime.ids.hex(12)
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const jwk = { ...privateKey.export({ format: 'jwk' }), kid, alg: ALGORITHM, use: 'sig' }
    const sealed = secret.seal(kid, JSON.stringify(jwk))
    const made = await store.transaction(async (tx) => {
      const [row] = await tx.all('SELECT max(signs) AS signs FROM signing_keys')
      const last = row === undefined || row['signs'] === null ? undefined : Number(row['signs'])
      if (!due(last)) return undefined
      const signs = clock.now() + lead
      await tx.run('INSERT INTO signing_keys (kid, sealed, signs) VALUES (?, ?, ?)', [kid, sealed, signs])
      return signs
    })
    await load()
    if (made !== undefined) await options.onMade({ kid, signs: made, state: lead === 0 ? 'signing' : 'upcoming' })
  }

  await load()
  if (rows.length === 0) await make(0, (last) => last === undefined)
  return {
    keys: {
      list,
      rotate: async () => {
        await make(times.lead, (last) => last === undefined || last <= clock.now())
        return list().at(-1)!
      },
    },
    shown: () => {
      const now = clock.now()
      const at = signer(now)
      const alive = rows.filter((_, index) => index >= at || rows[index + 1]!.signs + times.longest > now)
      const first = rows[at]!
      return [first, ...alive.filter((row) => row !== first)].map(({ jwk }) => jwk)
    },
    refresh: async () => {
      await load()
      const now = clock.now()
      const gone = rows.filter((_, index) => index < signer(now) && rows[index + 1]!.signs + times.longest <= now)
      for (const { kid } of gone) await store.transaction((tx) => tx.run('DELETE FROM signing_keys WHERE kid = ?', [kid]))
      const old = (last: number | undefined): boolean => last === undefined || last + times.life <= clock.now()
      if (old(rows.at(-1)?.signs)) await make(times.lead, old)
      else if (gone.length > 0) await load()
    },
  }
}

function opened(secret: Secret, kid: string, sealed: string): PrivateKey {
  try {
    return JSON.parse(secret.open(kid, sealed)) as PrivateKey
  } catch (cause) {
    throw new Error(
      `Cannot open the signing key "${kid}": it was sealed with another secret; start with the one that all copies share`,
      { cause },
    )
  }
}
