import { CallError } from '../contract/contract.ts'
import { constraintOf } from '../data/internal.ts'
import type { SqlStore } from '../data/data.ts'
import type { Runtime } from '../runtime/runtime.ts'

/** The keys of subjects, in a store of their own: its backups can be thrown away earlier than those of what they open. */
export type SubjectKeys = {
  /** The key of a subject, made when it has none. */
  readonly of: (subject: string) => Promise<SubjectKey>
  /** Keys by their ids; undefined for one that is forgotten. @throws {CallError} DATA_LOSS when one is not there, or damaged */
  readonly find: (ids: readonly string[]) => Promise<ReadonlyMap<string, Uint8Array | undefined>>
  /** True when there was one. */
  readonly forget: (subject: string) => Promise<boolean>
}

export type SubjectKey = { readonly id: string; readonly secret: Uint8Array }

/** Bytes of a key of AES-256. */
const LENGTH = 32

export function subjectKeys(store: SqlStore, runtime: Pick<Runtime, 'ids' | 'random' | 'clock'>): SubjectKeys {
  const one = async (subject: string): Promise<SubjectKey | undefined> => {
    const [row] = await store.select('SELECT id, secret FROM dure_subject_keys WHERE subject = ?', [subject])
    return row && { id: String(row['id']), secret: secretOf(String(row['id']), row['secret']) }
  }
  return {
    of: async (subject) => {
      for (;;) {
        const known = await one(subject)
        if (known !== undefined) return known
        const secret = Buffer.from(runtime.random.fill(new Uint8Array(LENGTH))).toString('base64')
        try {
          await store.transaction((tx) =>
            tx.run('INSERT INTO dure_subject_keys (id, subject, secret) VALUES (?, ?, ?)', [runtime.ids.next(), subject, secret]),
          )
        } catch (error) {
          // Another was faster.
          if (constraintOf(error) !== 'unique') throw error
        }
      }
    },
    find: async (ids) => {
      const marks = ids.map(() => '?').join(', ')
      const rows = await store.select(`SELECT id, secret, forgotten_at FROM dure_subject_keys WHERE id IN (${marks})`, ids)
      const found = new Map(
        rows.map((row) => {
          const id = String(row['id'])
          return [id, row['forgotten_at'] === null ? secretOf(id, row['secret']) : undefined]
        }),
      )
      const lost = ids.find((id) => !found.has(id))
      if (lost !== undefined) throw damaged(lost, 'is not in it')
      return found
    },
    forget: async (subject) =>
      (await store.transaction((tx) =>
        tx.run('UPDATE dure_subject_keys SET subject = NULL, secret = NULL, forgotten_at = ? WHERE subject = ?', [
          runtime.clock.now(),
          subject,
        ]),
      )) > 0,
  }
}

function secretOf(id: string, secret: unknown): Uint8Array {
  const bytes = Buffer.from(typeof secret === 'string' ? secret : '', 'base64')
  if (bytes.length !== LENGTH) throw damaged(id, 'is damaged')
  return bytes
}

/** Nobody has forgotten it: what it opens must not be taken for forgotten. */
function damaged(id: string, state: string): CallError {
  return new CallError(
    'DATA_LOSS',
    `Reading personal fields failed: the store of subjects' keys is not whole, key "${id}" ${state}. Nothing of the events is lost. To do: restore that store from its backup`,
    { details: { key: id }, inside: true },
  )
}
