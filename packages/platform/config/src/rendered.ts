/** An environment as one file: what counts of all its sources, as properties, JSON or YAML. */
import { stringify } from 'yaml'
import type { ConfigScalar } from 'dure/config'
import { partsOf } from 'dure/config/internal'
import type { Environment } from './environment.ts'
import { resolver } from './placeholders.ts'

export type Format = 'properties' | 'json' | 'yml' | 'yaml'

/** @param options.resolved whether what placeholders stand for is put in */
export function rendered(environment: Environment, format: Format, { resolved }: { readonly resolved: boolean }): string {
  const values = countingValues(environment)
  const resolve = resolved ? resolver((key) => textOf(values.get(key))) : (text: string) => text
  const settled = [...values].map(([key, value]) => [key, typeof value === 'string' ? resolve(value) : value, value] as const)
  if (format === 'properties') return settled.map(([key, value]) => `${key}: ${textOf(value)}`).join('\n')
  if (format === 'json') return JSON.stringify(treeOf(settled))
  // In YAML what a placeholder stands for is of the kind that it looks like, as if somebody had written it there.
  const typed = settled.map(([key, value, before]) => [key, value === before ? value : looksLike(value)] as const)
  const tree = treeOf(typed)
  return Object.keys(tree).length === 0
    ? '{}\n'
    : stringify(tree, { lineWidth: 0, indentSeq: false, aliasDuplicateObjects: false, version: '1.1' })
}

/** Of each key the value of the first source that has it; a list is that of one source, whole. */
function countingValues({ sources }: Environment): ReadonlyMap<string, ConfigScalar> {
  const plain = new Map<string, ConfigScalar>()
  const lists = new Map<string, Map<string, ConfigScalar>>()
  for (const { values } of sources.toReversed()) {
    const own = new Map<string, Map<string, ConfigScalar>>()
    for (const [key, { value }] of values) {
      const [, list] = /^(.+?)\[\d+\]/.exec(key) ?? []
      if (list === undefined) plain.set(key, value)
      else own.set(list, (own.get(list) ?? new Map()).set(key, value))
    }
    for (const [list, items] of own) lists.set(list, items)
  }
  return new Map([...plain, ...[...lists.values()].flatMap((items) => [...items])])
}

type Tree = { [key: string]: unknown }

function treeOf(values: readonly (readonly [key: string, value: unknown, ...rest: readonly unknown[]])[]): Tree {
  const root: Tree = Object.create(null) as Tree
  for (const [key, value] of values) put(root, partsOf(key) ?? [key], value)
  return root
}

/** Where a value stands already, what would be below it keeps the rest of its key: `a.b` beside `a`. */
function put(root: Tree, parts: readonly (string | number)[], value: unknown): void {
  let at = root
  for (const [i, part] of parts.slice(0, -1).entries()) {
    const list = typeof parts[i + 1] === 'number'
    const next = at[part]
    if (next !== undefined && (typeof next !== 'object' || next === null || Array.isArray(next) !== list)) {
      at[parts.slice(i).join('.')] = value ?? ''
      return
    }
    at = (at[part] ??= list ? [] : (Object.create(null) as Tree)) as Tree
  }
  at[parts.at(-1)!] = value ?? ''
}

const textOf = <T extends ConfigScalar | undefined>(value: T): T extends undefined ? string | undefined : string =>
  (value === undefined ? undefined : value === null ? '' : String(value)) as never

function looksLike(value: ConfigScalar): ConfigScalar {
  if (value === 'true' || value === 'false') return value === 'true'
  return typeof value === 'string' && /^-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?$/.test(value) ? Number(value) : value
}
