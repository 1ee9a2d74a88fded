import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { hear, type Testimony } from './witness.ts'

/** What the witnesses in the stores of a directory saw, once the services have ended. Undefined where there was none. */
export function readWitnesses(directory: string): Testimony | undefined {
  const stores = new Map<string, DatabaseSync>()
  try {
    for (const file of readdirSync(directory).filter((name) => name.endsWith('.db'))) {
      const store = new DatabaseSync(join(directory, file), { readOnly: true })
      stores.set(file.slice(0, -'.db'.length), store)
    }
    const watched = [...stores.keys()].filter(
      (name) => stores.get(name)!.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'witness_events'").get() !== undefined,
    )
    if (watched.length === 0) return undefined
    return hear(watched, (service, sql) => stores.get(service)!.prepare(sql).all() as ReturnType<Parameters<typeof hear>[1]>)
  } finally {
    for (const store of stores.values()) store.close()
  }
}
