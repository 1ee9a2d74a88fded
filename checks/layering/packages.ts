import type { Finding } from './finding.ts'
import { isTest, packageArrows } from './rules.ts'
import type { Import, Source, Tree } from './sources.ts'

/** Packages, examples and tools know each other by published names only, and only in one direction. */
export function checkPackages(tree: Tree): readonly Finding[] {
  return [...tree.sources.values()].flatMap((source) =>
    source.imports.flatMap(
      (each) =>
        unresolved(tree, source, each) ??
        climb(tree, source, each) ??
        wrongWay(tree, source, each) ??
        internal(source, each) ??
        [],
    ),
  )
}

function unresolved({ sources }: Tree, source: Source, { specifier, target, package: name, line }: Import): Finding | undefined {
  if (specifier.startsWith('.') && (!/\.tsx?$/.test(specifier) || !sources.has(target!)) && !specifier.endsWith('.json')) {
    return {
      file: source.path,
      line,
      rule: 'explicit imports',
      found: `"${specifier}" names no TypeScript file of this tree.`,
      remedy: 'Name the file in full, with its ".ts".',
    }
  }
  if (name !== undefined && target === undefined) {
    return {
      file: source.path,
      line,
      rule: 'published names',
      found: `"${specifier}" is not published by "${name}".`,
      remedy: `Import one of the subpaths in the "exports" of "${name}", or publish this one.`,
    }
  }
  return undefined
}

function climb(tree: Tree, source: Source, { specifier, target, line }: Import): Finding | undefined {
  if (!specifier.startsWith('.') || target === undefined) return undefined
  const [from, to] = [homeOf(tree, source.path), homeOf(tree, target)]
  // Only a home's own folder is open to relative imports; the root's folders (checks, docs) may read none of the others.
  if (from === to) return undefined
  return {
    file: source.path,
    line,
    rule: 'published names',
    found: `"${specifier}" climbs from "${from}" into "${to}".`,
    remedy: 'Import what the other publishes by its name ("dure/data"), or move what both need to where both may look.',
  }
}

function wrongWay({ packages }: Tree, source: Source, { specifier, package: name, line }: Import): Finding | undefined {
  if (name === undefined) return undefined
  const own = packages.find(({ path }) => source.path.startsWith(`${path}/`))
  if (own?.name === name) {
    return {
      file: source.path,
      line,
      rule: 'published names',
      found: `"${name}" imports itself as "${specifier}".`,
      remedy: 'Inside a package import files by relative path, through their folder’s door.',
    }
  }
  const arrows = packageArrows.find(({ from }) => source.path.startsWith(from.endsWith('/') ? from : `${from}/`))
  const mayKnow = [...(arrows?.mayKnow ?? []), ...(isTest(source.path) ? (arrows?.testsMayKnow ?? []) : [])]
  if (mayKnow.some((pattern) => (pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern)))
    return undefined
  return {
    file: source.path,
    line,
    rule: 'package arrows',
    found: `"${specifier}" is imported from "${arrows?.from ?? source.path.split('/')[0]}".`,
    remedy: `It may know ${mayKnow.length > 0 ? mayKnow.join(', ') : 'none of the published packages'} (checks/layering/rules.ts).`,
  }
}

/** What packages share with each other and with nobody else: examples and guides show what users may do. */
function internal(source: Source, { specifier, line }: Import): Finding | undefined {
  if (!specifier.endsWith('/internal') || !/^(?:examples|docs)\//.test(source.path)) return undefined
  return {
    file: source.path,
    line,
    rule: 'published names',
    found: `"${specifier}" is for Dure's own packages.`,
    remedy: 'Use what the door beside it publishes; if users need this name too, publish it there, with docstring and example.',
  }
}

/** What a file belongs to: its workspace, or else its top folder. */
function homeOf({ workspaces }: Tree, path: string): string {
  return workspaces.find((folder) => path.startsWith(`${folder}/`)) ?? path.split('/')[0]!
}
