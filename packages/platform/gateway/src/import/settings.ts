/** Spring's settings, of YAML or properties, as one tree: dotted names taken apart, names alike however they are written, each with its line. */
import { readDocuments, readProperties, type Located } from 'dure/config/parse'

export type Setting = {
  /** As it was written. */
  readonly name: string
  line: number
  /** Of a leaf; texts, numbers and booleans as texts. */
  text: string | undefined
  readonly children: Map<string, Setting>
  /** Somebody has looked at it. */
  used: boolean
}

export type SettingsFault = { readonly line: number; readonly why: string }

const createSetting = (name: string, line: number): Setting => ({ name, line, text: undefined, children: new Map(), used: false })

/** `strip-prefix`, `stripPrefix` and `STRIP_PREFIX` are one. */
const canonical = (name: string): string => (/^\[?\//.test(name) ? name : name.toLowerCase().replaceAll(/[-_]/g, ''))

/** Settings of a file. Documents for profiles that are not asked for are passed over, and said. */
export function readSettings(
  text: string,
  how: { readonly file: string; readonly profile: string | undefined },
): { readonly root: Setting; readonly faults: readonly SettingsFault[]; readonly notes: readonly SettingsFault[] } {
  const { file, profile } = how
  const root = createSetting('', 1)
  const notes: SettingsFault[] = []
  if (file.endsWith('.properties')) {
    for (const { line, name, value } of readProperties(text)) put(root, name, line).text = value
    return { root, faults: [], notes }
  }
  const { documents, faults } = readDocuments(text)
  for (const document of documents) {
    const own = createSetting('', document.line)
    merge(own, document)
    const only = at(own, 'spring.config.activate.on-profile') ?? at(own, 'spring.profiles')
    if (only !== undefined && !(only.text ?? '').split(',').some((each) => each.trim() === profile)) {
      notes.push({
        line: only.line,
        why: `what follows is for the profile "${only.text ?? ''}" alone and is passed over; --profile reads it`,
      })
      continue
    }
    if (only !== undefined) only.used = true
    merge(root, document)
  }
  return { root, faults, notes }
}

function merge(into: Setting, { entries, items, value, line }: Located): void {
  into.line = line
  if (entries !== undefined) {
    for (const [name, each] of entries) merge(put(into, name, each.line), each)
  } else if (items !== undefined) {
    // A list takes the place of one that was there.
    into.children.clear()
    for (const [i, each] of items.entries()) merge(childOf(into, String(i), each.line), each)
  } else into.text = value === null ? '' : String(value)
}

function childOf(of: Setting, name: string, line: number): Setting {
  const key = canonical(name)
  const known = of.children.get(key)
  if (known !== undefined) return known
  const made = createSetting(name, line)
  of.children.set(key, made)
  return made
}

/** `a.b[0].c`, and what stands in brackets whole: `[/**]`. */
function put(root: Setting, path: string, line: number): Setting {
  let found = root
  for (const [, bracketed, plain] of path.matchAll(/\[([^\]]*)\]|([^.[\]]+)/g)) found = childOf(found, bracketed ?? plain!, line)
  return found
}

export function at(root: Setting, path: string): Setting | undefined {
  let found: Setting | undefined = root
  for (const part of path.split('.')) found = found?.children.get(canonical(part))
  return found
}

/** Its text, and that it was looked at. */
export function take(root: Setting, path: string): string | undefined {
  const found = at(root, path)
  if (found === undefined) return undefined
  found.used = true
  return found.text
}

/** A list, however it is written: of YAML, by numbers, or of texts with commas. */
export function takeList(root: Setting, path: string): readonly string[] | undefined {
  const found = at(root, path)
  if (found === undefined) return undefined
  found.used = true
  if (found.text !== undefined)
    return found.text
      .split(',')
      .map((each) => each.trim())
      .filter((each) => each !== '')
  return [...found.children.values()].flatMap((each) => {
    each.used = true
    return each.text ?? []
  })
}

export const markAll = (setting: Setting): void => {
  setting.used = true
  for (const child of setting.children.values()) markAll(child)
}

/** Settings with a value that nobody has looked at. */
export function unused(setting: Setting, name = ''): readonly { readonly line: number; readonly name: string }[] {
  if (setting.text !== undefined && setting.text !== '' && !setting.used) return [{ line: setting.line, name }]
  return [...setting.children.values()].flatMap((each) => unused(each, name === '' ? each.name : `${name}.${each.name}`))
}

/** Puts in what `${NAME:default}` stands for: of the environment, or the default. Notes say which, and what is not known. */
export function resolveAll(root: Setting, environment: Readonly<Partial<Record<string, string>>>): readonly SettingsFault[] {
  const notes: SettingsFault[] = []
  const resolve = (setting: Setting): void => {
    const { text, line } = setting
    if (text?.includes('${') === true)
      setting.text = text.replaceAll(/\$\{([^{}:]+)(?::([^{}]*))?\}/g, (all, name: string, fallback: string | undefined) => {
        const relaxed = name.toUpperCase().replaceAll(/[.-]/g, '_')
        const found = environment[name] ?? environment[relaxed] ?? fallback
        if (found === undefined) notes.push({ line, why: `"${all}" is not known here: set ${relaxed}` })
        else notes.push({ line, why: `"${all}" is taken for "${found}"` })
        return found ?? all
      })
    for (const child of setting.children.values()) resolve(child)
  }
  resolve(root)
  return notes
}
