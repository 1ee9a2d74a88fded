import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { realRuntime } from '../runtime/runtime.ts'
import type { Running, Service } from '../service/service.ts'
import { board, Board, past, readingIn, Shop, shop, stockOne, stockTwo } from './read-model.test-support.ts'

const CHILD = fileURLToPath(new URL('./read-model-killed.child.test-support.ts', import.meta.url))

test(
  'a build whose process is killed goes on in the next one where it was, with every event and every effect once',
  { timeout: 60_000 },
  async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'dure-model-killed-'))
    let running: Running | undefined
    t.after(async () => {
      await running?.stop()
      rmSync(directory, { recursive: true, force: true })
    })
    const run = async (services: readonly Service[]): Promise<Running> => {
      await running?.stop()
      return (running = await readingIn(directory, services))
    }
    const until = async (condition: () => Promise<boolean>): Promise<void> => {
      while (!(await condition())) await realRuntime().timers.sleep(5)
    }
    const first = await run([shop(), board(stockOne())])
    for (let n = 0; n < 600; n++) await first.client(Shop).sell({ sku: `s${n % 10}`, count: n })
    await until(async () => (await first.status()).quiet)
    await first.stop()
    running = undefined

    const child = spawn(process.execPath, ['--conditions=dure-source', CHILD, directory], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    t.after(() => child.kill('SIGKILL'))
    await once(child.stdout, 'data')
    child.kill('SIGKILL')
    await once(child, 'close')

    const read: number[] = []
    const next = await run([
      shop(async ({ position }) => void read.push(position)),
      board(stockTwo({ before: stockOne(), histories: [past] })),
    ])
    await until(async () => (await next.client(Board).show()).version === 2)
    await until(async () => (await next.status()).quiet)
    assert.deepEqual((await next.client(Board).show()).totals, await next.client(Shop).truth())
    const effects = await next.client(Board).effects()
    assert.deepEqual([effects.length, new Set(effects).size], [600, 600])
    assert.equal(read.at(-1), 600)
  },
)
