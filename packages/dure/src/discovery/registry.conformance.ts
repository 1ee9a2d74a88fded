import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Instance, Registry } from './registry.ts'

/** A world that several processes share: each `open` is one process's view of it. */
export type RegistryRig = {
  readonly open: () => Promise<Registry>
  readonly close: () => Promise<void>
}

/** Registers the cases that every Registry adapter has to pass with `node:test`. */
export function registryConformance(name: string, makeRig: () => Promise<RegistryRig>): void {
  const registry = (title: string, work: (rig: RegistryRig) => Promise<void>): void => {
    test(`${name}: ${title}`, { timeout: 30_000 }, async () => {
      const rig = await makeRig()
      try {
        await work(rig)
      } finally {
        await rig.close()
      }
    })
  }
  const instance = (service: string, id: string, port = 1): Instance => ({
    service,
    id,
    version: '1.2.3',
    address: { kind: 'tcp', host: '127.0.0.1', port },
  })

  registry('what is registered is known here at once and elsewhere soon, as it was given', async (rig) => {
    const [here, there] = [await rig.open(), await rig.open()]
    const given: Instance = { ...instance('orders', 'a'), address: { kind: 'unix', path: '/tmp/nobody listens "here".sock' } }
    await here.register(given)
    assert.deepEqual(here.instances('orders'), [given])
    await known(there, 'orders', ['a'])
    assert.deepEqual(there.instances('orders'), [given])
    assert.deepEqual(there.instances('stock'), [])
    // Who comes later sees what is there.
    assert.deepEqual((await rig.open()).instances('orders'), [given])
  })

  registry('several instances of a service, each with a life of its own', async (rig) => {
    const [here, there, third] = [await rig.open(), await rig.open(), await rig.open()]
    const first = await here.register(instance('orders', 'a', 1))
    await there.register(instance('orders', 'b', 2))
    await known(third, 'orders', ['a', 'b'])
    await first.stop()
    await first.stop()
    assert.ok(here.instances('orders').every(({ id }) => id !== 'a'))
    await known(third, 'orders', ['b'])
    await there.stop()
    await known(third, 'orders', [])
  })

  registry('watchers hear of every change of their service and of no other, until they stop', async (rig) => {
    const [here, there] = [await rig.open(), await rig.open()]
    const heard: string[][] = []
    const others: unknown[] = []
    const watching = here.watch('orders', (now) => heard.push(now.map(({ id }) => id)))
    here.watch('stock', (now) => others.push(now))
    const a = await there.register(instance('orders', 'a'))
    await known(here, 'orders', ['a'])
    assert.deepEqual(heard.at(-1), ['a'])
    await a.stop()
    await known(here, 'orders', [])
    assert.deepEqual(heard.at(-1), [])
    assert.deepEqual(others, [])
    watching.stop()
    const before = heard.length
    await there.register(instance('orders', 'b'))
    await known(here, 'orders', ['b'])
    assert.equal(heard.length, before)
  })

  registry('names of any kind are kept apart', async (rig) => {
    const [here, there] = [await rig.open(), await rig.open()]
    const names = ['orders', 'orders.eu', 'orders@x', '../orders', 'a b/c%', '주문']
    for (const service of names) await here.register(instance(service, `id of ${service}`))
    for (const service of names) await known(there, service, [`id of ${service}`])
  })

  registry('many at once: nobody is lost', async (rig) => {
    const views = await Promise.all([rig.open(), rig.open(), rig.open()])
    const ids = Array.from({ length: 30 }, (_, i) => `i${String(i).padStart(2, '0')}`)
    await Promise.all(ids.map((id, i) => views[i % 3]!.register(instance('orders', id))))
    for (const view of views) await known(view, 'orders', ids)
  })
}

/** Waits until exactly these are known. */
async function known(registry: Registry, service: string, ids: readonly string[]): Promise<void> {
  const now = (): string =>
    registry
      .instances(service)
      .map(({ id }) => id)
      .toSorted()
      .join()
  while (now() !== ids.join()) {
    await new Promise<void>((resolve) => {
      const watching = registry.watch(service, () => {
        watching.stop()
        resolve()
      })
    })
  }
}
