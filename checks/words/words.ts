/**
 * The glossary, held to the code: its words are there, and retired words leave the names of product code. How many are left
 * of them, by room, is counted in left.json, and may only become less. Korean pages have none of theirs.
 */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Visitor } from 'oxc-parser'
import { isConformance, isTest, readTree, type Source } from '../layering/layering.ts'

export type Words = {
  readonly files: number
  /** Words of the glossary that no name of the code is. */
  readonly missing: readonly string[]
  /** Names with a retired word in them, each with a file that has it, by room. */
  readonly retired: ReadonlyMap<string, ReadonlyMap<string, string>>
  /** Lines of Korean pages with a word that is not used any more, and what to say instead. */
  readonly korean: readonly { readonly at: string; readonly word: string; readonly instead: string }[]
}

/** Reads the glossary and every name of the packages below `root`. */
export function readWords(root: string): Words {
  const glossary = readFileSync(join(root, 'docs/glossary.md'), 'utf8')
  const [words = '', old = '', oldKorean = ''] = glossary.split(/^## Retired.*$/m)
  const inCode = rowsOf(words).map((row) => row.at(-1)!.replaceAll('`', ''))
  const retired = new Set(rowsOf(old).map(([word]) => word!))
  const sources = [...readTree(root).sources.values()].filter(
    ({ path }) => path.startsWith('packages/') && !isTest(path) && !isConformance(path),
  )
  const all = new Set<string>()
  const found = new Map<string, Map<string, string>>()
  for (const source of sources) {
    const names = namesOf(source)
    for (const name of names) {
      all.add(name)
      if (!partsOf(name).some((part) => retired.has(part))) continue
      const room = roomOf(source.path)
      found.set(room, (found.get(room) ?? new Map<string, string>()).set(name, source.path))
    }
  }
  return {
    files: sources.length,
    missing: inCode.filter((word) => !all.has(word)),
    retired: found,
    korean: readKorean(root, rowsOf(oldKorean)),
  }
}

/** What may follow a word of Korean and leave it that word. */
const PARTICLES = '은|는|이나|나|이|가|을|를|과|와|으로|로|의|에서는|에서|에는|에|마다|부터|까지|도|만|들'

function readKorean(root: string, rows: readonly (readonly string[])[]): Words['korean'] {
  const found: Words['korean'][number][] = []
  const old = rows.map(([word = '', instead = '']) => ({
    ...{ word, instead, pattern: new RegExp(`(?<![가-힣])${word}(${PARTICLES})?(?![가-힣])`) },
  }))
  for (const path of globSync('**/*.ko.md', { cwd: root, exclude: (name) => name.includes('node_modules') })) {
    for (const [line, text] of readFileSync(join(root, path), 'utf8').split('\n').entries()) {
      for (const { word, instead, pattern } of old)
        if (pattern.test(text)) found.push({ at: `${path}:${line + 1}`, word, instead })
    }
  }
  return found
}

/** @param left by room, how many names may still have a retired word in them */
export function judgeWords({ missing, retired, korean }: Words, left: Readonly<Record<string, number>>): readonly string[] {
  return [
    ...missing.map((word) => `docs/glossary.md says "${word}" is in the code, and no name is: mend the row, or the name`),
    ...korean.map(({ at, word, instead }) => `${at} says "${word}": say "${instead}", as docs/glossary.md does`),
    ...[...retired].flatMap(([room, names]) =>
      names.size <= (left[room] ?? 0)
        ? []
        : [
            `"${room}" has ${names.size} names with a retired word, and ${left[room] ?? 0} may be left; docs/glossary.md says what to say instead:`,
            ...[...names].map(([name, path]) => `  ${path}: ${name}`),
          ],
    ),
  ]
}

/** By room, how many names have a retired word in them. */
export function countRetired({ retired }: Words): Readonly<Record<string, number>> {
  return Object.fromEntries([...retired].map(([room, names]) => [room, names.size] as const).toSorted())
}

/** The rows of the tables of a page, without their heads. */
function rowsOf(page: string): readonly (readonly string[])[] {
  const lines = page.split('\n').filter((line) => line.startsWith('|'))
  return lines.slice(2).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
}

/** `packages/dure/src/data/…` is of the room `dure/data`, what is of another package of that package. */
function roomOf(path: string): string {
  const [, room] = /^packages\/dure\/src\/([^/]+)/.exec(path) ?? []
  return room === undefined ? path.split('/').slice(1, 3).join('/') : `dure/${room}`
}

function namesOf({ path, program }: Source): ReadonlySet<string> {
  const names = new Set(partsOfFile(path))
  const add = (node: { readonly name: string }): void => void names.add(node.name)
  new Visitor({ Identifier: add }).visit(program)
  return names
}

const partsOfFile = (path: string): readonly string[] => [path.split('/').at(-1)!.replace(/\.ts$/, '')]

/** `createKeyedLanes` and `keyed-lanes` are made of words. */
const partsOf = (name: string): readonly string[] =>
  name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[\s_-]+/)
