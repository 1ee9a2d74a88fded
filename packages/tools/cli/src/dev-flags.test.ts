import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { openBrowser } from './browser.ts'
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

const slow = { timeout: 300_000 }

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

// Three flags and one system: starting it is what takes the time.
test('--open, --inspect, and errors of types beside what runs: also after it has started again', slow, async () => {
  const { root, shared } = project({ door: true })
  const [browser, seen] = [join(root, 'browser.sh'), join(root, 'seen')]
  writeFileSync(browser, `#!/bin/sh\necho "$1" > ${seen}.part && mv ${seen}.part ${seen}\n`, { mode: 0o755 })
  writeFileSync(
    join(root, 'tsconfig.json'),
    '{ "compilerOptions": { "strict": true, "types": [] }, "files": ["shared/text.ts"] }',
  )
  writeFileSync(shared, "export const text: number = 'one'")
  const dev = spawned(['dev', '--no-console', '--open', '--inspect=0', '--port', '0'], {
    cwd: root,
    env: { BROWSER: browser, DISPLAY: '', WAYLAND_DISPLAY: '', NO_COLOR: '1' },
  })
  const argv = (): Promise<string> => {
    const addresses = dev.err().match(/ws:\/\/\S+/g)!
    return evaluate(addresses.at(-1)!, '`${process.argv[2]} ${process.pid}`')
  }
  await dev.until(
    /is ready[^]*Types: 1 error\n {2}shared\/text\.ts:1:14 TS2322: Type 'string' is not assignable to type 'number'/,
  )
  const url = /http:\/\/[\d.:]+/.exec(dev.out())![0]
  while (!existsSync(seen)) await new Promise((resolve) => setTimeout(resolve, 20))
  assert.ok(readFileSync(seen, 'utf8').startsWith(url))
  const first = await argv()
  writeFileSync(shared, "export const text = 'two'")
  await dev.until(/Ready again[^]*The types are in order again/)
  const second = await argv()
  assert.notEqual(first, second)
  for (const one of [first, second]) assert.match(one, /^start \d+$/)
  dev.child.kill('SIGTERM')
  assert.equal(await dev.exit, 0)
})

test('what goes with no debugger, and a browser that is not there, are said', async () => {
  const { root } = project()
  const split = await dure(['dev', '--inspect', '--split'], { cwd: root })
  assert.equal(split.code, 2)
  assert.match(split.err, /Cannot let a debugger into several processes/)
  assert.equal(await openBrowser('http://127.0.0.1:1', { BROWSER: join(root, 'nothing') }), false)
})

test('of what a compiler says, the errors in files of the project are told', () => {
  const said = `a.ts(1,2): error TS1: One\n  more of it\nnode_modules/x/a.ts(1,2): error TS2: Two\n../b.ts(3,4): error TS3: Three\nerror TS18003: No inputs`
  assert.deepEqual(typeErrors(said), ['a.ts:1:2 TS1: One'])
})
