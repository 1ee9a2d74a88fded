import assert from 'node:assert/strict'
import { test } from 'node:test'
import { virtualRuntime } from '../runtime/runtime.ts'
import { createLogGate } from './internal.ts'
import { createLogger, foldRepeats, type LogLevel } from './telemetry.ts'

function rig(usual: LogLevel = 'info') {
  const lines: Record<string, unknown>[] = []
  const runtime = virtualRuntime()
  const gate = createLogGate(runtime, usual)
  const write = (line: string): void => void lines.push(JSON.parse(line) as Record<string, unknown>)
  const log = foldRepeats(gate.around(createLogger({ clock: runtime.clock, write, level: 'debug' })), runtime)
  const said = (): readonly unknown[] => lines.splice(0).map(({ message }) => message)
  return { runtime, gate, log, lines, said }
}

test('one service says more for a while, and then as much as before; the others stay as they are', async () => {
  const { runtime, gate, log, said } = rig()
  const [orders, stock] = [log.with({ service: 'orders' }), log.with({ service: 'stock' })]
  const speak = (): readonly unknown[] => {
    for (const [name, one] of Object.entries({ orders: orders.with({ traceId: 'x' }), stock, system: log })) one.debug(name)
    return said()
  }
  assert.deepEqual(speak(), [])
  assert.deepEqual(gate.setLevel('orders', 'debug', 60_000), {
    level: 'debug',
    usual: 'info',
    until: runtime.clock.now() + 60_000,
  })
  assert.deepEqual(speak(), ['orders'])
  await runtime.advance(59_999)
  assert.deepEqual(speak(), ['orders'])
  await runtime.advance(1)
  assert.deepEqual(speak(), [])
  assert.deepEqual(gate.levelOf('orders'), { level: 'info', usual: 'info', until: undefined })
})

test('a later change takes the place of one before, with its own time; less can be said as well', async () => {
  const { runtime, gate, log, said } = rig()
  const orders = log.with({ service: 'orders' })
  gate.setLevel('orders', 'debug', 1_000)
  gate.setLevel('orders', 'error', 10_000)
  await runtime.advance(5_000)
  orders.warn('a')
  orders.error('b')
  assert.deepEqual(said(), ['b'])
  await runtime.advance(5_000)
  orders.info('c')
  assert.deepEqual(said(), ['c'])
})

test('what is no level and no time is refused', () => {
  const { gate } = rig()
  assert.throws(() => gate.setLevel('orders', 'loud' as LogLevel, 1), /the levels are debug, info, warn, error/)
  for (const ms of [0, -1, Number.NaN, 86_400_001]) assert.throws(() => gate.setLevel('orders', 'debug', ms), /up to a day/)
})

test('fields of hidden names are written without their values, in lines and in what all lines of a logger have', () => {
  const { gate, log, lines } = rig()
  gate.hide(
    'orders',
    new Map([
      ['email', 'personal'],
      ['token', 'secret'],
    ]),
  )
  const error = Object.assign(new Error('x'), { email: 'e' })
  log.with({ service: 'orders', email: 'ann@example.org' }).info('m', {
    input: { customer: { email: 'ann@example.org', id: 7 }, all: [{ token: 't' }, 1] },
    token: undefined,
    error,
  })
  const [{ email, input, token }] = lines as [Record<string, unknown>]
  assert.deepEqual(
    { email, input, token },
    {
      email: '[personal]',
      input: { customer: { email: '[personal]', id: 7 }, all: [{ token: '[secret]' }, 1] },
      token: undefined,
    },
  )
  log.with({ service: 'stock' }).info('m', { email: 'stock@example.org' })
  assert.equal(lines[1]!['email'], 'stock@example.org')
})

test('circles, getters that throw and what is far too deep do not keep a line from being written', () => {
  const { gate, log, said } = rig()
  gate.hide('orders', new Map([['email', 'personal']]))
  const circle: Record<string, unknown> = {}
  circle['self'] = circle
  const orders = log.with({ service: 'orders' })
  orders.info('circle', { circle })
  orders.info('trap', {
    get email() {
      throw new Error('trap')
    },
  })
  orders.info('text', 'no fields' as never)
  assert.deepEqual(said(), ['circle', 'trap', 'text'])
})
