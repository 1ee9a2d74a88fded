import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { root } from '../shell.ts'
import { countLacking, judgeSurface, readSurface, type Surface } from './surface.ts'

const DOC = '/**\n * Adds.\n *\n * @example\n * ```ts\n * console.log(add(1, 2)) // → 3\n * ```\n */\n'

function surfaceOf(t: TestContext, files: Readonly<Record<string, string>>): Surface {
  const root = mkdtempSync(join(tmpdir(), 'dure-surface-'))
  t.after(() => rmSync(root, { recursive: true }))
  const manifest = {
    name: 'sums',
    exports: { '.': { 'dure-source': './src/sums.ts' }, './suite': { 'dure-source': './src/sums.conformance.ts' } },
  }
  const all = {
    'package.json': JSON.stringify({ workspaces: ['packages/*'] }),
    'packages/sums/package.json': JSON.stringify(manifest),
    'packages/sums/src/sums.conformance.ts': 'export const suite = 1\n',
    ...files,
  }
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  return readSurface(root)
}

test('names are followed to where they are declared, with docstring and example', (t) => {
  const { doors, names } = surfaceOf(t, {
    'packages/sums/src/sums.ts': `import { times } from './times.ts'\nexport { add, type Sum } from './add.ts'\nexport { times }\nexport const ZERO = 0\n`,
    'packages/sums/src/add.ts': `export type Sum = number\n${DOC}export function add(a: number, b: number): Sum {\n  return a + b\n}\n`,
    'packages/sums/src/times.ts': `/** Multiplies. */\nexport const times = (a: number, b: number): number => a * b\n`,
  })
  assert.deepEqual(doors, ['sums'])
  assert.deepEqual(
    names.map(({ name, isType, file, line, doc, example }) => [
      name,
      isType,
      file.split('/').at(-1),
      line,
      doc?.split('\n')[0],
      example,
    ]),
    [
      ['add', false, 'add.ts', 10, 'Adds.', 'console.log(add(1, 2)) // → 3\n'],
      ['Sum', true, 'add.ts', 1, undefined, undefined],
      ['times', false, 'times.ts', 2, 'Multiplies.', undefined],
      ['ZERO', false, 'sums.ts', 4, undefined, undefined],
    ],
  )
})

test('a value without docstring or example is named; types and what is allowed are not', (t) => {
  const surface = surfaceOf(t, {
    'packages/sums/src/sums.ts': `export type Sum = number\n/** Nothing. */\nexport const ZERO = 0\n\nexport const ONE = 1\n${DOC}export const add = 1\n`,
  })
  const [head, ...rest] = judgeSurface(surface, {})
  assert.match(head!, /"sums" publishes 2 values without/)
  assert.deepEqual(rest, [
    '  packages/sums/src/sums.ts:3  "ZERO" has no @example',
    '  packages/sums/src/sums.ts:5  "ONE" has no docstring',
  ])
  assert.deepEqual(judgeSurface(surface, { sums: 2 }), [])
})

test('the list names doors that there are', (t) => {
  const surface = surfaceOf(t, { 'packages/sums/src/sums.ts': 'export const ZERO = 0\n' })
  assert.match(judgeSurface(surface, { sums: 1, 'sums/more': 1 })[0]!, /"sums\/more", which no package publishes/)
})

test('undocumented.json says how many there are, so that there can only be less', () => {
  const allowed: unknown = JSON.parse(readFileSync(join(import.meta.dirname, 'undocumented.json'), 'utf8'))
  assert.deepEqual(allowed, countLacking(readSurface(root)))
})
