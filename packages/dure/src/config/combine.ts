import type { ConfigProblem } from './errors.ts'
import { listOf, partsOf, relaxed } from './key.ts'
import type { ConfigLayer, ConfigScalar, ConfigValue } from './source.ts'

/** A value that counts, and those that would if it were not there, the first of them first. */
export type EffectiveValue = ConfigValue & { readonly overrides: readonly ConfigValue[] }

export type Effective = Map<string, EffectiveValue>

/** Names as the others write them, for those whose case is lost. */
type Names = { readonly name: string; readonly below: Map<string, Names> }

/**
 * All layers as one: the first that has a key has its value. A list is taken whole from the first that has any of it.
 * @param known keys that schemas name, so that variables of an environment are found again as those
 */
export function combine(
  layers: readonly ConfigLayer[],
  known: Iterable<string>,
): { readonly values: Effective; readonly problems: readonly ConfigProblem[] } {
  const values: Effective = new Map()
  /** By list, the layer that has it. */
  const lists = new Map<string, ConfigLayer>()
  const names = namesOf(layers, known)
  for (const layer of layers)
    for (const [written, value] of layer.values) {
      const key = layer.relaxed === true ? found(written, names) : written
      const list = listOf(key)
      const before = values.get(key)
      if (before !== undefined) values.set(key, { ...before, overrides: [...before.overrides, value] })
      else if (lists.has(key) && isEmpty(value.value)) continue
      else if (list === undefined) values.set(key, { ...value, overrides: [] })
      else if ((lists.get(list) ?? layer) === layer && values.get(list)?.value !== '') {
        lists.set(list, layer)
        values.set(key, { ...value, overrides: [] })
      }
    }
  return { values, problems: withoutLeaves(values) }
}

const isEmpty = (value: ConfigScalar): boolean => value === null || value === ''

/** A key with keys below it has no value of its own; an empty one is none. */
function withoutLeaves(values: Effective): readonly ConfigProblem[] {
  const problems = new Map<string, ConfigProblem>()
  for (const [key, below] of values)
    for (const { index } of key.matchAll(/[.[]/g)) {
      const above = key.slice(0, index)
      const leaf = values.get(above)
      if (leaf === undefined) continue
      if (isEmpty(leaf.value)) values.delete(above)
      else if (!problems.has(above))
        problems.set(above, {
          ...{ from: leaf.from, line: leaf.line, key: above },
          why: `it is a value here, and has "${key}" below it at ${placeOf(below)}; keep one of them`,
        })
    }
  return [...problems.values()]
}

export function placeOf({ from, line, revision }: ConfigValue): string {
  return `${from}${line === undefined ? '' : `:${line}`}${revision === undefined ? '' : ` (${revision})`}`
}

function namesOf(layers: readonly ConfigLayer[], known: Iterable<string>): Names {
  const root: Names = { name: '', below: new Map() }
  const add = (key: string): void => {
    let at = root
    for (const part of partsOf(key) ?? []) {
      const name = typeof part === 'number' ? '[]' : part
      const next = at.below.get(relaxed(name)) ?? { name, below: new Map() }
      at.below.set(relaxed(name), next)
      at = next
    }
  }
  if (!layers.some((layer) => layer.relaxed === true)) return root
  for (const key of known) add(key)
  for (const layer of layers) if (layer.relaxed !== true) for (const key of layer.values.keys()) add(key)
  return root
}

function found(key: string, names: Names): string {
  let at: Names | undefined = names
  let made = ''
  for (const part of partsOf(key) ?? [key]) {
    at = at?.below.get(typeof part === 'number' ? '[]' : relaxed(part))
    if (typeof part === 'number') made += `[${part}]`
    else made += `${made === '' ? '' : '.'}${at?.name ?? part}`
  }
  return made
}
