import assert from 'node:assert/strict'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporary } from './shell.test-support.ts'
import { watchSources } from './watch.ts'

test('tells of sources in folders old and new, and of nothing else', async () => {
  const root = temporary()
  for (const folder of ['deep/down', 'node_modules/x', '.git', 'data']) mkdirSync(join(root, folder), { recursive: true })
  symlinkSync(root, join(root, 'loop'))
  const told: string[] = []
  let wake = (): void => {}
  const watcher = watchSources(root, {
    ignore: [join(root, 'data')],
    onChange: (path) => {
      told.push(path)
      wake()
    },
  })
  const next = (): Promise<void> => new Promise((resolve) => void (wake = resolve))
  for (const quiet of ['node_modules/x/a.ts', '.git/a.ts', 'data/a.ts', 'notes.md']) writeFileSync(join(root, quiet), '')
  let heard = next()
  writeFileSync(join(root, 'deep/down/a.ts'), 'a')
  await heard
  heard = next()
  mkdirSync(join(root, 'fresh'))
  // A folder is followed a moment after it came: write until somebody hears.
  const writing = setInterval(() => writeFileSync(join(root, 'fresh/b.sql'), String(told.length)), 150)
  await heard
  clearInterval(writing)
  watcher.close()
  assert.deepEqual(told.slice(0, 2), ['deep/down/a.ts', 'fresh/b.sql'])
})

test('files that are imported from elsewhere are followed; what does not count is not told of', async () => {
  const root = temporary()
  const outside = temporary()
  for (const folder of [root, outside]) writeFileSync(join(folder, 'a.ts'), '')
  const heard = Promise.withResolvers<string>()
  const watcher = watchSources(root, {
    ignore: [],
    concerns: (path) => path === join(outside, 'a.ts'),
    onChange: (path) => heard.resolve(path),
  })
  watcher.follow([join(outside, 'a.ts'), join(outside, 'gone/b.ts')])
  writeFileSync(join(root, 'a.ts'), 'changed')
  writeFileSync(join(outside, 'b.ts'), 'changed')
  writeFileSync(join(outside, 'a.ts'), 'changed')
  assert.match(await heard.promise, /^\.\.\/.*a\.ts$/)
  watcher.close()
})
