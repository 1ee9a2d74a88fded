import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { Freshness, Instance, Registry } from 'dure/discovery'
import { start } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { control } from './control/control.ts'
import { dure, temporary } from './shell.test-support.ts'
import { shop } from './shop.test-support.ts'

/** Runs a system whose registry knows this; gives its data directory. */
async function running(t: TestContext, known: (directory: string) => readonly Instance[], freshness: Freshness): Promise<string> {
  const directory = temporary()
  const all = known(directory)
  const registry: Registry = {
    register: () => Promise.reject(new Error('Nobody registers here')),
    instances: (service) => all.filter((one) => one.service === service),
    services: () => [...new Set(all.map(({ service }) => service))],
    watch: () => ({ stop: () => {} }),
    freshness: () => freshness,
    stop: async () => {},
  }
  const system = await start({ ...shop, registry: () => registry, doors: [control()] }, { directory, log: silentLogger() })
  t.after(() => system.stop())
  return directory
}

const ago = (ms: number): string => new Date(Date.now() - ms).toISOString()
const instances = (directory: string): readonly Instance[] => [
  { ...{ service: 'orders', id: 'c', version: '1.2.0', status: 'up' }, endpoints: {}, metadata: { copy: 'orders#10' } },
  {
    ...{ service: 'orders', id: 'a', version: '1.2.0', status: 'up' },
    endpoints: {
      dure: { kind: 'unix', path: join(directory, 'sockets/a.sock') },
      http: { kind: 'tcp', host: '127.0.0.1', port: 8080 },
    },
    metadata: { zone: 'seoul-1', weight: '2', since: ago(3 * 60_000) },
  },
  { ...{ service: 'orders', id: 'b', version: '1.3.0', status: 'starting' }, endpoints: {}, metadata: { copy: 'orders#2' } },
  { ...{ service: 'dure.process', id: 'a', version: '1.0.0', status: 'up' }, endpoints: {}, metadata: {} },
]

test('every instance is shown with its status, version, zone and age, where it listens, and what else it says', async (t) => {
  const data = await running(t, instances, { fresh: true })
  const { code, out } = await dure(['instances', '--data', data])
  assert.equal(code, 0)
  assert.equal(
    out,
    [
      'INSTANCE   STATUS    VERSION  ZONE     SINCE',
      'orders     up        1.2.0    seoul-1  3 min ago',
      '  dure sockets/a.sock',
      '  http 127.0.0.1:8080',
      '  weight 2',
      'orders#2   starting  1.3.0    -        -',
      'orders#10  up        1.2.0    -        -',
      '',
    ].join('\n'),
  )
  const listed = JSON.parse((await dure(['instances', '--data', data, '--json'])).out)
  assert.deepEqual(listed.freshness, { fresh: true })
  assert.deepEqual(
    listed.instances.map(({ id, status }: Instance) => [id, status]),
    [
      ['a', 'up'],
      ['b', 'starting'],
      ['c', 'up'],
    ],
  )
})

test('a view that is not fresh is said to be stale and since when, and what was sent controls no terminal', async (t) => {
  const evil = (): readonly Instance[] => [
    {
      service: 'a\u001b[31m',
      id: 'x',
      version: '1\n2',
      status: 'down',
      endpoints: {},
      metadata: { since: 'never', '\u0007': '\u0007' },
    },
  ]
  const data = await running(t, evil, { fresh: false, since: Date.now() - 5_000 })
  const { out } = await dure(['instances', '--data', data], { columns: 40 })
  assert.match(out, /^Stale: the registry was last read \d+ s\nago, at \d/)
  assert.ok(!/\p{Cc}/u.test(out.replaceAll('\n', '')), JSON.stringify(out))
})

test('a system in one process has none; where nothing runs, that is said', async (t) => {
  const data = await running(t, () => [], { fresh: true })
  assert.match((await dure(['instances', '--data', data])).out, /^No instances: a system in one process registers none/)
  const nobody = await dure(['instances', '--data', temporary()])
  assert.equal(nobody.code, 1)
  assert.match(nobody.err, /Nothing runs on the data directory/)
})
