/**
 * What the packages publish, name by name: every value needs a docstring, and in it an `@example` that runs
 * (examples.test.ts runs them). What still lacks one is counted in undocumented.json, by door, and may only become less.
 */
import { readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { parseSync, type Comment, type Program } from 'oxc-parser'
import { readTree, type Package } from '../layering/layering.ts'

/** One name that a package publishes. */
export type Published = {
  /** The name that users import from: `dure/data`. */
  readonly door: string
  readonly name: string
  /** Types are published as well, and are told by what they are types of. */
  readonly isType: boolean
  /** Where it is declared. */
  readonly file: string
  readonly line: number
  readonly doc: string | undefined
  /** The code of its `@example`, when there is one. */
  readonly example: string | undefined
}

export type Surface = { readonly doors: readonly string[]; readonly names: readonly Published[] }

/** Reads every door of every package that is published below `root`. */
export function readSurface(root: string): Surface {
  const { packages } = readTree(root)
  const read = reader(root)
  const doors = packages.flatMap((one) => doorsOf(one))
  return { doors: doors.map(({ door }) => door), names: doors.flatMap(({ door, file }) => namesOf(read, door, file)) }
}

/**
 * @param allowed by door, how many values may still be without docstring or example
 * @returns what is wrong, in words
 */
export function judgeSurface({ doors, names }: Surface, allowed: Readonly<Record<string, number>>): readonly string[] {
  const unknown = Object.keys(allowed).filter((door) => !doors.includes(door))
  return [
    ...unknown.map((door) => `undocumented.json names "${door}", which no package publishes: take it out`),
    ...doors.flatMap((door) => {
      const lacking = names.filter((one) => one.door === door && isLacking(one))
      const most = allowed[door] ?? 0
      if (lacking.length <= most) return []
      return [
        `"${door}" publishes ${lacking.length} values without docstring or example, and ${most} may be: give the new ones both, or do not publish them`,
        ...lacking.map(
          ({ name, file, line, doc }) => `  ${file}:${line}  "${name}" has no ${doc === undefined ? 'docstring' : '@example'}`,
        ),
      ]
    }),
  ]
}

/** By door, how many values are without docstring or example; doors without any are left out. */
export function countLacking({ doors, names }: Surface): Readonly<Record<string, number>> {
  const counts = doors.map((door) => [door, names.filter((one) => one.door === door && isLacking(one)).length] as const)
  return Object.fromEntries(counts.filter(([, count]) => count > 0))
}

export function isLacking({ isType, doc, example }: Published): boolean {
  return !isType && (doc === undefined || example === undefined)
}

function doorsOf({ name, subpaths }: Package): readonly { readonly door: string; readonly file: string }[] {
  // A port's conformance suite is a test that adapters run; what is internal is shared among Dure's own packages only.
  return Object.entries(subpaths)
    .filter(([subpath, file]) => !file.endsWith('.conformance.ts') && !subpath.endsWith('/internal'))
    .map(([subpath, file]) => ({ door: name + subpath.slice(1), file }))
}

type Parsed = { readonly text: string; readonly program: Program; readonly comments: readonly Comment[] }

function reader(root: string): (file: string) => Parsed {
  const known = new Map<string, Parsed>()
  return (file) => {
    let parsed = known.get(file)
    if (parsed === undefined) {
      const text = readFileSync(join(root, file), 'utf8')
      const { program, comments } = parseSync(file, text)
      known.set(file, (parsed = { text, program, comments }))
    }
    return parsed
  }
}

type Node = Program['body'][number]
type Declared = { readonly file: string; readonly node: Node; readonly isType: boolean }

function namesOf(read: (file: string) => Parsed, door: string, file: string): readonly Published[] {
  return exportedNames(read(file).program).map((name) => {
    const { file: home, node, isType } = declared(read, file, name)
    const { text, comments } = read(home)
    const doc = docBefore(node, text, comments)
    const line = text.slice(0, node.start).split('\n').length
    return { door, name, isType, file: home, line, doc, example: doc === undefined ? undefined : exampleIn(doc) }
  })
}

function exportedNames({ body }: Program): readonly string[] {
  return body.flatMap((node) => {
    if (node.type !== 'ExportNamedDeclaration') return []
    return [...node.specifiers.map(({ exported }) => nameOf(exported)), ...declaredBy(node.declaration)]
  })
}

/** Where a name that a file exports is declared; of another's package that is the line that hands it on. */
function declared(read: (file: string) => Parsed, file: string, name: string): Declared {
  const { body } = read(file).program
  for (const node of body) {
    if (node.type !== 'ExportNamedDeclaration') continue
    if (declaredBy(node.declaration).includes(name)) return { file, node, isType: isTypeOnly(node.declaration!.type) }
    const specifier = node.specifiers.find(({ exported }) => nameOf(exported) === name)
    if (specifier === undefined) continue
    const from = node.source?.value ?? importedFrom(body, nameOf(specifier.local))
    const isType = node.exportKind === 'type' || specifier.exportKind === 'type'
    if (from?.startsWith('.') !== true) return { file, node, isType }
    const found = declared(read, posix.join(posix.dirname(file), from), nameOf(specifier.local))
    return { ...found, isType: isType || found.isType }
  }
  throw new Error(`Cannot find what "${file}" exports as "${name}": export it where it is declared`)
}

function importedFrom(body: Program['body'], name: string): string | undefined {
  const found = body.find((node) => node.type === 'ImportDeclaration' && node.specifiers.some(({ local }) => local.name === name))
  return found?.type === 'ImportDeclaration' ? found.source.value : undefined
}

function declaredBy(declaration: Extract<Node, { type: 'ExportNamedDeclaration' }>['declaration']): readonly string[] {
  if (declaration === null) return []
  if (declaration.type === 'VariableDeclaration')
    return declaration.declarations.flatMap(({ id }) => (id.type === 'Identifier' ? [id.name] : []))
  const { id } = declaration as { readonly id?: { readonly name?: string } | null }
  return id?.name === undefined ? [] : [id.name]
}

const isTypeOnly = (type: string): boolean => type === 'TSTypeAliasDeclaration' || type === 'TSInterfaceDeclaration'

const nameOf = (node: { readonly type: string }): string =>
  (node as { readonly name?: string }).name ?? (node as { readonly value?: string }).value ?? ''

/** The block comment that ends where a node begins. */
function docBefore(node: Node, text: string, comments: readonly Comment[]): string | undefined {
  const found = comments.findLast(({ type, value, end }) => type === 'Block' && value.startsWith('*') && end <= node.start)
  if (found === undefined || text.slice(found.end, node.start).trim() !== '') return undefined
  return found.value
    .slice(1)
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, ''))
    .join('\n')
    .trim()
}

const exampleIn = (doc: string): string | undefined => /@example\s*\n```ts\n(.*?)^```/ms.exec(doc)?.[1]
