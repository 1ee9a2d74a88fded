import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { CallError, DeclaredError } from 'dure/contract'
import { dure, temporary } from '../../shell.test-support.ts'
import { STYLES, type StyleName } from '../styles.ts'
import { CALLERS, type Caller } from './callers.ts'
import { measure, withMeasured, type Measured } from './measure.ts'
import { NEVER, openShop, orderOf, OUT_OF_STOCK, TOO_MANY, type MeasuredShop } from './shop.ts'

/** By protocol, what the spans of a call are called: that of the door, and that of the operation. The binary call goes through no door. */
const SEVEN = {
  rest: ['POST /orders', 'orders.place'],
  graphql: ['POST graphql', 'orders.place'],
  grpc: ['orders.v1.OrdersService/Place', 'orders.place'],
  soap: ['soap orders.place', 'orders.place'],
  thrift: ['orders.place', 'orders.place'],
  websocket: ['socket orders.place', 'orders.place'],
  remote: ['orders.place'],
} as const satisfies Partial<Record<StyleName, readonly string[]>>
type Seven = keyof typeof SEVEN
const NAMES = Object.keys(SEVEN) as Seven[]

async function callers(t: TestContext, shop: MeasuredShop, folder: string): Promise<ReadonlyMap<Seven, Caller>> {
  let folders = 0
  const world = { shop, places: shop.places, directory: () => join(folder, String(++folders)) }
  const all = new Map<Seven, Caller>()
  for (const name of NAMES) {
    const caller = await CALLERS[name]!(world)
    t.after(() => caller.stop())
    all.set(name, caller)
  }
  return all
}

test('seven protocols give one answer: a receipt, a declared error with its data, and a deadline of 50 ms', async (t) => {
  const folder = temporary()
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const directory = join(folder, 'shop')
  const shop = await openShop(directory, { sampling: 1 })
  t.after(() => shop.stop())
  const traces = new Map<Seven, string>()
  for (const [name, { place }] of await callers(t, shop, folder)) {
    assert.deepEqual(await place(orderOf('a')), { orderId: 'a', total: 57 }, name)

    const trace = `${NAMES.indexOf(name) + 1}`.padStart(32, 'ab')
    traces.set(name, trace)
    await assert.rejects(place(orderOf('b', TOO_MANY), { traceparent: `00-${trace}-00f067aa0ba902b7-01` }), (error) => {
      assert.ok(error instanceof DeclaredError, `${name}: ${String(error)}`)
      assert.deepEqual([error.code, error.status, error.data], [OUT_OF_STOCK, 'FAILED_PRECONDITION', { left: 2 }], name)
      return true
    })
    await assert.rejects(place(orderOf(NEVER), { timeout: 50 }), (error) => {
      assert.ok(error instanceof CallError, `${name}: ${String(error)}`)
      return error.code === 'DEADLINE_EXCEEDED'
    })
  }
  await shop.stop()
  for (const [name, trace] of traces) {
    const { out } = await dure(['trace', trace, '--data', directory, '--json'])
    const spans = JSON.parse(out) as readonly { readonly traceId: string; readonly name: string }[]
    assert.deepEqual([...new Set(spans.map(({ traceId }) => traceId))], [trace])
    assert.deepEqual(
      spans.map((span) => span.name),
      SEVEN[name],
    )
  }
})

test('styles are measured one after the other, with their bytes on the wire', async () => {
  // The others are asked above; each that is measured is opened twice.
  const styles: readonly StyleName[] = ['local', 'remote', 'tcp', 'udp', 'events']
  const said: StyleName[] = []
  const measured = await measure({ seconds: 0.01, styles, progress: (style) => said.push(style) })
  assert.deepEqual(said.toSorted(), styles.toSorted())
  for (const { style, p50, p99, callsPerSecond } of measured) {
    assert.ok(p50 > 0 && p50 <= p99, `${style}: ${p50}, ${p99}`)
    assert.ok(callsPerSecond > 0, style)
  }
  const bytes = new Map(measured.map((one) => [one.style, one.bytes]))
  assert.deepEqual([bytes.get('local'), bytes.get('events')], [undefined, undefined])
  assert.ok(bytes.get('remote')! > 100 && bytes.get('remote')! < bytes.get('tcp')!, 'bytes')
  assert.ok(bytes.get('udp')! > 200 && bytes.get('udp')! < 1_000, 'bytes')
})

test('every style but mail can be measured', () => {
  const all = STYLES.map(({ name }) => name)
  assert.deepEqual(
    all.filter((name) => !Object.hasOwn(CALLERS, name)),
    ['mail'],
  )
})

test('measured numbers take the place of those of the table, and the rest stays', () => {
  const rest: Measured = { style: 'rest', p50: 1, p99: 7, callsPerSecond: 1234.5, bytes: 700, failed: 0 }
  const styles = withMeasured(STYLES, [rest])
  assert.deepEqual(
    styles
      .filter((style, at) => style !== STYLES[at])
      .map(({ name, responseTime, throughput }) => [name, responseTime, throughput]),
    [['rest', 7, 1235]],
  )
})
