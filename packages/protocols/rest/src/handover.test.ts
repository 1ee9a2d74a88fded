import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, request, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { realRuntime } from 'dure/runtime'
import { supervise } from 'dure/supervisor'
import { calls, openShop, until } from './rest.test-support.ts'
import { rest } from './rest.ts'

const PROGRAM = fileURLToPath(new URL('./handover.test-support.ts', import.meta.url))

/** Node's own client: it never sends again what a broken connection took along. */
async function get(url: string, agent: Agent): Promise<IncomingMessage> {
  const asked = request(url, { agent })
  asked.end()
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  response.resume()
  await once(response, 'end')
  return response
}

test('a replaced door answers what still comes on its connections, and ends each with it', async () => {
  // Nothing here waits that long: when the last connection has ended, the door has closed.
  await using shop = await openShop({ limits: { handover: 600_000, drain: 600_000 } })
  const kept = [1, 2, 3].map(() => new Agent({ keepAlive: true, maxSockets: 1 }))
  for (const agent of kept) assert.equal((await get(`${shop.url}/items/1`, agent)).headers.connection, 'keep-alive')
  const silent = connect(shop.port, '127.0.0.1')
  await once(silent, 'connect')
  // The door has seen that one when it has answered this one, which came later.
  await get(`${shop.url}/items/1`, kept[0]!)

  const closed = shop.close({ replaced: true })
  for (const agent of kept) {
    const { statusCode, headers } = await get(`${shop.url}/items/1`, agent)
    assert.deepEqual([statusCode, headers.connection], [200, 'close'])
  }
  let text = ''
  silent.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  silent.write('GET /items/1 HTTP/1.1\r\nHost: a\r\n\r\n')
  await once(silent, 'close')
  assert.match(text, /^HTTP\/1.1 200 /)
  await closed
})

test('a replaced door ends idle connections after a while, and answers what is under way', async () => {
  const shop = await openShop({ limits: { handover: 20 } })
  const idle = connect(shop.port, '127.0.0.1')
  idle.write('GET /items/1 HTTP/1.1\r\nHost: a\r\n\r\n')
  await once(idle, 'data')
  const started = calls.started
  const slow = fetch(`${shop.url}/slow`, {
    method: 'POST',
    body: '{"ms":100}',
    headers: { 'content-type': 'application/json' },
  })
  await until(() => calls.started > started)
  await Promise.all([shop.close({ replaced: true }), once(idle, 'close')])
  assert.equal((await slow).status, 200)
})

test('a door says where it listens, so that the place can be held', () => {
  const before = process.env['PORT']
  delete process.env['PORT']
  try {
    assert.deepEqual(rest().listens!(''), { kind: 'tcp', host: '127.0.0.1', port: 8080 })
    process.env['PORT'] = '9000'
    assert.deepEqual(rest({ host: '::' }).listens!(''), { kind: 'tcp', host: '::', port: 9000 })
    assert.deepEqual(rest().at({ port: 7000 }).listens!(''), { kind: 'tcp', host: '127.0.0.1', port: 7000 })
  } finally {
    if (before === undefined) delete process.env['PORT']
    else process.env['PORT'] = before
  }
})

test('a door is replaced under load, on kept connections and on fresh ones, and no call fails', { timeout: 60_000 }, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'dure-handover-'))
  const supervisor = await supervise({
    directory,
    processes: [
      {
        name: 'doors',
        program: [PROGRAM],
        node: ['--conditions=dure-source'],
        sockets: [{ name: 'rest', address: { kind: 'tcp', host: '127.0.0.1', port: 0 } }],
        overlaps: true,
      },
    ],
    runtime: realRuntime(),
    onLine: () => {},
  })
  let over = false
  let answered = 0
  const failed: string[] = []
  const client = async (agent: Agent): Promise<void> => {
    while (!over) {
      const status = await get(`${url}/items/1`, agent).then(
        ({ statusCode }) => statusCode,
        (error: Error) => error.message,
      )
      answered++
      if (status !== 200) failed.push(String(status))
      // The successor needs the machine to start on.
      await setTimeout(20)
    }
    agent.destroy()
  }
  const { url } = supervisor.ready[0] as { url: string }
  const clients = [...Array(6).fill(true), ...Array(4).fill(false)].map((keepAlive: boolean) =>
    client(new Agent({ keepAlive, maxSockets: 1 })),
  )
  try {
    const pids = new Set([supervisor.processes()[0]!.pid])
    for (let i = 1; i <= 2; i++) {
      const before = answered
      await supervisor.replace()
      pids.add(supervisor.processes()[0]!.pid)
      assert.ok(answered > before)
    }
    assert.equal(pids.size, 3)
  } finally {
    over = true
    await Promise.all(clients)
    await supervisor.stop()
    rmSync(directory, { recursive: true, force: true })
  }
  assert.deepEqual(failed, [])
})
