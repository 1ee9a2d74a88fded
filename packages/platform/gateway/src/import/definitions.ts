/** Predicates and filters as Spring Cloud Gateway has them: `Path=/a,/b`, or with `name` and `args`. */
import { at, markAll, type Setting } from './settings.ts'

export type Definition = {
  readonly name: string
  readonly line: number
  /** As it was written, for messages. */
  readonly text: string
  /** By position, or by their names. */
  readonly given: readonly string[] | Setting
}

/** Undefined when it is neither. */
export function definitionOf(setting: Setting): Definition | undefined {
  markAll(setting)
  const { line, text } = setting
  if (text !== undefined) {
    const equals = text.indexOf('=')
    const name = (equals === -1 ? text : text.slice(0, equals)).trim()
    const rest = equals === -1 ? '' : text.slice(equals + 1)
    const given = rest.trim() === '' ? [] : rest.split(',').map((each) => each.trim())
    return name === '' ? undefined : { name, line, text, given }
  }
  const name = at(setting, 'name')?.text
  if (name === undefined) return undefined
  return { name, line, text: name, given: at(setting, 'args') ?? [] }
}

/** One argument: the one at this place, or of this name. */
export function argument({ given }: Definition, place: number, name: string): string | undefined {
  if (!('children' in given)) return given[place]
  return (at(given, name) ?? at(given, `_genkey_${place}`))?.text
}

/** All arguments, or those of this name. */
export function listed({ given }: Definition, ...names: readonly string[]): readonly string[] {
  if (!('children' in given)) return given
  const found = names.flatMap((name) => at(given, name) ?? [])
  const from = found.length > 0 ? found : [...given.children].flatMap(([key, each]) => (key.startsWith('genkey') ? [each] : []))
  return from.flatMap((each) =>
    each.text !== undefined
      ? each.text.split(',').map((part) => part.trim())
      : [...each.children.values()].flatMap(({ text }) => text ?? []),
  )
}

/** Names of arguments that nobody of these is. */
export function strangers({ given }: Definition, names: readonly string[]): readonly string[] {
  if (!('children' in given)) return []
  const known = new Set(names.map((name) => name.toLowerCase()))
  return [...given.children].flatMap(([key, { name }]) => (known.has(key) || key.startsWith('genkey') ? [] : [name]))
}
