import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { contract, query } from 'dure/contract'
import { database, sqlite } from 'dure/data'
import { service, start, system, type Health } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import { rest } from './rest.ts'

/** A server that says back what it hears, in a process that can be frozen. */
const ECHO = `require('node:net').createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1', function () { console.log(this.address().port) })`

/** As a kubelet judges: 0 for an answer below 400, 22 for another. */
async function curl(url: string): Promise<{ readonly code: number; readonly body: string }> {
  const run = spawn('curl', ['--silent', '--fail-with-body', url], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [body, [code]] = await Promise.all([text(run.stdout), once(run, 'close') as Promise<[number]>])
  return { code, body }
}

test('probes of a kubelet: a frozen store takes readiness away, and no life', { timeout: 120_000 }, async (t) => {
  const server = spawn(process.execPath, ['-e', ECHO], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => void server.kill('SIGKILL'))
  const [port] = (await once(createInterface(server.stdout), 'line')) as [string]
  const socket = createConnection(Number(port), '127.0.0.1')
  t.after(() => void socket.destroy())
  const ping = async (): Promise<void> => {
    socket.write('?')
    await once(socket, 'data')
  }
  const Shelf = contract('shelf', { version: '1.0.0', owner: 'tests', operations: { count: query({ output: z.int() }) } })
  const shelf = service(Shelf, {
    database: database({ migrations: {} }),
    store: async (world) => {
      const adapter = await sqlite()(world)
      const open: typeof adapter.open = async (...asked) => Object.assign(Object.create(await adapter.open(...asked)), { ping })
      return { ...adapter, open }
    },
    handlers: { count: () => 1 },
  })
  const Desk = contract('desk', { version: '1.0.0', owner: 'tests', operations: { ask: query({ output: z.int() }) } })
  const desk = service(Desk, { needs: { shelf: Shelf }, handlers: { ask: (_, { shelf }) => shelf.count() } })
  const directory = mkdtempSync(join(tmpdir(), 'dure-probes-'))
  const shop = system('shop', { services: [shelf, desk], doors: [rest({ port: 0 })] })
  const running = await start(shop, { directory, log: silentLogger() })
  t.after(async () => {
    await running.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const { url } = running.doors[0]!
  const probe = async (): Promise<readonly number[]> => {
    const groups = ['live', 'ready', 'startup'].map((group) => curl(`${url}/health/${group}`))
    return (await Promise.all(groups)).map(({ code }) => code)
  }
  const told = async (): Promise<Health> => JSON.parse((await curl(`${url}/health/ready`)).body) as Health
  // For those who run it; who asks at the door is not told what its services work with.
  const inside = async (service: string) => (await running.health()).services.find((one) => one.service === service)!.dependencies

  assert.deepEqual(await probe(), [0, 0, 0])
  const [up] = await inside('shelf')
  assert.ok(!JSON.stringify(await told()).includes('sqlite'))
  assert.deepEqual([up!.name, up!.kind, up!.state, typeof up!.latency], ['sqlite', 'store', 'up', 'number'])

  server.kill('SIGSTOP')
  assert.deepEqual(await probe(), [0, 22, 0])
  const { services } = await told()
  const store = services.find((one) => one.service === 'shelf')!
  assert.match(store.reasons.join(), /^Its database does not answer: /)
  const [down] = await inside('shelf')
  assert.equal(down!.state, 'down')
  assert.ok(down!.since >= up!.since)
  // Who needs it takes calls, and says what it lacks.
  const needing = services.find((one) => one.service === 'desk')!
  assert.deepEqual(
    [needing.ready, (await inside('desk')).map(({ name, kind, state }) => `${kind} ${name} ${state}`)],
    [true, ['service shelf down']],
  )

  server.kill('SIGCONT')
  while ((await probe()).join() !== '0,0,0') await new Promise((resolve) => setTimeout(resolve, 20))
  assert.equal((await inside('shelf'))[0]!.state, 'up')
})
