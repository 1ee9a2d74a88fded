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
    status: 'up',
    endpoints: { dure: { kind: 'tcp', host: '127.0.0.1', port } },
    metadata: { zone: 'seoul-a', weight: '100' },
  })

  registry('what is registered is known here at once and elsewhere soon, as it was given', async (rig) => {
    const [here, there] = [await rig.open(), await rig.open()]
    const given: Instance = {
      ...instance('orders', 'a'),
      endpoints: {
        dure: { kind: 'unix', path: '/tmp/nobody listens "here".sock' },
        http: { kind: 'tcp', host: '::1', port: 80 },
      },
      metadata: { zone: '서울', __proto__: 'x', 'a "key"': '' },
    }
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

  registry('what changes of an instance is heard everywhere, the last word in the end', async (rig) => {
    const [here, there] = [await rig.open(), await rig.open()]
    const heard: Instance[] = []
    there.watch('orders', (now) => void heard.push(...now))
    const own = await here.register({ ...instance('orders', 'a'), status: 'starting', endpoints: {} })
    await knownAs(there, 'orders', ({ status }) => status === 'starting')
    const { endpoints } = instance('orders', 'a', 7)
    await own.update({ status: 'up', endpoints })
    await knownAs(there, 'orders', ({ status }) => status === 'up')
    assert.deepEqual(there.instances('orders'), [{ ...instance('orders', 'a', 7), status: 'up' }])
    // Nobody waits for the one before: views may miss some, and end with the last.
    await Promise.all([1, 2, 3].map((weight) => own.update({ metadata: { weight: String(weight) } })))
    await own.update({ status: 'draining' })
    await knownAs(there, 'orders', ({ status }) => status === 'draining')
    const last = { ...instance('orders', 'a', 7), status: 'draining', metadata: { zone: 'seoul-a', weight: '3' } }
    assert.deepEqual(there.instances('orders'), [last])
    assert.deepEqual(heard.at(-1), last)
  })

  registry('a watcher that fails keeps nobody else from hearing, and one may stop while it is told', async (rig) => {
    const [here, there] = [await rig.open(), await rig.open()]
    let told = 0
    for (const view of [here, there]) {
      view.watch('orders', () => {
        throw new Error('a watcher of somebody else')
      })
    }
    const once = there.watch('orders', () => {
      told++
      once.stop()
    })
    const heard: number[] = []
    there.watch('orders', (now) => heard.push(now.length))
    const own = await here.register(instance('orders', 'a'))
    await known(there, 'orders', ['a'])
    await own.stop()
    await known(there, 'orders', [])
    assert.deepEqual(heard, [1, 0])
    assert.equal(told, 1)
  })

  registry('changes that follow each other without pause are never mistaken for each other', async (rig) => {
    const [here, there] = [await rig.open(), await rig.open()]
    const own = await here.register(instance('orders', 'a'))
    for (let weight = 0; weight < 50; weight++) {
      await own.update({ metadata: { weight: String(weight) } })
      await knownAs(there, 'orders', ({ metadata }) => metadata['weight'] === String(weight))
    }
  })

  registry('an instance that has left does not come back by a late change', async (rig) => {
    const [here, there] = [await rig.open(), await rig.open()]
    const a = await here.register(instance('orders', 'a'))
    await here.register(instance('orders', 'b'))
    await known(there, 'orders', ['a', 'b'])
    await a.stop()
    await a.update({ status: 'draining' })
    await known(there, 'orders', ['b'])
    assert.deepEqual(
      here.instances('orders').map(({ id }) => id),
      ['b'],
    )
  })

  registry('all services are known by name, and watched together', async (rig) => {
    const [here, there] = [await rig.open(), await rig.open()]
    const heard: string[] = []
    const watching = there.watch(undefined, (now, service) => void heard.push(`${service} ${now.length}`))
    const orders = await here.register(instance('orders', 'a'))
    await known(there, 'orders', ['a'])
    await here.register(instance('stock', 'a'))
    await known(there, 'stock', ['a'])
    assert.deepEqual(there.services(), ['orders', 'stock'])
    await orders.stop()
    await known(there, 'orders', [])
    assert.deepEqual(there.services(), ['stock'])
    assert.deepEqual(heard, ['orders 1', 'stock 1', 'orders 0'])
    assert.deepEqual(there.freshness(), { fresh: true })
    watching.stop()
    await here.register(instance('seller', 'a'))
    await known(there, 'seller', ['a'])
    assert.equal(heard.length, 3)
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
function known(registry: Registry, service: string, ids: readonly string[]): Promise<void> {
  return changes(
    registry,
    service,
    (now) =>
      now
        .map(({ id }) => id)
        .toSorted()
        .join() === ids.join(),
  )
}

/** Waits until there is one of which this is true. */
function knownAs(registry: Registry, service: string, is: (instance: Instance) => boolean): Promise<void> {
  return changes(registry, service, (now) => now.length === 1 && now.every(is))
}

async function changes(registry: Registry, service: string, done: (now: readonly Instance[]) => boolean): Promise<void> {
  while (!done(registry.instances(service))) {
    await new Promise<void>((resolve) => {
      const watching = registry.watch(service, () => {
        watching.stop()
        resolve()
      })
    })
  }
}
