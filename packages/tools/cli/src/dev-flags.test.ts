import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { project } from './project.test-support.ts'
import { dure } from './shell.test-support.ts'
import { spawned } from './spawned.test-support.ts'
import { typeErrors } from './types.ts'

/** What an expression is in the process behind a debugger's address. */
async function evaluate(address: string, expression: string): Promise<string> {
  const socket = new WebSocket(address)
  await once(socket, 'open')
  socket.send(JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression } }))
  const [{ data }] = (await once(socket, 'message')) as [{ data: string }]
  socket.close()
  return (JSON.parse(data) as { result: { result: { value: string } } }).result.result.value
}

const slow = { timeout: 90_000 }

test('--reset says what it deletes, and the system begins anew', slow, async () => {
  const { root } = project()
  const first = spawned(['dev', '--no-console'], { cwd: root })
  await first.until(/is ready/)
  const beside = spawned(['dev', '--no-console', '--reset'], { cwd: root })
  assert.equal(await beside.exit, 2)
  assert.match(
    beside.err(),
    /^.*Cannot empty the data directory[^\n]*a system runs on it; stop that first\. Nothing was deleted\n$/s,
  )
  first.child.kill('SIGTERM')
  await first.exit
  assert.ok(existsSync(join(root, '.dure/notes.db')))
  const second = spawned(['dev', '--no-console', '--reset'], { cwd: root })
  await second.until(/Deleting all in ".*\.dure": [^\n]*notes\.db[^]*Migrated a store[^]*is ready/)
  second.child.kill('SIGTERM')
  assert.equal(await second.exit, 0)
})

test('--reset deletes nothing where anything is not of a system', async () => {
  const { root } = project()
  const data = join(root, 'data')
  mkdirSync(data)
  for (const name of ['notes.db', 'thesis.txt']) writeFileSync(join(data, name), '')
  const { code, err } = await dure(['dev', '--reset', '--data', data], { cwd: root, stop: Promise.resolve() })
  assert.equal(code, 2)
  assert.match(err, /Cannot empty the data directory ".*data": "thesis\.txt" in it is not a system's/)
  assert.deepEqual(readdirSync(data), ['notes.db', 'thesis.txt'])
})

test('--inspect reaches the process of the system, also after it has started again', slow, async () => {
  const { root, shared } = project()
  const dev = spawned(['dev', '--no-console', '--inspect=0'], { cwd: root })
  const argvs: string[] = []
  for (const ready of [/is ready/, /Ready again/]) {
    await dev.until(ready)
    argvs.push(
      await evaluate(
        dev
          .err()
          .match(/ws:\/\/\S+/g)!
          .at(-1)!,
        '`${process.argv[2]} ${process.pid}`',
      ),
    )
    writeFileSync(shared, "export const text = 'two'")
  }
  assert.equal(new Set(argvs).size, 2)
  for (const one of argvs) assert.match(one, /^start \d+$/)
  dev.child.kill('SIGTERM')
  assert.equal(await dev.exit, 0)
  const split = await dure(['dev', '--inspect', '--split'], { cwd: root })
  assert.equal(split.code, 2)
  assert.match(split.err, /Cannot let a debugger into several processes/)
})

test('--open opens the browser, and says the address where there is none', slow, async () => {
  const { root } = project({ door: true })
  const [browser, seen] = [join(root, 'browser.sh'), join(root, 'seen')]
  writeFileSync(browser, `#!/bin/sh\necho "$1" > ${seen}.part && mv ${seen}.part ${seen}\n`, { mode: 0o755 })
  const env = { BROWSER: browser, DISPLAY: '', WAYLAND_DISPLAY: '', NO_COLOR: '1' }
  const dev = spawned(['dev', '--no-console', '--open', '--port', '0'], { cwd: root, env })
  await dev.until(/is ready[^]*http:/)
  while (!existsSync(seen)) await new Promise((resolve) => setTimeout(resolve, 20))
  const url = /http:\/\/[\d.:]+/.exec(dev.out())![0]
  assert.ok(readFileSync(seen, 'utf8').startsWith(url))
  dev.child.kill('SIGTERM')
  await dev.exit
  const there = spawned(['dev', '--no-console', '--open', '--port', '0'], {
    cwd: root,
    env: { ...env, BROWSER: join(root, 'nothing') },
  })
  await there.until(/No browser here; open http:\/\/127\.0\.0\.1:\d+/)
  there.child.kill('SIGTERM')
  await there.exit
})

test('errors of types are told beside what runs, and when they are gone', slow, async () => {
  const { root, shared } = project()
  writeFileSync(
    join(root, 'tsconfig.json'),
    '{ "compilerOptions": { "strict": true, "types": [] }, "files": ["shared/text.ts"] }',
  )
  writeFileSync(shared, "export const text: number = 'one'")
  const dev = spawned(['dev', '--no-console'], { cwd: root })
  await dev.until(
    /is ready[^]*Types: 1 error\n {2}shared\/text\.ts:1:14 TS2322: Type 'string' is not assignable to type 'number'/,
  )
  writeFileSync(shared, "export const text = 'two'")
  await dev.until(/Ready again[^]*The types are in order again/)
  dev.child.kill('SIGTERM')
  assert.equal(await dev.exit, 0)
})

test('of what a compiler says, the errors in files of the project are told', () => {
  const said = `a.ts(1,2): error TS1: One\n  more of it\nnode_modules/x/a.ts(1,2): error TS2: Two\n../b.ts(3,4): error TS3: Three\nerror TS18003: No inputs`
  assert.deepEqual(typeErrors(said), ['a.ts:1:2 TS1: One'])
})
