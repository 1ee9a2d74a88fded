import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { root } from '../shell.ts'
import { outputPattern, PAGES, shapeOf, stepsOf, withoutWords } from './page.ts'

const read = (path: string): string => readFileSync(join(root, path), 'utf8')

test('the tutorial asks for the same commands, files and outputs in Korean as in English', () => {
  const [english, korean] = [read(PAGES.en), read(PAGES.ko)]
  const steps = stepsOf(english)
  assert.ok(steps.length > 40, `${steps.length} steps`)
  assert.deepEqual(withoutWords(stepsOf(korean)), withoutWords(steps))
  assert.deepEqual(shapeOf(korean), shapeOf(english))
})

for (const path of Object.values(PAGES))
  test(`${path} leads where something is, and leaves out no part of a file`, () => {
    const page = read(path)
    const folder = dirname(join(root, path))
    const links = [...page.matchAll(/\]\((?!https?:|#)([^)#\s]+)[^)]*\)/g)].map(([, link]) => link!)
    assert.deepEqual(
      links.filter((link) => !existsSync(join(folder, link))),
      [],
    )
    for (const step of stepsOf(page)) if (step.kind === 'file') assert.doesNotMatch(step.text, /…/, `${path}:${step.line}`)
  })

test('what a page asks for is read in its order, and a block that nobody could follow is refused', () => {
  const page = [
    '```sh stays\nnpm run dev\n```\n\n```text\n…\nready\n```\n',
    '```ts\n// src/a.ts\nexport const a = 1\n```\n\n```text stays\nagain\n```\n\n```sh\nls\n```\n',
  ].join('\nProse.\n\n')
  assert.deepEqual(stepsOf(page), [
    { kind: 'command', line: 1, how: 'stays', text: 'npm run dev\n', prints: '…\nready\n' },
    { kind: 'file', line: 12, path: 'src/a.ts', text: 'export const a = 1\n', made: false },
    { kind: 'prints', line: 17, who: 'stays', prints: 'again\n' },
    { kind: 'command', line: 21, how: 'ends', text: 'ls\n', prints: '…\n' },
  ])
  assert.throws(() => stepsOf('```ts\nexport const a = 1\n```\n'), /Line 1: a file's first line has to name it/)
  assert.throws(() => stepsOf('```sh maybe\nls\n```\n'), /Line 1: "sh maybe" is none of ends, fails/)
  assert.throws(() => stepsOf('```text\nout\n```\n'), /Line 1: .* no command stands before it/)
})

test('pages that differ in more than words are told apart', () => {
  const page = (code: string, option = 'en'): readonly unknown[] =>
    withoutWords(stepsOf(`\`\`\`ts\n// src/a.ts\n${code}\n\`\`\`\n\n\`\`\`sh\nmake --lang ${option}\n\`\`\`\n`))
  assert.deepEqual(page('a() // one'), page('a() // 하나', 'ko'))
  assert.notDeepEqual(page('a() // one'), page('b() // one'))
  assert.notDeepEqual(shapeOf('# A\n\n[b](b.md)\n'), shapeOf('# A\n\n[c](c.md)\n'))
})

const outputs: readonly [page: string, output: string, whole: boolean, fits: boolean][] = [
  ['a\n…\nb', 'a\nb', true, true],
  ['a\n…\nb', 'a\nx\ny\nb', true, true],
  ['id …, a', 'id 17, a', true, true],
  ['a …\n…', 'a 1\nb\nc', true, true],
  ['a …\n…', 'a 1', true, true],
  ['ID  NAME', 'ID      NAME', true, true],
  ['300 200', '299 200\n1 503', true, false],
  ['a …', 'a 1\nb', true, false],
  ['[1.5]', '[175]', true, false],
  ['b', 'a\nb\nc', false, true],
  ['b', 'ab', false, false],
  ['b', 'bc', false, false],
]
for (const [page, output, whole, fits] of outputs)
  test(`${JSON.stringify(page)} ${fits ? 'is' : 'is not'} what ${JSON.stringify(output)} is told by`, () => {
    assert.equal(outputPattern(page, { whole }).test(output), fits)
  })
