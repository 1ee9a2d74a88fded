import assert from 'node:assert/strict'
import { mkdirSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { started, temporary } from '../config-server.test-support.ts'
import { ask } from '../spring-answers.test-support.ts'
import { folderRepository } from './folder.ts'

test('a change is there for the next who asks, with another version; the same content has the same version', async (t) => {
  const folder = temporary(t, 'settings')
  writeFileSync(join(folder, 'app.yml'), 'a: 1')
  const { url } = await started(t, { repository: folderRepository(folder) })
  const asked = async (): Promise<readonly [version: string, text: string]> => {
    const { version } = JSON.parse((await ask(url, '/app/default')).text) as { readonly version: string }
    return [version, (await ask(url, '/app-default.properties')).text]
  }
  const before = await asked()
  writeFileSync(join(folder, 'app.yml'), 'a: 2')
  const after = await asked()
  assert.deepEqual([before[1], after[1]], ['a: 1', 'a: 2'])
  assert.notEqual(before[0], after[0])
  writeFileSync(join(folder, 'new.yml'), 'a: 1')
  renameSync(join(folder, 'new.yml'), join(folder, 'app.yml'))
  assert.deepEqual(await asked(), before)
  rmSync(join(folder, 'app.yml'))
  assert.equal((await asked())[1], '')
  rmSync(folder, { recursive: true })
  assert.equal((await ask(url, '/app/default')).status, 503)
})

test('of a mount that is swapped nobody is answered a half', async (t) => {
  const folder = temporary(t, 'mount')
  const publish = (round: number): void => {
    const inside = join(folder, `..${round}`)
    mkdirSync(inside)
    for (const name of ['application.yml', 'app.yml']) writeFileSync(join(inside, name), `${name.replace('.yml', '')}: ${round}`)
    symlinkSync(`..${round}`, join(folder, '..next'))
    renameSync(join(folder, '..next'), join(folder, '..data'))
    rmSync(join(folder, `..${round - 1}`), { recursive: true, force: true })
  }
  publish(1)
  for (const name of ['application.yml', 'app.yml']) symlinkSync(`..data/${name}`, join(folder, name))
  const { url } = await started(t, { repository: folderRepository(folder) })
  let over = false
  const asking = (async () => {
    const seen = new Set<string>()
    while (!over) {
      const { status, text } = await ask(url, '/app-default.properties')
      assert.equal(status, 200, text)
      const [of, all] = text.split('\n').map((line) => line.split(': ')[1])
      assert.equal(of, all)
      seen.add(text)
    }
    return seen.size
  })()
  for (let round = 2; round <= 12; round++) {
    publish(round)
    await ask(url, '/app-default.properties')
  }
  over = true
  assert.ok((await asking) > 1)
})

test('more files or bytes than may be are said, and no others are served in their place', async (t) => {
  const folder = temporary(t, 'settings')
  for (let at = 0; at < 5; at++) writeFileSync(join(folder, `app${at}.yml`), 'a: 1')
  writeFileSync(join(folder, 'README.md'), 'x'.repeat(1_000))
  const { url } = await started(t, { repository: folderRepository(folder), limits: { files: 5, memory: 100 } })
  assert.equal((await ask(url, '/app1/default')).status, 200)
  writeFileSync(join(folder, 'app5.yml'), 'a: 1')
  const { status, text } = await ask(url, '/app1/default')
  assert.equal(status, 500)
  assert.match(text, /more than 5 files or 100 bytes/)
  rmSync(join(folder, 'app5.yml'))
  // It has no bytes on the disk, and whoever reads it has them in memory.
  truncateSync(join(folder, 'app0.yml'), 100_000_000)
  const large = await ask(url, '/app1/default')
  assert.deepEqual([large.status, /"app0\.yml\\": it has 100000000 bytes/.test(large.text)], [500, true], large.text)
})
