import { createHash } from 'node:crypto'
import { chmod, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFolder } from '../../runtime/runtime.ts'
import type { ConfigSnapshot } from '../source.ts'
import { openedLayers, savedLayers, type SavedLayers, type SaveHow } from './saved.ts'

/** What was last accepted of sources that can be away. */
export type LastGood = {
  /** Undefined when there is none, or it cannot be read. */
  readonly load: (source: string, keys: readonly Uint8Array[]) => Promise<ConfigSnapshot | undefined>
  /** Secrets are kept encrypted; without a key they are left out. */
  readonly save: (source: string, snapshot: ConfigSnapshot, how: SaveHow) => Promise<void>
}

type Saved = { readonly dure: 1; readonly source: string; readonly revision: string | undefined; readonly layers: SavedLayers }

/** In the data directory, a file for each source that only its owner may read. */
export function lastGoodFiles(directory: string): LastGood {
  const folder = join(directory, 'config')
  const fileOf = (source: string): string =>
    join(folder, `${createHash('sha256').update(source).digest('hex').slice(0, 16)}.json`)
  return {
    load: async (source, keys) => {
      const text = await readFile(fileOf(source), 'utf8').catch(() => undefined)
      if (text === undefined) return undefined
      const saved = parse(text)
      if (saved === undefined) return undefined
      return { layers: openedLayers(saved.layers, keys), revision: saved.revision }
    },
    save: async (source, snapshot, how) => {
      const saved: Saved = { dure: 1, source, revision: snapshot.revision, layers: savedLayers(snapshot.layers, how) }
      makeFolder(folder)
      await chmod(folder, 0o700)
      const file = fileOf(source)
      const next = `${file}.${Buffer.from(how.random.fill(new Uint8Array(6))).toString('hex')}`
      await writeFile(next, JSON.stringify(saved), { mode: 0o600 })
      await rename(next, file)
    },
  }
}

function parse(text: string): Saved | undefined {
  try {
    const saved = JSON.parse(text) as Saved
    return saved.dure === 1 ? saved : undefined
  } catch {
    return undefined
  }
}
