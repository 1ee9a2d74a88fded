import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { dure, SOURCES, temporary } from './shell.test-support.ts'

const SHOP = join(SOURCES, 'shop.test-support.ts')

async function descriptions(cwd: string, name: string, change: (text: string) => string): Promise<void> {
  const { out } = await dure(['docs', SHOP, '--format', 'contract'])
  writeFileSync(join(cwd, name), change(out))
}

test('compat says what breaks whom, and fails when the version does not say so', async () => {
  const cwd = temporary()
  await descriptions(cwd, 'before.json', (text) => text)
  await descriptions(cwd, 'broken.json', (text) =>
    text.replace('"reset": {', '"renew": {').replace('"version": "0.3.1"', '"version": "0.3.2"'),
  )
  await descriptions(cwd, 'said.json', (text) =>
    text.replace('"reset": {', '"renew": {').replace('"version": "0.3.1"', '"version": "0.4.0"'),
  )
  const same = await dure(['compat', 'before.json', 'before.json'], { cwd })
  assert.deepEqual(same, { code: 0, out: 'Nothing changed.\n', err: '' })
  const broken = await dure(['compat', 'before.json', 'broken.json'], { cwd })
  assert.equal(broken.code, 1)
  assert.match(broken.out, /^stock 0\.3\.1 → 0\.3\.2\n {2}breaking {4}stock\.reset is gone/)
  assert.match(broken.out, /breaks\s+callers/)
  for (const line of broken.out.split('\n')) assert.ok(line.length <= 80, line)
  assert.equal((await dure(['compat', 'before.json', 'said.json'], { cwd })).code, 0)
  const json = JSON.parse((await dure(['compat', 'before.json', 'broken.json', '--json'], { cwd })).out) as {
    ok: boolean
    contracts: { contract: string }[]
  }
  assert.equal(json.ok, false)
  assert.deepEqual(
    json.contracts.map(({ contract }) => contract),
    ['stock'],
  )
  assert.equal((await dure(['compat', 'before.json', SHOP], { cwd })).code, 0)
})

test('compat sees services that come and go', async () => {
  const cwd = temporary()
  await descriptions(cwd, 'both.json', (text) => text)
  await descriptions(cwd, 'one.json', (text) => {
    const all = JSON.parse(text) as { contracts: object[] }
    return JSON.stringify({ ...all, contracts: all.contracts.slice(0, 1) })
  })
  const gone = await dure(['compat', 'both.json', 'one.json'], { cwd })
  assert.equal(gone.code, 1)
  assert.match(gone.out, /stock 0\.3\.1 → gone\n {2}breaking/)
  assert.equal((await dure(['compat', 'one.json', 'both.json'], { cwd })).code, 0)
})

test('compat refuses what is not contracts', async () => {
  const cwd = temporary()
  writeFileSync(join(cwd, 'broken.json'), '{')
  writeFileSync(join(cwd, 'other.json'), '{"a":1}')
  writeFileSync(join(cwd, 'other.ts'), 'export const a = 1')
  for (const file of ['gone.json', 'broken.json', 'other.json', 'other.ts', '.']) {
    const { code, err } = await dure(['compat', file, SHOP], { cwd })
    assert.equal(code, 2, file)
    assert.match(err, /^Cannot (read|find)/)
  }
})

test('compat names the services that react to an event that is broken', async () => {
  const cwd = temporary()
  const event = (type: string): object => ({
    version: 1,
    topic: 'order.placed',
    upcasts: [],
    schema: { type: 'object', properties: { total: { type } }, required: ['total'] },
  })
  const file = (name: string, type: string, readers: unknown): void => {
    const orders = {
      dure: 1,
      name: 'orders',
      version: '1.0.0',
      owner: 'team',
      operations: {},
      events: { 'order.placed': event(type) },
    }
    writeFileSync(join(cwd, name), JSON.stringify({ system: 'shop', contracts: [orders], readers }))
  }
  file('before.json', 'number', [{ service: 'billing', name: 'order.placed', event: 'order.placed' }])
  file('after.json', 'string', [
    { service: 'stock', name: 'x', event: 'order.placed' },
    { service: 'mail', name: 'x', event: 'other' },
    5,
  ])
  const { code, out } = await dure(['compat', 'before.json', 'after.json'], { cwd })
  assert.equal(code, 1)
  assert.match(
    out.replaceAll(/\s+/g, ' '),
    /orders event "order\.placed" at total may be string \(was number\) \(breaks subscribers: billing, stock\)/,
  )
  const { contracts } = JSON.parse((await dure(['compat', 'before.json', 'after.json', '--json'], { cwd })).out) as {
    contracts: readonly { readonly readers: unknown }[]
  }
  assert.deepEqual(contracts[0]?.readers, { 'order.placed': ['billing', 'stock'] })
})

test('docs draws every format, to standard output or a file', async () => {
  const cwd = temporary()
  assert.match((await dure(['docs', SHOP])).out, /"openapi": "3\.1/)
  assert.match((await dure(['docs', SHOP, '--format', 'asyncapi'])).out, /"asyncapi": "3/)
  const wrote = await dure(['docs', SHOP, '--format', 'contract', '--out', 'deep/shop.json'], { cwd })
  assert.deepEqual(wrote, { code: 0, out: '', err: 'Wrote deep/shop.json\n' })
  assert.match(readFileSync(join(cwd, 'deep/shop.json'), 'utf8'), /^\{\n  "system": "shop",\n  "contracts": \[/)
  writeFileSync(join(cwd, 'file'), '')
  const blocked = await dure(['docs', SHOP, '--out', 'file/api.json'], { cwd })
  assert.equal(blocked.code, 1)
  assert.match(blocked.err, /Cannot write "file\/api\.json"/)
})
