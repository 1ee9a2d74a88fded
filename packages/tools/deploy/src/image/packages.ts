import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { DeployError } from '../errors.ts'

/** A package as package-lock.json names it: by where it stands, from the folder of that file on. */
export type LockedPackage = {
  readonly path: string
  readonly name: string
  readonly version: string
  readonly integrity?: string | undefined
  readonly license?: string | undefined
  /** Where the folder is that it is linked to: a package of the same workspace. */
  readonly linked?: string | undefined
  /** Paths of the packages that it needs. */
  readonly needs: readonly string[]
}

type Locked = {
  readonly name?: string
  readonly version?: string
  readonly integrity?: string
  readonly license?: string
  readonly link?: boolean
  readonly resolved?: string
  readonly dev?: boolean
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>
}

const LOCK = 'package-lock.json'
/** It is in the base, once and for all that runs there. */
const IN_BASE = 'node'

/** The folder with package-lock.json: of the application, or of the workspace that it is in. @throws {DeployError} */
export function lockFolder(application: string): string {
  for (let folder = application; ; folder = dirname(folder)) {
    if (existsSync(join(folder, LOCK))) return folder
    if (folder === dirname(folder))
      throw new DeployError(
        'PROJECT',
        `Cannot make an image of "${application}": there is no ${LOCK} there or above; run: npm install`,
      )
  }
}

/**
 * The packages that an application needs to run, as its lock says, and no other: those for development only are left out, and so are
 * optional ones that are not installed.
 * @param from the application's folder, from `root` on
 * @throws {DeployError} when one is not installed, is of another version, or is linked from outside
 */
export function neededPackages(root: string, from: string): readonly LockedPackage[] {
  const packages = readLock(root)
  if (packages[from] === undefined)
    throw new DeployError('PROJECT', `Cannot make an image of "${from}": ${join(root, LOCK)} does not know it; run: npm install`)
  const found = new Map<string, LockedPackage>()
  const visit = (path: string): readonly string[] => {
    const { dependencies = {}, optionalDependencies = {}, peerDependencies = {}, peerDependenciesMeta = {} } = packages[path]!
    const needs: string[] = []
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })) {
      if (name === IN_BASE) continue
      const isOptional =
        Object.hasOwn(optionalDependencies, name) ||
        (!Object.hasOwn(dependencies, name) && (peerDependenciesMeta[name]?.optional === true || packages[path]!.dev === true))
      const at = locate(packages, name, path)
      const isThere = at !== undefined && existsSync(join(root, at))
      if (isThere && !(isOptional && packages[at]!.dev === true)) needs.push(add(at, name))
      else if (!isThere && !isOptional && !Object.hasOwn(peerDependencies, name))
        throw new DeployError(
          'PROJECT',
          `Cannot take the package "${name}"${path === '' ? '' : ` that "${path}" needs`}: it is not installed; run: npm ci`,
        )
    }
    return [...new Set(needs)].sort()
  }
  const add = (path: string, name: string): string => {
    if (found.has(path)) return path
    const entry = packages[path]!
    const linked = entry.link === true ? linkOf(name, entry) : undefined
    const own = packages[linked ?? path]
    if (own === undefined)
      throw new DeployError('PROJECT', `Cannot take the package "${name}": ${LOCK} lacks "${linked}"; run: npm install`)
    const { version = '', license } = own
    if (linked === undefined) checkInstalled(root, path, version)
    const one = { path, name: own.name ?? name, version, license, linked, integrity: entry.integrity }
    // Before what it needs is visited: packages may need each other.
    found.set(path, { ...one, needs: [] })
    found.set(path, { ...one, needs: visit(linked ?? path) })
    return path
  }
  visit(from)
  return [...found.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
}

function readLock(root: string): Readonly<Record<string, Locked>> {
  const file = join(root, LOCK)
  try {
    const { packages } = JSON.parse(readFileSync(file, 'utf8')) as { packages?: Readonly<Record<string, Locked>> }
    if (packages !== undefined) return packages
  } catch (cause) {
    throw new DeployError('PROJECT', `Cannot read "${file}": ${(cause as Error).message}; run: npm install`, { cause })
  }
  throw new DeployError('PROJECT', `Cannot use "${file}": it is of a version before 2; run: npm install --package-lock-only`)
}

/** As Node looks for a package: beside who asks, then further up. */
function locate(packages: Readonly<Record<string, Locked>>, name: string, from: string): string | undefined {
  for (let folder = from; ; folder = posix.dirname(folder)) {
    const at = posix.join(folder, 'node_modules', name)
    if (packages[at] !== undefined) return at
    if (folder === '' || folder === '.') return undefined
  }
}

function linkOf(name: string, { resolved = '' }: Locked): string {
  if (resolved !== '' && !resolved.startsWith('..') && !posix.isAbsolute(resolved)) return resolved
  throw new DeployError(
    'PROJECT',
    `Cannot take the package "${name}": it is linked from "${resolved}", outside of the folder with ${LOCK}; install it, or make it a workspace`,
  )
}

function checkInstalled(root: string, path: string, version: string): void {
  const file = join(root, path, 'package.json')
  try {
    const installed = (JSON.parse(readFileSync(file, 'utf8')) as { version?: string }).version
    if (installed === version) return
    throw new DeployError('PROJECT', `Cannot take "${path}": ${LOCK} says ${version}, and ${installed} is installed; run: npm ci`)
  } catch (cause) {
    if (cause instanceof DeployError) throw cause
    throw new DeployError('PROJECT', `Cannot take "${path}": its package.json cannot be read; run: npm ci`, { cause })
  }
}
