import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { realRuntime } from '../../runtime/runtime.ts'
import { createLogger, silentLogger, type Logger } from '../../telemetry/telemetry.ts'
import { registryConformance } from '../registry.conformance.ts'
import type { Instance, Registry } from '../registry.ts'
import { embeddedRegistry } from './embedded.ts'

const CHILD = fileURLToPath(new URL('./child.test-support.ts', import.meta.url))

function open(directory: string, log: Logger = silentLogger()): Registry {
  return embeddedRegistry({ poll: 50 })({ directory, runtime: realRuntime(), log })
}

function folder(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'dure-registry-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

registryConformance('embedded registry', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'dure-registry-'))
  const views: Registry[] = []
  return {
    open: async () => {
      const view = open(directory)
      views.push(view)
      return view
    },
    close: async () => {
      for (const view of views) await view.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
})

const orders: Instance = {
  service: 'orders',
  id: 'here',
  version: '1.0.0',
  status: 'up',
  endpoints: { dure: { kind: 'unix', path: '/tmp/none.sock' } },
  metadata: {},
}

async function until(registry: Registry, wanted: (ids: readonly string[]) => boolean): Promise<void> {
  while (!wanted(registry.instances('orders').map(({ id }) => id))) {
    await new Promise<void>((resolve) => {
      const watching = registry.watch('orders', () => {
        watching.stop()
        resolve()
      })
    })
  }
}

test('a process killed without a word is gone from every view, with its file and its socket', { timeout: 30_000 }, async (t) => {
  const directory = folder(t)
  const [one, two] = [open(directory), open(directory)]
  t.after(() => Promise.all([one.stop(), two.stop()]))
  const socket = join(directory, 'child.sock')
  writeFileSync(socket, '')
  const child = spawn(process.execPath, ['--conditions=dure-source', CHILD, directory, 'child', socket])
  t.after(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  await until(one, (ids) => ids.includes('child'))
  await until(two, (ids) => ids.includes('child'))
  child.kill('SIGKILL')
  await until(one, (ids) => ids.length === 0)
  await until(two, (ids) => ids.length === 0)
  assert.deepEqual(readdirSync(join(directory, 'registry')), [])
  assert.ok(!readdirSync(directory).includes('child.sock'))
})

test('a process id given to somebody else does not bring the dead back', async (t) => {
  const directory = folder(t)
  const first = open(directory)
  await first.register(orders)
  await first.stop()
  const stale = { ...orders, pid: process.pid, began: '1' }
  writeFileSync(join(directory, 'registry', 'orders@here.json'), JSON.stringify(stale))
  const second = open(directory)
  t.after(() => second.stop())
  assert.deepEqual(second.instances('orders'), [])
})

test('files that make no sense are left alone and said once, and hide nobody', async (t) => {
  const directory = folder(t)
  const lines: string[] = []
  const log = createLogger({ clock: realRuntime().clock, write: (line) => void lines.push(line), fields: {} })
  const registry = open(directory, log)
  t.after(() => registry.stop())
  const path = join(directory, 'registry')
  writeFileSync(join(path, 'orders@cut.json'), '{"service":"ord')
  writeFileSync(join(path, 'orders@null.json'), 'null')
  writeFileSync(join(path, 'orders@huge.json'), `"${'x'.repeat(70_000)}"`)
  writeFileSync(join(path, 'stock@a.json'), JSON.stringify({ ...orders, pid: process.pid, began: '' }))
  writeFileSync(join(path, 'notes.txt'), 'mine')
  writeFileSync(join(path, '.999999999-7-0'), '{"half')
  await registry.register(orders)
  await registry.register({ ...orders, service: 'stock' })
  assert.deepEqual(registry.instances('orders'), [orders])
  assert.deepEqual(
    registry.instances('stock').map(({ id }) => id),
    ['here'],
  )
  assert.equal(lines.filter((line) => line.includes('registry')).length, 4, lines.join(''))
  assert.deepEqual(readdirSync(path).toSorted(), [
    'notes.txt',
    'orders@cut.json',
    'orders@here.json',
    'orders@huge.json',
    'orders@null.json',
    'stock@a.json',
    'stock@here.json',
  ])
})

test('a registry that somebody emptied fills itself again', { timeout: 30_000 }, async (t) => {
  const directory = folder(t)
  const [one, two] = [open(directory), open(directory)]
  t.after(() => Promise.all([one.stop(), two.stop()]))
  await one.register(orders)
  await until(two, (ids) => ids.includes('here'))
  rmSync(join(directory, 'registry'), { recursive: true })
  await two.register({ ...orders, id: 'other' })
  await until(two, (ids) => ids.length === 2)
})

test('a registry that cannot be read is stale since the last look, and tells what it knew', { timeout: 30_000 }, async (t) => {
  const directory = folder(t)
  const registry = open(directory)
  t.after(() => registry.stop())
  const registration = await registry.register(orders)
  assert.deepEqual(registry.freshness(), { fresh: true })
  const path = join(directory, 'registry')
  rmSync(path, { recursive: true })
  writeFileSync(path, 'no folder any more')
  while (registry.freshness().fresh) await new Promise((resolve) => setTimeout(resolve, 5))
  const stale = registry.freshness()
  assert.ok(!stale.fresh && stale.since <= Date.now())
  assert.deepEqual(registry.instances('orders'), [orders])
  await assert.rejects(registration.update({ status: 'draining' }))
  rmSync(path)
  while (!registry.freshness().fresh) await new Promise((resolve) => setTimeout(resolve, 5))
  assert.deepEqual(registry.instances('orders'), [orders])
})

test('a directory that cannot be used is said', (t) => {
  const directory = folder(t)
  writeFileSync(join(directory, 'registry'), '')
  assert.throws(() => open(directory), { code: 'PERMISSION_DENIED', message: /Cannot use the registry ".*To do:/ })
})
