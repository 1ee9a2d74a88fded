import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { parseSync, Visitor, type Program, type StaticExport } from 'oxc-parser'

/** One file of the tree, read and parsed once for all rules. */
export type Source = {
  /** From the root, with forward slashes. */
  readonly path: string
  readonly lines: number
  readonly imports: readonly Import[]
  readonly exports: readonly StaticExport[]
  readonly program: Program
  readonly lineOf: (offset: number) => number
}

/** What one file asks of another; types count as well, for they couple as well. */
export type Import = {
  readonly specifier: string
  readonly line: number
  /** The file of this tree that is meant, when there is one. */
  readonly target: string | undefined
  /** The workspace package that is meant, when imported by its published name. */
  readonly package: string | undefined
}

/** A published package of the workspace. */
export type Package = {
  readonly name: string
  /** Its folder, from the root. */
  readonly path: string
  /** Its subpaths and the source each stands for: `./data` → `packages/dure/src/data/data.ts`. */
  readonly subpaths: Readonly<Record<string, string>>
}

export type Tree = {
  readonly packages: readonly Package[]
  readonly sources: ReadonlyMap<string, Source>
  /** Workspace folders, published or not. */
  readonly workspaces: readonly string[]
}

const SKIP = ['node_modules', 'dist', '.git', 'coverage', '.data']

/** Reads every TypeScript file below `root`. @throws when a file does not parse */
export function readTree(root: string): Tree {
  const packages = readPackages(root)
  const paths = globSync('**/*.{ts,tsx}', { cwd: root, exclude: (name) => SKIP.includes(name.split('/').at(-1)!) })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => !path.endsWith('.d.ts'))
    .toSorted()
  const sources = new Map(paths.map((path) => [path, readSource(root, path, packages)]))
  return { packages: packages.filter(({ private: hidden }) => !hidden), sources, workspaces: packages.map(({ path }) => path) }
}

function readPackages(root: string): readonly (Package & { readonly private: boolean })[] {
  const { workspaces = [] } = readJson(join(root, 'package.json')) as { workspaces?: readonly string[] }
  return globSync(workspaces as string[], { cwd: root })
    .filter((path) => existsSync(join(root, path, 'package.json')))
    .map((path) => {
      const manifest = readJson(join(root, path, 'package.json')) as {
        name: string
        private?: boolean
        exports?: Record<string, string | { 'dure-source'?: string }>
      }
      const subpaths: Record<string, string> = {}
      for (const [subpath, to] of Object.entries(manifest.exports ?? {})) {
        const source = typeof to === 'string' ? to : to['dure-source']
        if (source !== undefined) subpaths[subpath] = posix.join(path.replaceAll('\\', '/'), source)
      }
      return { name: manifest.name, path: path.replaceAll('\\', '/'), subpaths, private: manifest.private === true }
    })
}

function readSource(root: string, path: string, packages: readonly Package[]): Source {
  const text = readFileSync(join(root, path), 'utf8')
  const { program, module, errors } = parseSync(path, text)
  if (errors.length > 0) throw new Error(`Cannot parse "${path}": ${errors[0]!.message}`)
  const lineOf = (offset: number): number => text.slice(0, offset).split('\n').length
  const found: { specifier: string; start: number }[] = []
  for (const each of module.staticImports) found.push({ specifier: each.moduleRequest.value, start: each.start })
  for (const each of module.staticExports) {
    const request = each.entries.find((entry) => entry.moduleRequest !== null)?.moduleRequest
    if (request) found.push({ specifier: request.value, start: each.start })
  }
  new Visitor({
    ImportExpression(node) {
      if (node.source.type === 'Literal' && typeof node.source.value === 'string')
        found.push({ specifier: node.source.value, start: node.start })
    },
    TSImportType(node) {
      found.push({ specifier: node.source.value, start: node.start })
    },
  }).visit(program)
  const imports = found.map(({ specifier, start }) => ({
    specifier,
    line: lineOf(start),
    ...resolve(path, specifier, packages),
  }))
  const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0)
  return { path, lines, imports, exports: module.staticExports, program, lineOf }
}

function resolve(from: string, specifier: string, packages: readonly Package[]): Pick<Import, 'target' | 'package'> {
  if (specifier.startsWith('.')) return { target: posix.join(dirname(from), specifier), package: undefined }
  const owner = packages.find(({ name }) => specifier === name || specifier.startsWith(`${name}/`))
  if (!owner) return { target: undefined, package: undefined }
  return { target: owner.subpaths[`.${specifier.slice(owner.name.length)}`], package: owner.name }
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, 'utf8'))
}
