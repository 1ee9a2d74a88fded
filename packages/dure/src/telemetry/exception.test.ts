import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import fc from 'fast-check'
import { CallError, error } from '../contract/contract.ts'
import { exceptionAttributes, fingerprintOf, tellInstead } from './internal.ts'
import { messageShape } from './exception.ts'

/** An error as it was thrown at these places. */
function thrownAt(message: string, frames: readonly string[], type: ErrorConstructor = Error): Error {
  const made = new type(message)
  made.stack = [`${made.name}: ${message}`, ...frames.map((frame) => `    at ${frame}`)].join('\n')
  return made
}

const same = (a: unknown, b: unknown): boolean => fingerprintOf(a).fingerprint === fingerprintOf(b).fingerprint
const place = ['Object.priceOf (file:///app/services/orders/price.ts:10:3)', 'async place (/app/services/orders/service.ts:4:1)']

test('a declared error is its code, wherever it is thrown and whatever it says', () => {
  const Sold = error('SOLD_OUT', { message: 'Sold out' })
  assert.deepEqual(fingerprintOf(Sold()).groupedBy, 'the declared error SOLD_OUT')
  assert.ok(same(Sold(), error('SOLD_OUT', { message: 'Other words' })()))
  assert.ok(!same(Sold(), error('CLOSED')()))
})

test('an error is its type at the own frames, whatever its line, its machine, its build and its message', () => {
  const one = thrownAt('No price for 17', place, TypeError)
  assert.equal(fingerprintOf(one).groupedBy, 'TypeError in priceOf (orders/price), place (orders/service)')
  assert.match(fingerprintOf(one).fingerprint, /^v1:[0-9a-f]{16}$/)
  const others = [
    thrownAt(
      'Cannot read it',
      ['priceOf (/srv/releases/9/orders/price.js:88:1)', 'place (/srv/releases/9/orders/service.js:1:1)'],
      TypeError,
    ),
    thrownAt(
      'With others between',
      [place[0]!, 'run (node:internal/process:1:1)', 'x (/app/node_modules/y/z.js:1:1)', place[1]!],
      TypeError,
    ),
    thrownAt('Recursion', [place[0]!, place[0]!, place[0]!, place[1]!], TypeError),
    thrownAt('two\n    at lines (/app/a.ts:1:1)', place, TypeError),
  ]
  for (const other of others) assert.ok(same(one, other), fingerprintOf(other).groupedBy)
  assert.ok(!same(one, thrownAt('No price for 17', place, RangeError)))
  assert.ok(!same(one, thrownAt('No price for 17', place.slice(1), TypeError)))
})

test('what bundlers add to the names of files is no part of them', () => {
  assert.ok(same(thrownAt('a', ['f (/app/dist/main-A8S9DF7G.js:1:1)']), thrownAt('a', ['f (/app/dist/main-ZZ11YY22.js:1:9)'])))
})

test('without a frame of its own it is the shape of its message', () => {
  const at = (message: string): Error => thrownAt(message, ['afterConnect (node:net:1:1)'])
  const shapes = {
    'connect ECONNREFUSED 127.0.0.1:5432': 'connect ECONNREFUSED #',
    'Order "o-1" of \'kim@example.org\' has 3 lines': 'Order … of … has # lines',
    'No row 0b7f2e5c-11c2-4a2f-9d52-4a4b0b1f9a77 at https://example.org/a?b=c': 'No row # at …',
    'kim@example.org is not known': '… is not known',
  }
  for (const [message, shape] of Object.entries(shapes)) assert.equal(messageShape(message), shape)
  assert.ok(same(at('Order 17 is gone'), at('Order 18 is gone')))
  assert.ok(!same(at('Order 17 is gone'), at('Order 17 is paid')))
  assert.equal(
    fingerprintOf(Object.assign(at('connect failed'), { code: 'ECONNREFUSED' })).groupedBy,
    'Error ECONNREFUSED "connect failed"',
  )
})

