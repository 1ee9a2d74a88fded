import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import type { DeadLetter, DeadLetterChange, DeadLetterDetail } from 'dure/messaging'
import { SOURCES, temporary } from './shell.test-support.ts'

const BIN = join(SOURCES, '../bin/dure.js')
const SYSTEM = join(SOURCES, 'desk.test-support.ts')

type Ran = { readonly code: number | null; readonly out: string; readonly err: string }

/** Runs the command line to its end. */
async function run(...args: readonly string[]): Promise<Ran> {
  const child = spawn(process.execPath, [BIN, ...args])
  let [out, err] = ['', '']
  child.stdout.on('data', (chunk) => (out += String(chunk)))
  child.stderr.on('data', (chunk) => (err += String(chunk)))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, out, err }
}

/** Keeps `dure start` running, as systemd or a container platform would; tells how often it had to. */
function keep(...args: readonly string[]) {
  let ends = 0
  let stopping = false
  let said = ''
  const begin = (): ChildProcess => {
    const child = spawn(process.execPath, [BIN, 'start', SYSTEM, ...args])
    child.stderr.on('data', (chunk) => (said += String(chunk)))
    child.once('close', () => {
      if (stopping) return
      ends++
      current = begin()
    })
    return child
  }
  let current = begin()
  return {
    ends: () => ends,
    said: () => said,
    stop: async (): Promise<void> => {
      if (stopping) return
      stopping = true
      const ended = once(current, 'close')
      current.kill('SIGTERM')
      await ended
    },
  }
}

for (const [placement, ...words] of [['together'], ['split', '--split']] as const) {
  test(
    `a message that ends its process, ${placement}: found, dead, its key waits; edited and retried by command, all flows in order`,
    { timeout: 240_000 },
    async (t) => {
      const data = temporary()
      const system = keep('--data', data, ...words)
      t.after(() => system.stop())
      const dead = async <T>(...args: readonly string[]): Promise<T> => {
        const { code, out, err } = await run('dead', ...args, '--data', data, '--json')
        assert.equal(code, 0, err)
        return JSON.parse(out) as T
      }
      /** Until it is answered, whoever dies meanwhile; with the same key it happens once. */
      const place = async (orderId: string, quantity: number): Promise<void> => {
        const call = ['call', 'shop.place', JSON.stringify({ orderId, quantity }), '--data', data]
        while ((await run(...call, '--idempotency-key', `${orderId} ${quantity}`)).code !== 0);
      }
      const seen = async (): Promise<readonly string[]> => {
        for (;;) {
          const { code, out } = await run('call', 'desk.seen', '--data', data)
          if (code === 0) return JSON.parse(out) as string[]
        }
      }
      const orders = [
        ['good', 1],
        ['bad', 666],
        ['bad', 1],
        ['good', 2],
        ['bad', 2],
        ['other', 1],
      ] as const
      for (const [orderId, quantity] of orders) await place(orderId, quantity)

      // Found: it ended its process three times, and not one of its neighbours is blamed.
      let found: readonly DeadLetter[] = []
      while (found[0]?.held !== 2) {
        const { code, out } = await run('dead', 'list', '--data', data, '--json')
        if (code === 0) found = JSON.parse(out) as DeadLetter[]
      }
      assert.equal(found.length, 1)
      const [{ id, message, error, attempts, consumer }] = found as readonly [DeadLetter]
      assert.deepEqual([message.key, consumer, attempts], ['bad', 'desk/order.placed', 3])
      assert.match(error, /The process ended during try 3/)
      const ends = placement === 'split' ? system.said().match(/it is started again/g)?.length : system.ends()
      assert.ok(ends! >= 3, `${ends} ends`)

      // Its key waits behind it; the others have gone on.
      const shown = await dead<DeadLetterDetail>('show', id)
      assert.deepEqual([shown.held, JSON.parse(shown.message.data).quantity], [2, 666])
      while ((await seen()).length < 3);
      assert.deepEqual((await seen()).toSorted(), ['good 1', 'good 2', 'other 1'])

      const edit = await run(
        'dead',
        'edit',
        id,
        '{"orderId":"bad","quantity":6}',
        '--reason',
        'a slip',
        '--by',
        'kim',
        '--data',
        data,
      )
      assert.equal(edit.code, 0, edit.err)
      assert.deepEqual(await dead('retry', id), { retried: 1 })
      while ((await seen()).length < 6);
      const all = await seen()
      assert.deepEqual(
        all.filter((what) => what.startsWith('bad')),
        ['bad 6', 'bad 1', 'bad 2'],
      )
      assert.deepEqual(all.toSorted(), ['bad 1', 'bad 2', 'bad 6', 'good 1', 'good 2', 'other 1'])
      assert.deepEqual(await dead('list'), [])
      const changes = await dead<readonly DeadLetterChange[]>('audit', id)
      assert.deepEqual(
        changes.map(({ action, by, reason }) => [action, action === 'edit' ? by : '', reason]),
        [
          ['retry', '', ''],
          ['edit', 'kim', 'a slip'],
        ],
      )
      const before = system.ends()
      await system.stop()
      assert.equal(system.ends(), before)
    },
  )
}
