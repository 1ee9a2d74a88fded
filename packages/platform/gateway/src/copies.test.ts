import assert from 'node:assert/strict'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { fileURLToPath } from 'node:url'
import { test, type TestContext } from 'node:test'
import { started } from './gateway.test-support.ts'
import { until } from './bytes.test-support.ts'

const PROGRAM = fileURLToPath(import.meta.resolve('./copy.child.test-support.ts'))

type Copy = { readonly child: ChildProcess; readonly port: number }

async function copy(t: TestContext, port = 0): Promise<Copy> {
  const child = fork(PROGRAM, [String(port)], { execArgv: [] })
  t.after(() => void child.kill('SIGKILL'))
  const [listening] = (await once(child, 'message')) as [number]
  return { child, port: listening }
}

/** Milliseconds that a request has, and of it those that one copy has. */
const [DEADLINE, ATTEMPT] = [20_000, 300]

test('copies are killed and frozen under load: nothing that may be repeated fails, nor waits for one that stands still', async (t) => {
  const copies = await Promise.all(Array.from({ length: 3 }, () => copy(t)))
  const { url, lines } = await started(t, {
    routes: {
      routes: { all: { prefix: '/', to: 'copies', timeout: DEADLINE, attemptTimeout: ATTEMPT, attempts: 3 } },
      upstreams: { copies: { addresses: copies.map(({ port }) => `127.0.0.1:${port}`), ejection: { first: 100, max: 200 } } },
    },
  })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.after(() => agent.destroy())
  const ask = (method: string, agents: Agent | false): Promise<number> =>
    new Promise((resolve, reject) => {
      const asked = request(url, { method, agent: agents }, (answer) => {
        answer.resume().once('end', () => resolve(answer.statusCode!))
        answer.once('error', reject)
      })
      asked.once('error', reject).end(method === 'PUT' ? 'hello' : undefined)
    })
  let [over, done] = [false, 0]
  const load = Array.from({ length: 12 }, async (_, i) => {
    while (!over) {
      assert.equal(await ask(i % 3 === 0 ? 'PUT' : 'GET', i % 2 === 0 && agent), 200)
      done++
    }
  })
  const more = async (count: number): Promise<void> => {
    const before = done
    await until(() => done > before + count)
  }
  await more(100)
  const [first, second] = copies as [Copy, Copy]
  first.child.kill('SIGKILL')
  await more(300)
  // Another one at its place.
  await copy(t, first.port)
  const answered = (port: number): number => lines.filter(({ upstream }) => upstream === `127.0.0.1:${port}`).length
  const before = answered(first.port)
  await until(() => answered(first.port) > before + 20)
  second.child.kill('SIGSTOP')
  await until(() => lines.some(({ tries, duration, status }) => tries > 1 && duration >= ATTEMPT && status === 200))
  await more(300)
  second.child.kill('SIGCONT')
  const frozen = answered(second.port)
  await until(() => answered(second.port) > frozen + 20)
  over = true
  await Promise.all(load)
  // A try at one that stands still, and one more.
  const longest = Math.max(...lines.map(({ duration }) => duration))
  assert.ok(longest < DEADLINE / 2, `${longest} ms`)
})
