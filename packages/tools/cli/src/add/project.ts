import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { codeOf, callsOf, groupIn, itemsOf, valueOf, type Group } from './code.ts'

export type Source = { readonly file: string; readonly text: string; readonly code: string }

/** A call in a source, with what the constant is called that keeps what it answers. */
type Assigned = { readonly source: Source; readonly start: number; readonly args: Group; readonly constant: string | undefined }

/** A service as its author wrote it. */
export type Written = {
  readonly name: string
  readonly contract: Assigned
  /** Undefined when no call of `service` has its contract. */
  readonly service: Assigned | undefined
}

export type Project = {
  readonly root: string
  readonly system: Source
  readonly lang: 'en' | 'ko'
  /** Below the folder of the system file; tests apart. */
  readonly sources: readonly Source[]
  readonly services: readonly Written[]
  /** Path of a file, as it is told. */
  readonly shown: (file: string) => string
}

export function readProject(options: { readonly root: string; readonly file: string; readonly lang: 'en' | 'ko' }): Project {
  const { root, file, lang } = options
  const cwd = dirname(file)
  const sources = globSync('**/*.{ts,mts}', { cwd, exclude: (path) => /(?:^|[\\/])(?:node_modules|\.\w+)$/.test(path) })
    .filter((path) => !/\.(?:test|d)\.m?ts$/.test(path))
    .map((path): Source => {
      const text = readFileSync(join(cwd, path), 'utf8')
      return { file: join(cwd, path), text, code: codeOf(text) }
    })
  const calls = (name: string): readonly Assigned[] =>
    sources.flatMap((source) =>
      callsOf(source.code, name).map(({ start, group }) => ({
        ...{ source, start, args: group },
        constant: /\bconst\s+(\w+)\s*(?::[^=]*)?=\s*$/.exec(source.code.slice(0, start))?.[1],
      })),
    )
  const made = calls('service')
  const services = calls('contract').flatMap((contract): readonly Written[] => {
    const name = argument(contract, 0)?.slice(1, -1)
    if (name === undefined || !/^[a-z][a-z0-9-]*$/.test(name)) return []
    return [{ name, contract, service: made.find((each) => argument(each, 0) === contract.constant) }]
  })
  const system = sources.find((source) => source.file === file)!
  return { root, system, lang, sources, services, shown: (path) => relative(root, path).replaceAll('\\', '/') }
}

/** What stands in a call's place, as it was written. */
function argument({ source, args }: Assigned, index: number): string | undefined {
  const item = itemsOf(source.code, args)[index]
  return item && source.text.slice(item.start, item.end)
}

/** The object that a contract, a service or a system is made from: its last argument. */
export function optionsOf(code: string, args: Group): Group | undefined {
  return groupIn(code, itemsOf(code, args)[1], '{')
}

/** The names in an object that is written out, such as a contract's operations. */
export function keysIn(source: Source, options: Group | undefined, property: string): readonly string[] {
  const group = options && groupIn(source.code, valueOf(source.code, options, property), '{')
  if (group === undefined) return []
  return itemsOf(source.code, group).flatMap(({ start, end }) => /^['"]?([\w.-]+)/.exec(source.text.slice(start, end))?.[1] ?? [])
}

/** Where an event is declared, by its name on the wire. */
export function eventsOf({
  sources,
}: Project): readonly { readonly name: string; readonly constant: string; readonly file: string }[] {
  return sources.flatMap((source) =>
    callsOf(source.code, 'event').flatMap(({ start, group }) => {
      const constant = /\bexport\s+const\s+(\w+)\s*(?::[^=]*)?=\s*$/.exec(source.code.slice(0, start))?.[1]
      const first = itemsOf(source.code, group)[0]
      const name = first && source.text.slice(first.start + 1, first.end - 1)
      return constant === undefined || name === undefined ? [] : [{ name, constant, file: source.file }]
    }),
  )
}

/** How one module names another. */
export function pathTo(from: string, to: string): string {
  const path = relative(dirname(from), to).replaceAll('\\', '/')
  return path.startsWith('.') ? path : `./${path}`
}
