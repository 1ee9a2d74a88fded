import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { dure, temporary } from '../shell.test-support.ts'

/** A system that says so much of an answer to whoever asks, and is gone. */
async function dying(t: TestContext, says: string): Promise<string> {
  const directory = temporary()
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => void socket.end(says))
  })
  await new Promise<void>((resolve) => void server.listen(join(directory, 'control.sock'), resolve))
  t.after(() => void server.close())
  return directory
}

const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n'

for (const [what, says] of [
  ['before it answers', ''],
  ['in the middle of its answer', `${HEAD}{"value":`],
] as const) {
  test(`a system that ends ${what} is said so, and where to look`, { timeout: 300_000 }, async (t) => {
    const directory = await dying(t, says)
    for (const args of [['dead', 'retry', '--all', '--yes'], ['dead', 'list'], ['lag']]) {
      const { code, out, err } = await dure([...args, '--data', directory])
      assert.deepEqual([code, out], [1, ''], err)
      assert.match(err, /^The system on ".*" ended before it answered/)
      assert.doesNotMatch(err, /^ +at /m)
      assert.equal(/dure dead audit/.test(err), args[1] === 'retry')
    }
  })
}

test('a system that a program of its own runs has perhaps no door for the command, and that is said', async () => {
  const directory = temporary()
  const ask = async (): Promise<string> => (await dure(['dead', 'list', '--data', directory])).err
  assert.doesNotMatch(await ask(), /control\(\)/)
  writeFileSync(join(directory, 'shop.lock'), '')
  assert.match(
    await ask(),
    /^Nothing runs on the data directory[^]*give it the door that answers here, control\(\) of "@dure\/cli"/,
  )
})
