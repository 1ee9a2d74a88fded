/** What etcd's own program makes of what a system writes, and what the system makes of what it does: one line a check. */
import assert from 'node:assert/strict'
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { serverPlaces, startLocalServer } from '@dure/testing/servers'
import { realRuntime } from 'dure/runtime'
import { silentLogger } from 'dure/telemetry'
import { etcdRegistry } from './etcd.ts'
import { until } from './etcd.test-support.ts'
import { Desk, startPart } from './shop.test-support.ts'

const directory = mkdtempSync(join(tmpdir(), 'dure-etcd-peers-'))
const etcd = await startLocalServer('etcd')
const url = `${etcd.url}/shop`

let failed = false
async function check(name: string, work: () => Promise<string>): Promise<void> {
  const said = await work().catch((error: unknown) => error as Error)
  failed ||= said instanceof Error
  console.log(said instanceof Error ? `✖ ${name}: ${said.stack}` : `✔ ${name}: ${said}`)
}

/** etcd's own client, in the Debian that it was installed with. */
function etcdctl(...words: readonly string[]): string {
  const own = [serverPlaces().etcd.folder, '/usr/bin/etcdctl', `--endpoints=http://127.0.0.1:${etcd.port}`]
  const { status, stdout, stderr } = spawnSync('chroot', [...own, ...words], { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  return stdout
}
const keys = (service: string): readonly string[] =>
  etcdctl('get', '--prefix', `shop/${service}/`, '--keys-only')
    .split('\n')
    .filter((line) => line !== '')

const children = new Set<ChildProcess>()
async function stock(copy: number): Promise<ChildProcess> {
  const program = fileURLToPath(import.meta.resolve('./shop.test-support.ts'))
  const words = ['--conditions=dure-source', program, join(directory, 'shop'), url, 'stock', String(copy)]
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] })
  children.add(child)
  await once(child.stdout, 'data')
  return child
}

const [desk, first, second] = await Promise.all([startPart(join(directory, 'shop'), url, ['broker', 'desk']), stock(1), stock(2)])
const registry = await etcdRegistry({ url })({ directory, runtime: realRuntime(), log: silentLogger() })
const pids = (...running: readonly ChildProcess[]): string =>
  running
    .map(({ pid }) => pid!)
    .toSorted()
    .join()
/** Who answers now. */
async function answering(): Promise<string> {
  const said = new Set<number>()
  for (let call = 0; call < 40; call++) said.add(await desk.client(Desk).who(undefined))
  return [...said].toSorted().join()
}

try {
  await check('etcdctl reads what the system says of itself', async () => {
    await until('both copies are called', async () => (await answering()) === pids(first, second))
    assert.deepEqual([keys('stock').length, keys('desk').length], [2, 1])
    const value = JSON.parse(etcdctl('get', '--print-value-only', keys('stock')[0]!)) as { readonly status: string }
    assert.equal(value.status, 'up')
    const leases = etcdctl('lease', 'list').split('\n').slice(1, -1)
    const attached = leases.map((lease) => etcdctl('lease', 'timetolive', '--keys', lease))
    for (const text of attached) assert.match(text, /granted with TTL\(3s\), remaining\([0-3]s\), attached keys\(\[shop\//)
    return `2 copies of stock and desk, each under a lease of 3 s; both copies are called`
  })
  await check('etcdctl deletes one, and writes one', async () => {
    const [key = ''] = keys('stock')
    let fewest = 2
    const watching = registry.watch('stock', (now) => (fewest = Math.min(fewest, now.length)))
    assert.equal(etcdctl('del', key).trim(), '1')
    await until('the caller heard of it', () => fewest === 1)
    await until('who lives is back', () => registry.instances('stock').length === 2)
    watching.stop()
    assert.ok(keys('stock').includes(key))
    const http = { kind: 'tcp', host: '10.0.0.7', port: 8080 }
    const billing = { service: 'billing', id: 'b', version: '2.0.0', status: 'up', endpoints: { http }, metadata: {} }
    etcdctl('put', 'shop/billing/b', JSON.stringify(billing))
    etcdctl('put', 'shop/billing/nonsense', 'nonsense')
    await until('it is found', () => registry.instances('billing').length > 0)
    assert.deepEqual(registry.instances('billing'), [billing])
    etcdctl('del', '--prefix', 'shop/billing/')
    await until('and gone', () => registry.instances('billing').length === 0)
    return 'callers hear of it, who lives is back under the same id; what etcdctl writes is found, nonsense is not'
  })
  await check('etcd killed and started again, under calls', async () => {
    let fewest = 2
    const watching = registry.watch('stock', (now) => (fewest = Math.min(fewest, now.length)))
    const before = keys('stock')
    let calls = 0
    let over = false
    const calling = (async () => {
      for (; !over; calls++) await desk.client(Desk).who(undefined)
    })()
    await etcd.crash()
    await until('the view is known to be stale', () => !registry.freshness().fresh)
    const called = calls
    await until('calls go on', () => calls > called + 100)
    await etcd.start()
    await until('it is fresh', () => registry.freshness().fresh)
    over = true
    await calling
    watching.stop()
    assert.deepEqual([fewest, keys('stock')], [2, before])
    return `nobody lost, ${calls} calls, 0 failed`
  })
  await check('a copy killed, and another that leaves', async () => {
    const began = performance.now()
    second.kill('SIGKILL')
    await until('it is gone', () => keys('stock').length === 1)
    const ms = performance.now() - began
    assert.ok(ms < 6_000, `it took ${ms.toFixed(0)} ms`)
    await until('the other answers alone', async () => (await answering()) === pids(first))
    first.kill('SIGTERM')
    await once(first, 'close')
    assert.deepEqual(keys('stock'), [])
    return `gone after ${ms.toFixed(0)} ms, its lease being 3,000; who leaves is gone when it has`
  })
} finally {
  await registry.stop()
  await desk.stop()
  for (const child of children) child.kill('SIGKILL')
  await etcd.close()
  rmSync(directory, { recursive: true, force: true })
}
if (failed) process.exitCode = 1
