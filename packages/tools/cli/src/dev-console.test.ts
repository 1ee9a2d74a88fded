import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ANY_PORT, contractsAt, letIn, linkIn } from './console.test-support.ts'
import { project, SYSTEM } from './project.test-support.ts'
import { dure, startHere } from './shell.test-support.ts'
import { spawned } from './spawned.test-support.ts'

const slow = { timeout: 300_000 }
/** Waits until what was called is among the spans that the collector keeps. */
async function untilTraced(url: string, cookie: string, name: string): Promise<void> {
  for (;;) {
    const answer = await fetch(`${url}/api/operator/traces/list`, {
      method: 'POST',
      headers: { cookie, 'content-type': 'application/json' },
      body: '{}',
    })
    const text = await answer.text()
    assert.equal(answer.status, 200, text)
    if (text.includes(name)) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

test(
  'a system that lists no console gets one, whose link is said before all other addresses; --reset deletes what it stored',
  slow,
  async () => {
    const { root } = project({ door: true })
    const dev = spawned(['dev', '--port', '0'], { cwd: root, env: ANY_PORT })
    await dev.until(/is ready[^]*dure dev --split/)
    const said = dev.all()
    const link = linkIn(said)
    assert.ok(said.indexOf('#open=') < said.indexOf('rest '), 'the console comes first')
    const cookie = await letIn(link)
    const known = await contractsAt(link.url, cookie)
    for (const name of ['health', 'traces', 'logs', 'metrics', 'exceptions']) assert.ok(known.includes(name), name)
    assert.equal((await dure(['call', 'notes.read'], { cwd: root })).code, 0)
    await untilTraced(link.url, cookie, 'notes')
    const beside = await dure(['dev', '--no-console', '--reset'], { cwd: root })
    assert.equal(beside.code, 2)
    assert.match(
      beside.err,
      /^Cannot empty the data directory[^\n]*a system runs on it; stop that first\. Nothing was deleted\n$/m,
    )
    dev.child.kill('SIGTERM')
    assert.equal(await dev.exit, 0)
    assert.ok(existsSync(join(root, '.dure/notes.db')))
    const reset = spawned(['dev', '--reset', '--no-console', '--port', '0'], { cwd: root, env: ANY_PORT })
    await reset.until(/Deleting all in ".*\.dure": [^\n]*console\.key[^\n]*notes\.db[^]*Migrated a store[^]*is ready/)
    assert.doesNotMatch(reset.all(), /#open=/)
    assert.equal(existsSync(join(root, '.dure/collector')), false)
    reset.child.kill('SIGTERM')
    assert.equal(await reset.exit, 0)
  },
)

test('a console of its own stays the only one', async () => {
  const { root, file } = project()
  writeFileSync(
    file,
    `import { consoleDoor } from '@dure/console'${SYSTEM.replace("security: 'off'", "doors: [consoleDoor({ port: 0 })], security: 'off'")}`,
  )
  const running = await startHere(file, '--console', '--data', join(root, '.dure'))
  const link = linkIn(running.out())
  assert.equal(running.out().match(/#open=/g)?.length, 1)
  assert.equal((await contractsAt(link.url, await letIn(link))).includes('traces'), false, 'what its author chose')
  assert.equal((await running.stop()).code, 0)
})
