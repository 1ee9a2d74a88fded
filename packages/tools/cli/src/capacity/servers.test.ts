import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { test, type TestContext } from 'node:test'
import { processesHere, workedSeconds } from '../proc.ts'
import { serversOf } from './servers.ts'

const SERVER = `
  const server = require('node:net').createServer(() => {}).listen(0, '127.0.0.1', () => console.log(server.address().port))`
const CLIENT = (port: string) => `require('node:net').connect(${port}, '127.0.0.1', () => console.log('there'))`

async function run(t: TestContext, program: string): Promise<ChildProcess & { readonly said: string }> {
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return Object.assign(child, { said: line.toString().trim() })
}

test(
  'a server is found by the connections to it, with what it has used; one that nobody is connected to is not',
  { skip: process.platform !== 'linux' && 'only Linux tells' },
  async (t) => {
    const [server, other] = [await run(t, SERVER), await run(t, SERVER)]
    const client = await run(t, CLIENT(server.said))
    const [found, ...more] = serversOf([client.pid!])
    assert.equal(found?.pid, server.pid)
    assert.deepEqual(more, [])
    assert.equal(found?.name, processesHere().get(server.pid!)?.name)
    assert.ok(found!.cpu >= 0)
    const both = await run(t, CLIENT(other.said))
    assert.deepEqual(
      serversOf([client.pid!, both.pid!])
        .map(({ pid }) => pid)
        .toSorted(),
      [server.pid, other.pid].toSorted(),
    )
    assert.deepEqual(serversOf([]), [])
    assert.ok(workedSeconds()! > 0)
  },
)