test('the cause counts: the same wrapper around other trouble is another error', () => {
  const wrapped = (cause: unknown): Error => Object.assign(thrownAt('Cannot do it', place), { cause })
  assert.ok(!same(wrapped(thrownAt('a', [])), wrapped(thrownAt('b', []))))
  assert.equal(
    fingerprintOf(wrapped(new CallError('NOT_FOUND', 'No such thing "x"'))).groupedBy,
    'Error in priceOf (orders/price), place (orders/service), caused by CallError NOT_FOUND "No such thing …"',
  )
  const circle = thrownAt('round', [])
  circle.cause = circle
  assert.ok(fingerprintOf(circle).groupedBy.length < 500)
})

test('version 1 is what it was: groups of errors outlive a release', () => {
  assert.equal(fingerprintOf(thrownAt('x', place, TypeError)).fingerprint, 'v1:ba171f7049094477')
})

test('attributes say what OpenTelemetry calls it; where an answer was made is not told', () => {
  const failed = exceptionAttributes(thrownAt('No price', place, TypeError))
  assert.deepEqual(
    [failed['exception.type'], failed['exception.message'], failed['exception.stacktrace']],
    ['TypeError', 'No price', `TypeError: No price\n    at ${place[0]}\n    at ${place[1]}`],
  )
  assert.equal(exceptionAttributes(error('SOLD_OUT')())['exception.stacktrace'], undefined)
  assert.equal(exceptionAttributes(new CallError('NOT_FOUND', 'No'))['exception.stacktrace'], undefined)
})

test('of an error that hides what was thrown inside, that is told', () => {
  const outward = new CallError('INTERNAL', 'Call to orders.place failed inside the service; its log says why')
  tellInstead(outward, thrownAt('No price', place, TypeError))
  assert.equal(exceptionAttributes(outward)['exception.type'], 'TypeError')
})

test('property: whatever is thrown, it has a fingerprint', () => {
  const trap = new Proxy(new Error('x'), { get: () => assert.fail('trap') })
  for (const odd of [trap, null, undefined, Symbol('s'), { message: 1 }]) assert.match(fingerprintOf(odd).fingerprint, /^v1:/)
  fc.assert(
    fc.property(fc.anything(), fc.string(), (value, stack) => {
      const made = Object.assign(new Error('x'), { stack, cause: value })
      assert.equal(fingerprintOf(made).fingerprint, fingerprintOf(made).fingerprint)
      assert.equal(typeof exceptionAttributes(value)['exception.message'], 'string')
    }),
  )
})

test(
  'what was compiled is told by its source, also where a program makes its own text of a stack',
  { timeout: 120_000 },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'dure-maps-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    // Three lines that a compiler has put before those of the source.
    const map = { version: 3, sources: ['orders/price.ts'], names: [], mappings: ';;;AAAA;AACA;AACA' }
    const compiled = [
      '// 1',
      '// 2',
      '// 3',
      'export function priceOf() {',
      "  throw new TypeError('No price')",
      '}',
      '//# sourceMappingURL=price.js.map',
    ]
    writeFileSync(join(folder, 'price.js'), compiled.join('\n'))
    writeFileSync(join(folder, 'price.js.map'), JSON.stringify(map))
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
    const main = `
    import { exceptionAttributes } from ${JSON.stringify(new URL('exception.ts', import.meta.url).href)}
    import { priceOf } from './price.js'
    const told = () => { try { priceOf() } catch (error) { return exceptionAttributes(error) } }
    const first = told()
    Error.prepareStackTrace = (error, sites) => [String(error), ...sites.map((site) => '    at ' + site)].join('\\n')
    console.log(JSON.stringify([first, told()]))`
    writeFileSync(join(folder, 'main.js'), main)
    const child = spawn(process.execPath, ['--conditions=dure-source', '--enable-source-maps', 'main.js'], { cwd: folder })
    const [out, wrong] = await Promise.all([text(child.stdout), text(child.stderr)])
    assert.ok(out !== '', wrong)
    for (const attributes of JSON.parse(out) as Record<string, string>[]) {
      assert.match(attributes['exception.stacktrace']!, /orders\/price\.ts:2:/)
      assert.match(attributes['dure.exception.grouped_by']!, /^TypeError in priceOf \(orders\/price\)/)
    }
  },
)
