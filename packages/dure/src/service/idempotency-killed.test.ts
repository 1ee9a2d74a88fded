import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { CallError } from '../contract/contract.ts'
import { elsewhere, rows, testAdapter } from '../data/adapter.conformance.ts'
import type { Store } from '../data/data.ts'
import { realRuntime } from '../runtime/runtime.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import { copyOn, effectsTable } from './idempotency-copies.test-support.ts'
import { until } from './rig.test-support.ts'

const CHILD = fileURLToPath(new URL('./idempotency-killed.child.test-support.ts', import.meta.url))

type Where = 'before' | 'inside' | 'after' | 'said' | 'returned'

/** Another process stands still in the middle of the command; its lease is far from over. `end` sends it a signal. */
async function stopped(t: TestContext, directory: string, where: Where): Promise<(signal: NodeJS.Signals) => Promise<unknown>> {
  const conditions = process.execArgv.filter((arg) => arg.startsWith('--conditions'))
  const child = spawn(process.execPath, [...conditions, CHILD, directory, where], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  const gone = once(child, 'exit')
  return async (signal) => {
    child.kill(signal)
    return signal === 'SIGKILL' && gone
  }
}

function folder(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'dure-killed-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

async function openStore(t: TestContext, directory = folder(t)): Promise<{ readonly directory: string; readonly store: Store }> {
  const adapter = await testAdapter({ directory, runtime: realRuntime(), log: silentLogger() })
  const store = (await adapter.open('test', { migrations: effectsTable })) as Store
  t.after(() => store.stop({ timeout: 1_000 }))
  return { directory, store }
}

// Where one process has the store there is no other to ask.
const skip = elsewhere === false ? 'only on stores that several processes share' : false

for (const [where, answer] of [
  ['before', { by: 'copy 1' }],
  ['inside', { by: 'copy 1' }],
  ['after', 'ALREADY_EXISTS'],
] as const)
  test(
    `a process is killed ${where} its transaction: the call is answered long before its lease ends`,
    {
      skip,
      timeout: 60_000,
    },
    async (t) => {
      const { directory, store } = await openStore(t)
      const signal = await stopped(t, directory, where)
      const copy = copyOn(store, 1, 0)
      // Its lease is of a minute: with that to wait for, the time would be over.
      const call = copy.call(({ commit }) => commit(), { timeout: 30_000 })
      void signal('SIGKILL')
      const heard = await call
      assert.deepEqual(heard instanceof CallError ? heard.code : heard, answer)
      assert.equal((await rows.read(store as never, 'effects', 'run')).length, 1)
    },
  )

for (const where of ['said', 'returned'] as const)
  test(`a process is killed after its commit: whoever asks again hears what it ${where}`, { timeout: 60_000 }, async (t) => {
    const directory = folder(t)
    const signal = await stopped(t, directory, where)
    await signal('SIGKILL')
    const { store } = await openStore(t, directory)
    const copy = copyOn(store, 1, 0)
    for (let time = 0; time < 2; time++) assert.deepEqual(await copy.call(({ commit }) => commit()), { by: 'copy 0' })
    assert.equal(copy.runs(), 0)
    assert.equal((await rows.read(store as never, 'effects', 'run')).length, 1)
  })

test('a process that is frozen is there: it is waited for', { skip, timeout: 60_000 }, async (t) => {
  const { directory, store } = await openStore(t)
  const signal = await stopped(t, directory, 'before')
  void signal('SIGSTOP')
  let asked = 0
  const gone: NonNullable<Store['gone']> = async (member) => {
    const answer = await store.gone!(member)
    asked++
    return answer
  }
  const copy = copyOn({ ...store, gone }, 1, 0)
  const call = copy.call(({ commit }) => commit(), { timeout: 30_000 })
  await until(() => asked >= 5)
  assert.equal(copy.runs(), 0)
  void signal('SIGKILL')
  assert.deepEqual(await call, { by: 'copy 1' })
})
