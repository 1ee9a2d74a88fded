import { createHash } from 'node:crypto'
import { chmod, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFolder, type Runtime } from '../../runtime/runtime.ts'
import { isSealed, openValue, sealValue } from '../sealed.ts'
import type { ConfigSnapshot, ConfigValue } from '../source.ts'

/** What was last accepted of sources that can be away. */
export type LastGood = {
  /** Undefined when there is none, or it cannot be read. */
  readonly load: (source: string, keys: readonly Uint8Array[]) => Promise<ConfigSnapshot | undefined>
  /** Secrets are kept encrypted; without a key they are left out. */
  readonly save: (
    source: string,
    snapshot: ConfigSnapshot,
    how: { readonly secrets: ReadonlySet<string>; readonly keys: readonly Uint8Array[]; readonly random: Runtime['random'] },
  ) => Promise<void>
}

type SavedValue = Omit<ConfigValue, 'secret'> & { readonly key: string; readonly secret?: 'here' | 'from the source' }
type Saved = {
  readonly dure: 1
  readonly source: string
  readonly revision: string | undefined
  readonly layers: readonly {
    readonly name: string
    readonly relaxed?: boolean | undefined
    readonly values: readonly SavedValue[]
  }[]
}

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
      const layers = saved.layers.map(({ name, relaxed, values }) => ({
        ...{ name, relaxed },
        values: new Map(values.flatMap((one) => opened(one, keys))),
      }))
      return { layers, revision: saved.revision }
    },
    save: async (source, snapshot, how) => {
      const layers = snapshot.layers.map(({ name, relaxed, values }) => ({
        ...{ name, relaxed },
        values: [...values].flatMap(([key, value]) => saveable(key, value, how)),
      }))
      const saved: Saved = { dure: 1, source, revision: snapshot.revision, layers }
      makeFolder(folder)
      await chmod(folder, 0o700)
      const file = fileOf(source)
      const next = `${file}.${Buffer.from(how.random.fill(new Uint8Array(6))).toString('hex')}`
      await writeFile(next, JSON.stringify(saved), { mode: 0o600 })
      await rename(next, file)
    },
  }
}

function saveable(
  key: string,
  { secret, ...value }: ConfigValue,
  { secrets, keys, random }: Parameters<LastGood['save']>[2],
): readonly SavedValue[] {
  if ((secret !== true && !secrets.has(key)) || isSealed(value.value)) return [{ key, ...value }]
  const [first] = keys
  if (first === undefined || typeof value.value !== 'string') return []
  return [
    { key, ...value, value: sealValue(key, value.value, first, random), secret: secret === true ? 'from the source' : 'here' },
  ]
}

function opened({ key, secret, ...value }: SavedValue, keys: readonly Uint8Array[]): readonly (readonly [string, ConfigValue])[] {
  if (secret === undefined) return [[key, value]]
  const plain = openValue(key, String(value.value), keys)
  // As if it were not set: what needs it says so.
  return plain === undefined ? [] : [[key, { ...value, value: plain, ...(secret === 'from the source' && { secret: true }) }]]
}

function parse(text: string): Saved | undefined {
  try {
    const saved = JSON.parse(text) as Saved
    return saved.dure === 1 ? saved : undefined
  } catch {
    return undefined
  }
}
