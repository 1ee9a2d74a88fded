import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { textWidth } from '@dure/simulation/text/internal'
import { pyramidText, type LayerResult } from './pyramid/pyramid.ts'
import { dure, linkLibrary, temporary } from './shell.test-support.ts'

const PASSES = `import { test } from 'node:test'\n`
const FILES: Readonly<Record<string, string>> = {
  'package.json': JSON.stringify({ type: 'module', dure: { tests: { component: ['services/*.mjs'] } } }),
  'money.test.mjs': `${PASSES}test('adds', () => {})\ntest('later', { skip: 'not yet' }, () => {})\ntest('outer', (t) => t.test('inner', () => {}))\n`,
  'shop.contract.test.mjs': `${PASSES}test('gives \\u001b[31mcents', () => { throw new Error('body $.cents: expected a whole number, got "250"\\nmore') })\n`,
  'services/stock.mjs': `${PASSES}import { testSystem } from '@dure/testing'\nimport { contract } from 'dure/contract'\nimport { database } from 'dure/data'\nimport { service } from 'dure/service'
const Stock = contract('stock', { version: '1.0.0', owner: 't', operations: {} })
const stock = service(Stock, { database: database({ migrations: { '001': 'CREATE TABLE a (b TEXT)' } }), handlers: {} })
test('starts', async () => { await using t = await testSystem(stock); await t.settled() })\n`,
  'placement.test.mjs': 'import "./nowhere.mjs"\n',
  'node_modules.test/x.md': '',
}

function project(files: Readonly<Record<string, string>> = FILES): string {
  const folder = temporary()
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  linkLibrary(folder)
  return folder
}

type Report = {
  ok: boolean
  layers: { layer: string; tests: number; skipped: number; caught: { name: string; file: string; message: string }[] }[]
}

test('the layers of a project are run in order, and each says what it caught and cost', async () => {
  const cwd = project()
  const { code, out } = await dure(['test', '--json'], { cwd })
  const { ok, layers } = JSON.parse(out) as Report
  assert.deepEqual([code, ok], [1, false])
  assert.deepEqual(
    layers.map(({ layer, tests, skipped, caught }) => [layer, tests, skipped, caught.length]),
    [
      ['unit', 4, 1, 0],
      ['contract', 1, 0, 1],
      ['component', 1, 0, 0],
      ['equivalence', 1, 0, 1],
      ['end-to-end', 0, 0, 0],
    ],
  )
  const [, contract, , equivalence] = layers
  assert.deepEqual(
    [contract!.caught[0]!.file, contract!.caught[0]!.message.split('\n')[0]],
    ['shop.contract.test.mjs', 'body $.cents: expected a whole number, got "250"'],
  )
  assert.match(equivalence!.caught[0]!.message, /nowhere\.mjs/)
})

test('a report fits the terminal, in English and Korean, and nothing in it controls it', () => {
  const message = 'body $.cents: expected a whole number, got "250"\nmore'
  const caught = [{ file: 'shop.contract.test.ts', line: 2, name: 'gives \u001b[31mcents', message }]
  const results: readonly LayerResult[] = [
    { layer: 'unit', files: 1, tests: 4, skipped: 1, caught: [], ms: 120, slowest: { file: 'money.test.ts', ms: 3 } },
    { layer: 'contract', files: 1, tests: 1, skipped: 0, caught, ms: 2_100, slowest: { file: 'shop.contract.test.ts', ms: 90 } },
    { layer: 'end-to-end', files: 0, tests: 0, skipped: 0, caught: [], ms: 0, slowest: undefined },
  ]
  for (const [columns, lang] of [
    [100, 'en'],
    [48, 'ko'],
  ] as const) {
    const text = pyramidText(results, { columns, lang, color: false })
    for (const line of text.split('\n')) assert.ok(textWidth(line) <= columns, line)
    assert.match(text, lang === 'en' ? /^Layer +Tests +Caught/ : /^층 +테스트 +잡은 것/)
    const verdict = text.slice(text.lastIndexOf('\n\n') + 2).replaceAll('\n', ' ')
    const said = {
      en: '1 of 5 tests caught something in 2.22 s: contract 1.',
      ko: '테스트 5개 가운데 1개가 2.22 s 동안 무언가를 잡았습니다: 계약 1.',
    }
    assert.equal(verdict, said[lang])
    assert.match(text, /✖ gives \?\[31mcents\n {4}shop\.contract\.test\.ts:2\n {4}body \$\.cents/)
  }
  assert.match(
    pyramidText(results.slice(0, 1), { columns: 80, lang: 'en', color: false }),
    /Nothing was caught by 4 tests in 120 ms\.$/,
  )
})

test('tests of this release run on the schemas of a later one, and it is no success when none did', async () => {
  const next = `export default { services: [{ contract: { name: 'stock' }, database: { migrations: {
    '001': 'CREATE TABLE a (b TEXT)', '002': 'DROP TABLE a' } } }] }\n`
  const cwd = project({ ...FILES, 'next.mjs': next, 'other.mjs': 'export default { services: [] }\n' })
  const caught = await dure(['test', 'component', '--schema-of', 'next.mjs'], { cwd })
  assert.equal(caught.code, 1)
  assert.match(caught.out.replaceAll(/\s+/g, ' '), /"002" was applied to it and takes away what others use/)
  assert.match(caught.err, /On the schemas of next\.mjs: stock/)
  const none = await dure(['test', 'unit', '--bail', '--lang', 'ko', '--schema-of', 'other.mjs'], { cwd })
  assert.match(none.out, /^층/)
  assert.deepEqual([none.code, /No test ran on a schema of "other\.mjs"/.test(none.err)], [1, true])
})

test('what cannot be run says why', async () => {
  const said = async (words: readonly string[], files: Readonly<Record<string, string>>) =>
    dure(['test', ...words], { cwd: project(files) })
  const empty = await said([], { 'package.json': '{}' })
  assert.deepEqual([empty.code, /there is no test in it; name a file such as orders\.test\.ts/.test(empty.err)], [1, true])
  const wrong = await said([], { 'package.json': '{ "dure": { "tests": { "smoke": ["a"] } } }' })
  assert.deepEqual(
    [wrong.code, /"dure\.tests\.smoke".*there is no such layer; there are unit, contract/.test(wrong.err)],
    [2, true],
  )
  const nothing = await said([], { 'package.json': '{ "dure": { "tests": { "unit": ["a"] } } }' })
  assert.match(nothing.err, /Cannot take "a" of "dure\.tests\.unit".*no file is there/)
  assert.equal((await said(['smoke'], FILES)).code, 2)
  assert.equal((await said(['--schema-of', 'nowhere.ts'], FILES)).code, 2)
})
