import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { missingServer, startProxy } from '@dure/testing/servers'
import type { Registry } from 'dure/discovery'
import { inBase64 } from './address.ts'
import { ask, entries, ids, open, orders, put, started, until } from './etcd.test-support.ts'

/** Whether a service was ever without instances in a view, from now on. */
function losses(registry: Registry): { readonly lost: () => boolean } {
  let lost = false
  registry.watch('orders', (now) => (lost ||= now.length === 0))
  return { lost: () => lost }
}
const fresh = (...registries: readonly Registry[]): boolean => registries.every((each) => each.freshness().fresh)

async function child(t: TestContext, url: string, id: string): Promise<ChildProcess> {
  const file = fileURLToPath(import.meta.resolve('./client.child.test-support.ts'))
  const running = spawn(process.execPath, ['--conditions=dure-source', file, url, id], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => running.kill('SIGKILL'))
  await once(running.stdout, 'data')
  return running
}

describe('etcd that fails', { skip: missingServer('etcd'), concurrency: 4 }, () => {
  test('killed and started again it has lost nobody; what was said meanwhile is told when it is back', async (t) => {
    const server = await started(t)
    const [here, there] = [await open(t, server.url), await open(t, server.url)]
    const own = await here.register(orders('a'))
    await until('it is seen', () => ids(there) === 'a')
    const view = losses(there)
    await server.crash()
    await until('both know', () => !here.freshness().fresh && !there.freshness().fresh)
    assert.equal(ids(there), 'a')
    await own.update({ status: 'draining' })
    const later = here.register(orders('b'))
    await server.start()
    await later
    await until('all is fresh and told', () => fresh(here, there) && ids(there) === 'a,b')
    await until('so is the change', () => there.instances('orders').some(({ status }) => status === 'draining'))
    assert.equal(view.lost(), false)
    await own.stop()
    await until('who left is gone', () => ids(there) === 'b')
  })

  test('its data lost: who lives is back under the same id, and was never missed; who died is forgotten after a lease', async (t) => {
    const server = await started(t)
    const [here, there] = [await open(t, server.url), await open(t, server.url)]
    await here.register(orders('a'))
    await put(server.port, 'dure/orders/dead', JSON.stringify(orders('dead')))
    await until('both are seen', () => ids(there) === 'a,dead')
    const view = losses(there)
    await server.crash()
    rmSync(join(server.directory, 'data'), { recursive: true })
    await server.start()
    await until('it is back', async () => Object.keys(await entries(server.port, 'dure/')).join() === 'dure/orders/a')
    await until('the dead one is forgotten', () => ids(there) === 'a' && fresh(here, there))
    assert.equal(view.lost(), false)
  })

  test('frozen for longer than a lease: the view is kept and said to be stale, and nobody has been lost', async (t) => {
    const server = await started(t)
    const [here, there] = [await open(t, server.url, { timeout: 500 }), await open(t, server.url, { timeout: 500 })]
    await here.register(orders('a'))
    await until('it is seen', () => ids(there) === 'a')
    const view = losses(there)
    server.freeze()
    await until('both know', () => !here.freshness().fresh && !there.freshness().fresh)
    const until4 = performance.now() + 4_000
    await until('a lease has passed', () => performance.now() > until4)
    assert.equal(ids(there), 'a')
    server.thaw()
    await until('both are fresh', () => fresh(here, there))
    assert.deepEqual([ids(there), view.lost()], ['a', false])
  })

  test('a process that is killed is gone with its lease; one that was frozen for longer comes back', async (t) => {
    const server = await started(t)
    const there = await open(t, server.url)
    const [killed, frozen] = await Promise.all([child(t, server.url, 'killed'), child(t, server.url, 'frozen')])
    await until('both are seen', () => ids(there) === 'frozen,killed')
    killed.kill('SIGKILL')
    frozen.kill('SIGSTOP')
    await until('both are gone', () => ids(there) === '')
    frozen.kill('SIGCONT')
    await until('the frozen one is back', () => ids(there) === 'frozen')
  })

  test('a key that somebody else deletes, and a lease that he revokes, are made again', async (t) => {
    const server = await started(t)
    const [here, there] = [await open(t, server.url), await open(t, server.url)]
    await here.register(orders('a'))
    await until('it is seen', () => ids(there) === 'a')
    const key = inBase64('dure/orders/a')
    await ask(server.port, 'kv/deleterange', { key })
    await until('it is gone', () => ids(there) === '')
    await until('it is back', () => ids(there) === 'a')
    const { kvs } = (await ask(server.port, 'kv/range', { key })) as { readonly kvs: readonly { readonly lease: string }[] }
    await ask(server.port, 'lease/revoke', { ID: kvs[0]!.lease })
    await until('it is gone', () => ids(there) === '')
    await until('it is back', () => ids(there) === 'a')
  })

  test('a connection cut, one that stands still, and a member that is dead: another member is asked', async (t) => {
    const server = await started(t)
    const [first, second] = [await startProxy({ to: server.port }), await startProxy({ to: server.port })]
    t.after(async () => {
      await Promise.all([first.close(), second.close()])
    })
    const there = await open(t, `etcd://127.0.0.1:1,127.0.0.1:${first.port},127.0.0.1:${second.port}`, { timeout: 500 })
    await until('the dead one is left', () => fresh(there))
    await put(server.port, 'dure/orders/a', JSON.stringify(orders('a')))
    await until('it is seen', () => ids(there) === 'a')
    first.cut()
    second.cut()
    await put(server.port, 'dure/orders/b', JSON.stringify(orders('b')))
    await ask(server.port, 'kv/deleterange', { key: inBase64('dure/orders/a') })
    await until('what changed meanwhile is seen', () => ids(there) === 'b')
    first.hold(true)
    await put(server.port, 'dure/orders/c', JSON.stringify(orders('c')))
    await until('one of them is enough', () => ids(there) === 'b,c' && fresh(there))
    first.hold(false)
    second.hold(true)
    await put(server.port, 'dure/orders/d', JSON.stringify(orders('d')))
    await until('whichever it is', () => ids(there) === 'b,c,d' && fresh(there))
  })

  test('leaving while a change of its own is under way: it does not come back, whatever arrives late', async (t) => {
    const server = await started(t)
    const proxy = await startProxy({ to: server.port })
    t.after(() => proxy.close())
    const [here, there] = [await open(t, `etcd://127.0.0.1:${proxy.port}`, { timeout: 500 }), await open(t, server.url)]
    const own = await here.register(orders('a'))
    await until('it is seen', () => ids(there) === 'a')
    proxy.hold(true)
    const changing = own.update({ status: 'draining' })
    const left = own.stop()
    assert.equal(ids(here), '')
    await changing
    proxy.hold(false)
    await left
    await until('it is gone', () => ids(there) === '')
    await until('its keys are gone', async () => Object.keys(await entries(server.port, 'dure/')).length === 0)
  })

  test('without etcd a start waits as long as it was told, and says what to do', async (t) => {
    const registry = await open(t, 'etcd://user:secret@127.0.0.1:1', { registerTimeout: 300 })
    assert.equal(registry.freshness().fresh, false)
    await assert.rejects(registry.register(orders('a')), {
      code: 'UNAVAILABLE',
      message:
        'Cannot register "orders" with the registry etcd://127.0.0.1:1/dure: the connection was refused; start an etcd, or give its address',
    })
    assert.deepEqual(registry.instances('orders'), [])
  })
})
