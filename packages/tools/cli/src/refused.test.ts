import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { DeadLetter, DeadLetterDetail } from 'dure/messaging'
import type { Lag } from 'dure/service'
import { SOURCES, temporary } from './shell.test-support.ts'

const BIN = join(SOURCES, '../bin/dure.js')
const SYSTEM = fileURLToPath(new URL('./choosy.test-support.ts', import.meta.url))

for (const [placement, ...words] of [['together'], ['split', '--split']] as const) {
  test(
    `an event that the broker refuses, ${placement}: dead beside its publisher, its key waits; edited and retried by command`,
    { timeout: 240_000 },
    async (t) => {
      const data = temporary()
      let system: ChildProcess | undefined
      const start = (): void => void (system = spawn(process.execPath, [BIN, 'start', SYSTEM, '--data', data, ...words]))
      const end = async (signal: NodeJS.Signals): Promise<void> => {
        const ended = once(system!, 'close')
        system!.kill(signal)
        await ended
      }
      /** Runs a command until it is answered, while the system starts. */
      const ask = async <T>(...args: readonly string[]): Promise<T> => {
        for (;;) {
          const child = spawn(process.execPath, [BIN, ...args, '--data', data])
          let out = ''
          child.stdout.on('data', (chunk) => (out += String(chunk)))
          const [code] = (await once(child, 'close')) as [number]
          if (code === 0) return (out.trim() === '' ? undefined : JSON.parse(out)) as T
        }
      }
      const place = (orderId: string, quantity: number): Promise<unknown> =>
        ask('call', 'shop.place', JSON.stringify({ orderId, quantity }), '--idempotency-key', `${orderId} ${quantity}`)
      const seen = (): Promise<readonly string[]> => ask('call', 'desk.seen')

      start()
      t.after(() => system?.kill('SIGKILL'))
      for (const [orderId, quantity] of [
        ['good', 1],
        ['bad', 1],
        ['bad', 99],
        ['bad', 2],
        ['good', 2],
      ] as const)
        await place(orderId, quantity)
      while ((await seen()).length < 3);
      assert.deepEqual((await seen()).toSorted(), ['bad 1', 'good 1', 'good 2'])

      await end(placement === 'together' ? 'SIGKILL' : 'SIGTERM')
      start()
      await place('bad', 3)
      await place('good', 3)
      while ((await seen()).length < 4);
      const [letter, ...more] = await ask<readonly DeadLetter[]>('dead', 'list', '--consumer', 'shop', '--json')
      const { id, kind, consumer, message, error } = letter!
      assert.deepEqual([more.length, kind, consumer, message.key], [0, 'outbox', 'shop/outbox', 'bad'])
      assert.match(error, /No topic takes 99/)
      let held = 0
      while (held < 2) held = (await ask<DeadLetterDetail>('dead', 'show', id, '--json')).held
      const lag = await ask<Lag>('lag', '--json')
      const [outbox, ...others] = lag.consumers.filter((one) => one.kind === 'outbox')
      // What was delivered when the process was killed, and not yet taken out, comes again and waits as well.
      assert.ok(others.length === 0 && outbox!.deadLetters === 1 && outbox!.held >= 2, JSON.stringify(outbox))

      await ask('dead', 'edit', id, '{"orderId":"bad","quantity":9}', '--reason', 'a slip', '--json')
      assert.deepEqual(await ask('dead', 'retry', id, '--json'), { retried: 1 })
      while ((await seen()).length < 7);
      assert.deepEqual(
        (await seen()).filter((what) => what.startsWith('bad')),
        ['bad 1', 'bad 9', 'bad 2', 'bad 3'],
      )
      assert.deepEqual(await ask('dead', 'list', '--json'), [])
      await end('SIGTERM')
    },
  )
}
