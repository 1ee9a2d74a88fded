import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { createServer as createHttpServer } from 'node:http'
import { renameSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { dure, temporary } from './shell.test-support.ts'
import { spawned } from './spawned.test-support.ts'

test('dure gateway: routes of a file, which change with it, whole or not at all', async (t) => {
  const server = createHttpServer((request, response) => void response.end(`it was ${request.url}`)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => void server.close())
  const free = createServer().listen(0, '127.0.0.1')
  await once(free, 'listening')
  const { port } = free.address() as AddressInfo
  free.close()
  const folder = temporary()
  const file = join(folder, 'gateway.json')
  const write = (path: string): void => {
    const upstreams = { one: { addresses: [`127.0.0.1:${(server.address() as AddressInfo).port}`] } }
    writeFileSync(file, JSON.stringify({ routes: { one: { prefix: path, to: 'one' } }, upstreams }))
  }
  const here = { cwd: import.meta.dirname }
  write('a')
  const wrong = await dure(['gateway', '--config', file], here)
  assert.equal(wrong.code, 2)
  assert.match(wrong.err, /Cannot use the routes: Route "one": its prefix "a" does not begin with "\/"/)
  write('/a')
  const accessLog = join(folder, 'access.log')
  const running = spawned(['gateway', '--config', file, '--port', String(port), '--access-log', accessLog], here)
  await running.until(/Gateway at /)
  const ask = async (path: string): Promise<string> => (await fetch(`http://127.0.0.1:${port}${path}`)).text()
  assert.equal(await ask('/a/1'), 'it was /a/1')
  write('nonsense')
  await running.until(/The routes are not taken/)
  assert.equal(await ask('/a/2'), 'it was /a/2')
  truncateSync(file, 100_000_000)
  await running.until(/it has 100000000 bytes; give 16777216 at most/)
  assert.equal(await ask('/a/2'), 'it was /a/2')
  write('/b')
  await running.until(/The routes have changed/)
  assert.equal(await ask('/b/3'), 'it was /b/3')
  running.child.kill('SIGTERM')
  assert.equal(await running.exit, 0)
})

test('dure gateway: a file of YAML, with filters, put in place of another', async (t) => {
  const server = createHttpServer((request, response) => void response.end(`it was ${request.url}`)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => void server.close())
  const file = join(temporary(), 'gateway.yaml')
  const write = (strip: number): void => {
    const upstream = `127.0.0.1:${(server.address() as AddressInfo).port}`
    const filters = `filters: [{ rewrite: { strip: ${strip} } }]`
    writeFileSync(
      `${file}~`,
      `upstreams: { one: { addresses: ["${upstream}"] } }\nroutes:\n  a:\n    prefix: /a\n    to: one\n    ${filters}\n`,
    )
    renameSync(`${file}~`, file)
  }
  const here = { cwd: import.meta.dirname }
  write(0)
  const wrong = await dure(['gateway', '--config', file], here)
  assert.equal(wrong.code, 2)
  assert.match(
    wrong.err,
    /gateway\.yaml:6: routes\.a\.filters\.0\.rewrite: Cannot rewrite paths: "strip" is 0; give a whole number from 1 to 100/,
  )
  write(1)
  const running = spawned(['gateway', '--config', file, '--port', '0'], here)
  await running.until(/Gateway at /)
  const [, url] = /Gateway at (\S+)/.exec(running.all())!
  const ask = async (path: string): Promise<string> => (await fetch(url + path)).text()
  assert.equal(await ask('/a/b/c'), 'it was /b/c')
  write(2)
  await running.until(/The routes have changed/)
  assert.equal(await ask('/a/b/c'), 'it was /c')
  running.child.kill('SIGTERM')
  assert.equal(await running.exit, 0)
})
