import { basename, dirname } from 'node:path'
import type { Finding } from './finding.ts'
import { lengths, mayExportDefault, vagueNames } from './rules.ts'
import type { Source, Tree } from './sources.ts'

/** What a file may look like: named exports, no barrels but doors, a length one can read, a name that says something. */
export function checkShape({ sources, packages }: Tree): readonly Finding[] {
  const published = new Set(packages.flatMap(({ subpaths }) => Object.values(subpaths)))
  return [...sources.values()].flatMap((source) => [
    ...defaultExports(source),
    ...barrels(source, published),
    ...tooLong(source),
    ...vague(source),
  ])
}

/** Files that are long but not yet too long, longest first. */
export function longFiles({ sources }: Tree): readonly { readonly path: string; readonly lines: number }[] {
  return [...sources.values()]
    .filter(({ lines }) => lines > lengths.listed)
    .map(({ path, lines }) => ({ path, lines }))
    .toSorted((a, b) => b.lines - a.lines)
}

function defaultExports({ path, exports, lineOf }: Source): readonly Finding[] {
  if (mayExportDefault(path)) return []
  return exports
    .filter(({ entries }) => entries.some(({ exportName }) => exportName.kind === 'Default' || exportName.name === 'default'))
    .map(({ start }) => ({
      file: path,
      line: lineOf(start),
      rule: 'no default exports',
      found: 'A default export has no name of its own: everyone who imports it makes one up.',
      remedy: 'Export it by name.',
    }))
}

function barrels({ path, program, exports, lineOf }: Source, published: ReadonlySet<string>): readonly Finding[] {
  const star = exports.find(({ entries }) =>
    entries.some(({ exportName, moduleRequest }) => exportName.kind === 'None' && moduleRequest),
  )
  if (star) {
    return [
      {
        file: path,
        line: lineOf(star.start),
        rule: 'no barrels',
        found: '"export *" hides what is exported.',
        remedy: 'Name what is exported.',
      },
    ]
  }
  if (isDoor(path) || published.has(path)) return []
  const only = program.body.every(
    (node) => node.type === 'ImportDeclaration' || (node.type === 'ExportNamedDeclaration' && node.declaration === null),
  )
  if (!only || exports.length === 0) return []
  return [
    {
      file: path,
      line: 1,
      rule: 'no barrels',
      found: 'The file only passes on what other files export.',
      remedy: 'Import from the files themselves; only a folder’s door (the file named like it) passes on.',
    },
  ]
}

function isDoor(path: string): boolean {
  return basename(path, '.ts') === basename(dirname(path))
}

function tooLong({ path, lines }: Source): readonly Finding[] {
  if (lines <= lengths.limit) return []
  return [
    {
      file: path,
      line: lengths.limit + 1,
      rule: 'length',
      found: `The file has ${lines} lines; ${lengths.limit} is the limit.`,
      remedy: 'A file is one idea: find the second one and give it a file.',
    },
  ]
}

function vague({ path }: Source): readonly Finding[] {
  const word = path.split('/').find((part) => vagueNames.includes(part.replace(/\.(test|conformance|test-support)?\.?tsx?$/, '')))
  if (word === undefined) return []
  return [
    {
      file: path,
      line: 1,
      rule: 'names',
      found: `"${word}" does not say what is in it.`,
      remedy: 'Name it after what it is, in the field’s own words.',
    },
  ]
}
