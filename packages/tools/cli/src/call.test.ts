import assert from 'node:assert/strict'
import { statSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { socketPath } from '@dure/operator/internal'
import { dure, startHere, temporary } from './shell.test-support.ts'
import { seen } from './shop.test-support.ts'

const SHOP = 'shop.test-support.ts'
const data = temporary()
let running: Awaited<ReturnType<typeof startHere>>

before(async () => {
  running = await startHere(SHOP, '--data', data, '--port', '9123')
})

after(async () => {
  const { code, out } = await running.stop()
  assert.equal(code, 0)
  assert.match(out, /shop is ready/)
  assert.match(out, /web +http:\/\/127\.0\.0\.1:9123/)
  assert.match(out, /orders +1\.2\.0 +team-checkout +4 +1/)
  assert.deepEqual(seen.opened, [9123])
  assert.match((await call('orders.find', '{"id":1}')).err, /Nothing runs on the data directory[^]*dure dev/)
})

const call = (...args: string[]): ReturnType<typeof dure> => dure(['call', ...args, '--data', data])

test("the socket is its owner's alone", () => {
  assert.equal(statSync(socketPath(data)).mode & 0o777, 0o600)
})

test('call prints the answer as JSON on standard output', async () => {
  const { code, out, err } = await call('orders.find', '{"id":7}')
  assert.deepEqual({ code, err }, { code: 0, err: '' })
  assert.equal(out, '{\n  "id": 7,\n  "at": "1970-01-01T00:00:00.000Z"\n}\n')
  const place = await dure(['call', 'orders.place', '-', '--data', data, '--idempotency-key', 'k1'], { stdin: '{"id":9}' })
  assert.deepEqual(JSON.parse(place.out), { id: 9, key: 'k1' })
  assert.deepEqual(await call('stock.reset'), { code: 0, out: '', err: '' })
})

test('call finds the data directory in the environment', async () => {
  const { out } = await dure(['call', 'orders.find', '{"id":1}'], { env: { DURE_DATA: data } })
  assert.match(out, /"id": 1/)
})

test('a stream is printed one value a line', async () => {
  assert.equal((await call('orders.watch', '{"n":2}')).out, '{"n":0}\n{"n":1}\n')
  assert.equal((await call('orders.watch')).out.split('\n').length, 4)
})

test('a failed call says code, reason and data, and exits with 1', async () => {
  const gone = await call('orders.place', '{"id":0}')
  assert.equal(gone.code, 1)
  assert.equal(gone.out, '')
  assert.equal(
    gone.err,
    'orders.place failed: OUT_OF_STOCK\n  Out of stock\n  data: {"productId":7,"since":"1970-01-01T00:00:00.000Z"}\n',
  )
  const wrong = await call('orders.find', '{"id":"x"}')
  assert.match(wrong.err, /INVALID_ARGUMENT\n[^]*id: Invalid input/)
  assert.match((await call('orders.fnd', '{}')).err, /no such operation\n {2}Did you mean orders\.find\?/)
  assert.match((await call('nowhere.find')).err, /no service "nowhere"/)
  assert.match((await call('orders.constructor')).err, /UNIMPLEMENTED/)
  assert.match((await call('orders.hang', '--timeout', '0.02')).err, /DEADLINE_EXCEEDED/)
  const broken = await call('orders.find', '{')
  assert.equal(broken.code, 2)
  assert.match(broken.err, /Cannot read the input as JSON/)
})

test('a caller that goes away cancels its call', async () => {
  const { hung, ended } = seen
  const asking = request({ socketPath: socketPath(data), method: 'POST', path: '/v1/call' })
  asking.on('error', () => {})
  asking.end(JSON.stringify({ service: 'orders', operation: 'hang' }))
  while (seen.hung === hung) await new Promise((resolve) => setImmediate(resolve))
  asking.destroy()
  while (seen.ended === ended) await new Promise((resolve) => setImmediate(resolve))
})

test('list asks the running system', async () => {
  const { out } = await dure(['list', '--data', data])
  assert.match(out, new RegExp(`^shop: 2 services, 5 operations, 1 event, running as process ${process.pid}\n`))
  assert.equal((await dure(['list', SHOP, '--data', data])).code, 2)
})

test('a second system on the same data is refused', async () => {
  const { code, err } = await dure(['start', SHOP, '--data', data])
  assert.equal(code, 1)
  assert.match(err, /^Cannot /)
  assert.match((await call('orders.find', '{"id":1}')).out, /"id": 1/)
})

test('a data directory that cannot be used is said so', async () => {
  const folder = temporary()
  writeFileSync(join(folder, 'file'), '')
  for (const path of [join(folder, 'file'), join(folder, 'file', 'below')]) {
    const { code, err } = await dure(['start', SHOP, '--data', path])
    assert.equal(code, 1)
    assert.match(err, /Cannot use the data directory ".*": .*file/)
  }
})
