/** Layers of settings as files have them: what is secret there is encrypted, or left out. */
import type { Runtime } from '../../runtime/runtime.ts'
import { isSealed, openValue, sealValue } from '../sealed.ts'
import type { ConfigLayer, ConfigValue } from '../source.ts'

type SavedValue = Omit<ConfigValue, 'secret'> & {
  readonly key: string
  readonly secret?: 'here' | 'from the source' | 'left out'
}
export type SavedLayers = readonly {
  readonly name: string
  readonly relaxed?: boolean | undefined
  readonly values: readonly SavedValue[]
}[]

/** `secrets`: keys that are secret besides those of which their source says so. The first of `keys` encrypts. */
export type SaveHow = {
  readonly secrets: ReadonlySet<string>
  readonly keys: readonly Uint8Array[]
  readonly random: Runtime['random']
}

export function savedLayers(layers: readonly ConfigLayer[], how: SaveHow): SavedLayers {
  return layers.map(({ name, relaxed, values }) => ({
    ...{ name, relaxed },
    values: [...values].flatMap(([key, value]) => saveable(key, value, how)),
  }))
}

/** @param now where what was left out is taken from */
export function openedLayers(
  layers: SavedLayers,
  keys: readonly Uint8Array[],
  now: readonly ConfigLayer[] = [],
): readonly ConfigLayer[] {
  return layers.map(({ name, relaxed, values }) => {
    const present = now.find((layer) => layer.name === name)?.values
    return { name, relaxed, values: new Map(values.flatMap((one) => opened(one, keys, present?.get(one.key)))) }
  })
}

function saveable(key: string, { secret, ...value }: ConfigValue, { secrets, keys, random }: SaveHow): readonly SavedValue[] {
  if ((secret !== true && !secrets.has(key)) || isSealed(value.value)) return [{ key, ...value }]
  const [first] = keys
  if (first === undefined || typeof value.value !== 'string') return [{ key, from: value.from, value: null, secret: 'left out' }]
  return [
    { key, ...value, value: sealValue(key, value.value, first, random), secret: secret === true ? 'from the source' : 'here' },
  ]
}

/** What cannot be opened is as if it were not set: what needs it says so. */
function opened(
  { key, secret, ...value }: SavedValue,
  keys: readonly Uint8Array[],
  now: ConfigValue | undefined,
): readonly (readonly [string, ConfigValue])[] {
  if (secret === undefined) return [[key, value]]
  if (secret === 'left out') return now === undefined ? [] : [[key, now]]
  const plain = openValue(key, String(value.value), keys)
  return plain === undefined ? [] : [[key, { ...value, value: plain, ...(secret === 'from the source' && { secret: true }) }]]
}
