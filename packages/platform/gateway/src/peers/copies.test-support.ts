/** Copies of a service, each a process, killed and frozen behind a gateway under load. */
import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { check } from '@dure/testing/foreign'
import type { AccessEntry } from '../gateway.ts'
import { untilFor } from './patience.test-support.ts'
import { begin, beginGateway, end } from './processes.test-support.ts'

const PROGRAM = fileURLToPath(import.meta.resolve('./copy.child.test-support.ts'))
/** Milliseconds that a request has, and of it those that one copy has. */
const [DEADLINE, ATTEMPT] = [20_000, 500]
/** A machine may be slow: how long it takes is not what is looked at. */
const LONG = 240_000

type Copy = { readonly child: ChildProcess; readonly port: string }

async function copy(port = '0'): Promise<Copy> {
  const { child, found } = await begin(process.execPath, [PROGRAM, port], /at (\d+)/)
  return { child, port: found[1]! }
}

export async function killAndFreeze({ folder: whole }: { readonly folder: string }): Promise<void> {
  const folder = join(whole, 'copies')
  mkdirSync(folder)
  const copies = await Promise.all([copy(), copy(), copy()])
  const [first, second] = copies
  const log = join(folder, 'access.log')
  const { url, child } = await beginGateway(
    folder,
    {
      routes: { all: { prefix: '/', to: 'copies', timeout: DEADLINE, attemptTimeout: ATTEMPT, attempts: 3 } },
      upstreams: { copies: { addresses: copies.map(({ port }) => `127.0.0.1:${port}`), ejection: { first: 100, max: 200 } } },
    },
    ['--access-log', log],
  )
  const lines = (): readonly AccessEntry[] =>
    readFileSync(log, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as AccessEntry)
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const ask = (method: string, agents: Agent | false): Promise<number> =>
    new Promise((resolve, reject) => {
      const asked = request(url, { method, agent: agents }, (answer) => {
        answer.resume().once('end', () => resolve(answer.statusCode!))
        answer.once('error', reject)
      })
      asked.once('error', reject).end(method === 'PUT' ? 'hello' : undefined)
    })
  await check(
    'copies are killed and frozen under load: nothing that may be repeated fails, nor waits for one that stands still',
    async () => {
      let [over, done] = [false, 0]
      const load = Promise.all(
        Array.from({ length: 12 }, async (_, i) => {
          while (!over) {
            assert.equal(await ask(i % 3 === 0 ? 'PUT' : 'GET', i % 2 === 0 && agent), 200)
            done++
          }
        }),
      )
      const more = async (count: number): Promise<void> => {
        const before = done
        await untilFor(LONG, async () => done > before + count)
      }
      const again = async ({ port }: Copy): Promise<void> => {
        const answered = (): number => lines().filter(({ upstream }) => upstream === `127.0.0.1:${port}`).length
        const before = answered()
        await untilFor(LONG, async () => answered() > before + 20)
      }
      const storm = async (): Promise<void> => {
        await more(300)
        await end(first.child, 'SIGKILL')
        await more(1_000)
        // Another one at its place.
        await copy(first.port)
        await again(first)
        second.child.kill('SIGSTOP')
        await untilFor(LONG, async () =>
          lines().some(({ tries, duration, status }) => tries > 1 && duration >= ATTEMPT && status === 200),
        )
        await more(1_000)
        second.child.kill('SIGCONT')
        await again(second)
      }
      // Whatever fails of the load is told at once.
      await Promise.race([storm(), load])
      over = true
      await load
      // A try at one that stands still, and one more.
      const longest = Math.max(...lines().map(({ duration }) => duration))
      console.log(`  ${done} requests, the longest took ${Math.round(longest)} ms`)
      assert.ok(longest < DEADLINE / 2, `${longest} ms`)
    },
  )
  agent.destroy()
  await end(child)
  for (const one of copies) await end(one.child, 'SIGKILL')
}
