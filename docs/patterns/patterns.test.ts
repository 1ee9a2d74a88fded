import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { page } from './pages.ts'
import { proofs, type Proof } from './proofs/proofs.ts'
import { sections } from './rows.ts'

const root = join(import.meta.dirname, '..', '..')
const ids = sections.flatMap(({ rows }) => rows.map(({ id }) => id))

/** What a proof lacks to be one. */
function lacks(id: string, { state, code, guide, tests }: Proof): readonly string[] {
  const paths = [...code, ...(guide === undefined ? [] : [guide]), ...tests]
  return [
    ...(ids.includes(id) ? [] : [`${id} is not a row`]),
    ...paths.filter((path) => !existsSync(join(root, path))).map((path) => `${id} links "${path}", which is not there`),
    ...tests.filter((path) => !path.endsWith('.test.ts')).map((path) => `${id} calls "${path}" a test`),
    ...(paths.length === 0 ? [`${id} links nothing`] : []),
    ...(state === 'works' && code.length === 0 ? [`${id} works without code`] : []),
    ...(state === 'works' && guide === undefined ? [`${id} works without a guide`] : []),
    ...(state === 'works' && tests.length === 0 ? [`${id} works without a test that breaks it`] : []),
  ]
}

test('every row is there once', () => {
  assert.equal(ids.length, 93)
  assert.equal(new Set(ids).size, ids.length)
})

test('what a row links is there, and a row that works links code, guide and test', () => {
  assert.deepEqual(
    Object.entries(proofs).flatMap(([id, proof]) => lacks(id, proof)),
    [],
  )
})

test('a proof with a hole in it is found', () => {
  const sound: Proof = {
    state: 'works',
    code: ['docs/patterns/rows.ts'],
    guide: 'CONTRIBUTING.md',
    tests: ['docs/patterns/patterns.test.ts'],
  }
  assert.deepEqual(lacks('A1', sound), [])
  assert.deepEqual(lacks('A1', { ...sound, code: ['no/such/file.ts'] }), ['A1 links "no/such/file.ts", which is not there'])
  assert.deepEqual(lacks('A1', { ...sound, guide: undefined }), ['A1 works without a guide'])
  assert.deepEqual(lacks('A1', { ...sound, tests: [] }), ['A1 works without a test that breaks it'])
  assert.deepEqual(lacks('Z9', sound), ['Z9 is not a row'])
})

for (const [language, file] of [
  ['en', 'index.md'],
  ['ko', 'index.ko.md'],
] as const) {
  test(`${file} says what rows.ts and proofs.ts say, and its links hold`, () => {
    const text = readFileSync(join(import.meta.dirname, file), 'utf8')
    assert.ok(text === page(language), 'It is out of date: npm run docs:patterns')
    const links = [...text.matchAll(/\]\(([^)]+)\)/g)].map(([, link]) => link!)
    assert.ok(links.length > 0)
    assert.deepEqual(
      links.filter((link) => !existsSync(join(import.meta.dirname, link))),
      [],
    )
  })
}

test('links between the documents hold', () => {
  const pages = [
    'README.md',
    'README.ko.md',
    'ARCHITECTURE.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    'docs/out-of-scope.md',
    'docs/decisions/README.md',
  ]
  const broken = pages
    .filter((path) => existsSync(join(root, path)))
    .flatMap((path) =>
      [...readFileSync(join(root, path), 'utf8').matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)]
        .map(([, link]) => link!)
        .filter((link) => !existsSync(join(root, dirname(path), link)))
        .map((link) => `${path}: ${link}`),
    )
  assert.deepEqual(broken, [])
})
