import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../shell.ts'

/** A door as package.json names it: where its source is and, when it is published, what it becomes. */
export type Door = { readonly 'dure-source': string; readonly types?: string; readonly default?: string }

export type Manifest = {
  readonly name: string
  readonly version: string
  readonly description?: string
  readonly license?: string
  readonly repository?: { readonly type: string; readonly url: string }
  readonly private?: boolean
  readonly workspaces?: readonly string[]
  /** Of a package that makes sense with the chassis only; of others each door needs what comes with it. */
  readonly engines?: { readonly node: string }
  readonly bin?: Readonly<Record<string, string>>
  readonly exports?: Readonly<Record<string, Door>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional: boolean }>>
}

/** A package that is published, and its folder from the root on. */
export type Package = { readonly path: string; readonly manifest: Manifest }

export function readManifest(folder: string = root): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
}

/** The packages that are published: each comes after those it depends on. */
export function publishedPackages(): readonly Package[] {
  const all = globSync([...(readManifest().workspaces ?? [])], { cwd: root })
    .filter((path) => existsSync(join(root, path, 'package.json')))
    .map((path) => ({ path: path.replaceAll('\\', '/'), manifest: readManifest(join(root, path)) }))
    .filter(({ manifest }) => manifest.private !== true)
  const ordered: Package[] = []
  const begun = new Set<Package>()
  const add = (one: Package): void => {
    if (begun.has(one)) return
    begun.add(one)
    const { dependencies, devDependencies } = one.manifest
    // Of some only the types are known, which are compiled before as well.
    for (const names of [dependencies, devDependencies])
      for (const other of all) if (Object.hasOwn(names ?? {}, other.manifest.name)) add(other)
    ordered.push(one)
  }
  for (const one of all.toSorted((a, b) => a.path.localeCompare(b.path))) add(one)
  return ordered
}

/** The doors of a package that users get: those that become JavaScript and types. */
export function publishedDoors({ exports = {} }: Manifest): readonly (readonly [subpath: string, door: Required<Door>])[] {
  return Object.entries(exports).flatMap(([subpath, door]) =>
    door.default === undefined || door.types === undefined ? [] : [[subpath, door as Required<Door>] as const],
  )
}
