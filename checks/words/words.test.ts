import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { root } from '../shell.ts'
import { countRetired, judgeWords, readWords, type Words } from './words.ts'

const GLOSSARY = `# Glossary
## Words
| Word | 한국어 | What it is | In code |
| ---- | ------ | ---------- | ------- |
| lease | 리스 | held for a while | \`lease\` |
| outbox | 아웃박스 | sent later | \`createOutbox\` |
## Retired words
| Retired | Say instead |
| ------- | ----------- |
| lane | keyed processor |
## Retired in Korean
| 쓰지 않음 | 대신 |
| --------- | ---- |
| 문 | 진입점 |
`

function wordsOf(t: TestContext, files: Readonly<Record<string, string>>): Words {
  const folder = mkdtempSync(join(tmpdir(), 'dure-words-'))
  t.after(() => rmSync(folder, { recursive: true }))
  for (const [path, text] of Object.entries({ 'package.json': '{}', 'docs/glossary.md': GLOSSARY, ...files })) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  return readWords(folder)
}

test('a word of the glossary that is not in the code is found, and so is a retired one that is', (t) => {
  const words = wordsOf(t, {
    'packages/dure/src/data/lease.ts': 'export const lease = (keyedLane: number) => keyedLane\n',
    'packages/tools/cli/src/lane.ts': 'export const plane = 1\n',
    'packages/tools/cli/src/lane.test.ts': 'export const lane = 1\n',
  })
  assert.equal(words.files, 2)
  assert.deepEqual(words.missing, ['createOutbox'])
  assert.deepEqual(countRetired(words), { 'dure/data': 1, 'tools/cli': 1 })
  assert.equal(judgeWords(words, { 'dure/data': 1, 'tools/cli': 1 }).length, 1)
  const [missing, head, name] = judgeWords(words, { 'tools/cli': 1 })
  assert.match(missing!, /"createOutbox" is in the code, and no name is/)
  assert.match(head!, /"dure\/data" has 1 names with a retired word, and 0 may be left/)
  assert.equal(name, '  packages/dure/src/data/lease.ts: keyedLane')
})

test('a retired word of Korean is found alone and with a particle, and not inside of another word', (t) => {
  const page = '문을 엽니다\n문서와 질문, 전문가\n(문)\n진입점을 엽니다\n'
  const { korean } = wordsOf(t, { 'packages/dure/src/data/lease.ts': 'export const lease = 1\n', 'docs/a.ko.md': page })
  assert.deepEqual(
    korean.map(({ at }) => at),
    ['docs/a.ko.md:1', 'docs/a.ko.md:3'],
  )
  assert.equal(korean[0]!.instead, '진입점')
})

test('left.json says how many there are, so that there can only be less', () => {
  const left: unknown = JSON.parse(readFileSync(join(import.meta.dirname, 'left.json'), 'utf8'))
  assert.deepEqual(left, countRetired(readWords(root)))
})
