import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { contract, query } from 'dure/contract'
import { service, start, system, type Door, type World } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import { folder } from './collector.test-support.ts'
import { operatorClient } from '@dure/operator'
import { collectorSocket } from 'dure/telemetry/internal'

const Echo = contract('echo', {
  version: '1.0.0',
  owner: 'team-echo',
  operations: { say: query({ input: z.string(), output: z.string(), deadline: 120_000 }) },
})

async function child(t: TestContext, directory: string): Promise<ChildProcess> {
  const program = join(import.meta.dirname, 'collector.child.test-support.ts')
  const started = spawn(process.execPath, ['--conditions=dure-source', program, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(async () => {
    if (started.exitCode !== null || started.signalCode !== null) return
    const ended = once(started, 'exit')
    started.kill('SIGKILL')
    await ended
  })
  await once(started.stdout!, 'data')
  return started
}

test(
  'a collector that is frozen, and then killed, under calls: all are answered; what does not fit is dropped and counted; the next one is told',
  { timeout: 300_000 },
  async (t) => {
    const directory = folder(t)
    const first = await child(t, directory)
    const echo = service(Echo, {
      handlers: {
        say: (text, { log }) => {
          log.info('Said', { text })
          return text
        },
      },
    })
    let world: World | undefined
    const looking: Door = {
      name: 'looking',
      open: async (_host, given) => {
        world = given
        return { url: undefined, close: async () => {} }
      },
    }
    const app = system('echoes', { services: [echo], doors: [looking], security: 'off', telemetry: { sampling: 1 } })
    const running = await start(app, { directory, log: silentLogger() })
    t.after(() => running.stop())
    const client = running.client(Echo)
    const asked = operatorClient({ socket: collectorSocket(directory) })
    const call = async (text: string, times: number): Promise<void> => {
      for (let i = 0; i < times; i++) assert.equal(await client.say(text), text)
    }
    const until = async (text: string): Promise<void> => {
      for (;;) {
        await call(text, 1)
        const { lines } = await asked
          .call<{ readonly lines: readonly unknown[] }>('logs', 'search', { words: `said ${text}`, limit: 1 })
          .catch(() => ({ lines: [] }))
        if (lines.length > 0) return
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    }
    await until('before')
    first.kill('SIGSTOP')
    await call('frozen', 6_000)
    const told = await world!.telemetry!.prometheus()
    const [, dropped] = /^dure_telemetry_dropped_total\{sink="collector"\} (\d+)$/m.exec(told) ?? []
    // Spans and lines, less what may wait of each.
    assert.ok(Number(dropped) >= 2 * (6_000 - 4_096 - 1_000), `${dropped}`)
    first.kill('SIGCONT')
    await until('thawed')
    const ended = once(first, 'exit')
    first.kill('SIGKILL')
    await ended
    await call('killed', 100)
    await child(t, directory)
    await until('after')
  },
)
