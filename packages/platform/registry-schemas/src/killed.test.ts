import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { asking, record, started, temporary, type Ask } from './registry.test-support.ts'

async function child(directory: string): Promise<{ readonly ask: Ask; readonly kill: () => Promise<void> }> {
  const program = fileURLToPath(import.meta.resolve('./killed.child.test-support.ts'))
  const process_ = spawn(process.execPath, ['--conditions=dure-source', program, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [url] = (await once(createInterface(process_.stdout), 'line')) as [string]
  const ended = once(process_, 'close')
  return {
    ask: asking(url),
    kill: async () => {
      process_.kill('SIGKILL')
      await ended
    },
  }
}

test('killed in the middle of registrations, it has all that it acknowledged, whole, and gives no id twice', async (t) => {
  const directory = temporary(t)
  const acknowledged = new Map<string, number>()
  for (const round of [0, 1, 2]) {
    const { ask, kill } = await child(directory)
    let count = 0
    const enough = Promise.withResolvers<void>()
    const callers = Array.from({ length: 8 }, async (_, caller) => {
      for (let at = 0; ; at++) {
        const name = `r${round}-${caller}-${at}`
        const schema = record({ name: name.replaceAll('-', '_'), type: 'string' })
        const answer = await ask(`POST /subjects/${name}/versions`, { schema }).catch(() => undefined)
        if (answer === undefined) return
        assert.equal(answer.status, 200)
        acknowledged.set(name, (answer.body as { id: number }).id)
        if (++count === 60) enough.resolve()
      }
    })
    await enough.promise
    await kill()
    await Promise.all(callers)
  }
  assert.ok(acknowledged.size >= 180)
  assert.equal(new Set(acknowledged.values()).size, acknowledged.size)
  const { ask } = await started(t, { directory })
  const subjects = (await ask('GET /subjects')).body as string[]
  for (const [name, id] of acknowledged) {
    assert.ok(subjects.includes(name))
    const { body } = await ask(`GET /subjects/${name}/versions/1`)
    assert.equal((body as { id: number }).id, id)
  }
  // What was not acknowledged is there whole, or not at all.
  for (const name of subjects) assert.equal((await ask(`GET /subjects/${name}/versions/1/schema`)).status, 200)
})
