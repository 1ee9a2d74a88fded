import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '..')

/** The commands in a page's shell blocks, without their comments. */
function commands(page: string): readonly string[] {
  const blocks = readFileSync(join(root, page), 'utf8').matchAll(/^```sh\n(.*?)^```/gms)
  return [...blocks].flatMap(([, block]) => block!.split('\n').map((line) => line.replace(/\s+#.*$/, '').trim()))
}

for (const page of ['README.md', 'README.ko.md']) {
  test(`${page} says the two commands, word for word`, () => {
    assert.ok(commands(page).includes('npm ci && npm start'), 'npm ci && npm start')
    assert.ok(commands(page).includes('npm ci && npm test'), 'npm ci && npm test')
  })
}

test('every npm script that a page names exists', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Readonly<Record<string, string>>
  }
  const missing = ['README.md', 'README.ko.md', 'CONTRIBUTING.md', 'ARCHITECTURE.md']
    .filter((page) => existsSync(join(root, page)))
    .flatMap((page) =>
      [...readFileSync(join(root, page), 'utf8').matchAll(/npm run ([\w:]+)/g)]
        .map(([, script]) => script!)
        .filter((script) => !Object.hasOwn(scripts, script))
        .map((script) => `${page}: npm run ${script}`),
    )
  assert.deepEqual(missing, [])
})
