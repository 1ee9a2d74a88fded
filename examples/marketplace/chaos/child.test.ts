import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { createChild } from './child.ts'

const folder = mkdtempSync(join(tmpdir(), 'dure-child-'))
after(() => rmSync(folder, { recursive: true }))
let programs = 0
function program(text: string): string {
  const file = join(folder, `${programs++}.mjs`)
  writeFileSync(file, text)
  return file
}

test('a child is ready when it says so, dies when killed, and starts again', async () => {
  const words = [program("console.log('get'); setTimeout(() => console.log('ready'), 5); setInterval(() => {}, 1000)")]
  const child = createChild({ name: 'It', words, ready: /^ready$/m })
  for (let i = 0; i < 2; i++) {
    assert.ok((await child.start()) > 0)
    assert.ok(child.running())
    await assert.rejects(child.start(), /it runs already/)
    await child.kill()
    assert.ok(!child.running())
  }
  await child.kill()
})

test('a child that ends instead of being ready tells its last words', async () => {
  const words = [program("console.error('Cannot open the data'); process.exitCode = 3")]
  const child = createChild({ name: 'It', words, ready: /ready/ })
  await assert.rejects(child.start(), /ChildError: It ended with 3; the last it said: Cannot open the data/)
})

test('a child that stays silent is not waited for for ever', async () => {
  const words = [program('setInterval(() => {}, 1000)')]
  const child = createChild({ name: 'It', words, ready: /ready/, patience: 50 })
  await assert.rejects(child.start(), /It was not ready after 0.05 s; the last it said: nothing/)
  await child.kill()
})

test('a child that talks much does not stop for a full pipe', async () => {
  const words = [
    program("for (let i = 0; i < 20000; i++) console.error('x'.repeat(100)); console.log('ready'); setInterval(() => {}, 1000)"),
  ]
  const child = createChild({ name: 'It', words, ready: /ready/ })
  await child.start()
  await child.kill()
})
