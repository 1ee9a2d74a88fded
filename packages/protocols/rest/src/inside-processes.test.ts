import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { start, type Running } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { shopSystem } from './inside.test-support.ts'
import { ask } from './rest.test-support.ts'

const PROGRAM = fileURLToPath(new URL('inside.test-support.ts', import.meta.url))

/** The shop, its services in processes that nobody starts again, and its doors in this one. */
async function rig(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'dure-inside-'))
  const children: ChildProcess[] = []
  const running: Running[] = []
  const begin = async (...part: string[]): Promise<ChildProcess> => {
    const words = ['--conditions=dure-source', PROGRAM, directory, ...part]
    const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] })
    children.push(child)
    await once(child.stdout!, 'data')
    return child
  }
  t.after(async () => {
    for (const one of running) await one.stop()
    for (const child of children) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    rmSync(directory, { recursive: true, force: true })
  })
  const broker = await begin('broker')
  const [stock, shop] = await Promise.all([begin('stock'), begin('shop')])
  const doors = await start(shopSystem(), { directory, part: ['doors'], log: silentLogger(), shutdownTimeout: 2_000 })
  running.push(doors)
  const url = doors.doors[0]!.url!
  const inner = [
    directory,
    basename(directory),
    '.sock',
    '.db',
    'node_modules',
    'SELECT',
    'INSERT',
    'SQLITE',
    '127.0.0.1',
    'unix:',
  ]
  /** What a caller hears, when it is no success. */
  const hears = async (path: string, seconds?: number): Promise<string | undefined> => {
    const [method, place] = path.split(' ') as [string, string]
    const headers = seconds === undefined ? {} : { 'request-timeout': String(seconds) }
    const { status, body, headers: told } = await ask(`${url}${place}`, { method, headers })
    if (status < 400) return undefined
    const text = JSON.stringify([body, [...told]])
    for (const word of inner) assert.ok(!text.includes(word), `${path}: "${word}" in ${text}`)
    assert.doesNotMatch(text, /\bat \S+:\d+:\d+/, path)
    const { code, detail = '' } = body as { code?: string; detail?: string }
    assert.ok(place.startsWith('/health') || detail.length > 10, `${path}: ${text}`)
    return code ?? 'not ready'
  }
  await t.test('all is well', async () => {
    for (const path of ['GET /stock', 'POST /buy', 'POST /note', 'GET /notes']) assert.equal(await hears(path), undefined)
  })
  return { directory, broker, stock, shop, hears }
}

const AWAY = ['UNAVAILABLE', 'DEADLINE_EXCEEDED']

// A process that is stopped can be killed: one set of processes for both, since starting them takes longer than all that is asked.
test(
  'processes stopped and killed, and a file that another program holds or has spoilt: callers over HTTP hear what they can do, and no word of the inside',
  { timeout: 300_000 },
  async (t) => {
    const { directory, broker, stock, shop, hears } = await rig(t)
    const harm = async (child: ChildProcess, paths: readonly string[]): Promise<void> => {
      for (const signal of ['SIGSTOP', 'SIGKILL'] as const) {
        // Callers that are there already, and callers that come afterwards.
        const before = paths.map((path) => hears(path, 0.5))
        child.kill(signal)
        await Promise.all(before)
        for (const path of paths) {
          const code = await hears(path, 0.5)
          assert.ok(child === broker || AWAY.includes(code!), `${path}, ${signal}: ${code}`)
        }
      }
      await hears('GET /health/ready')
    }
    await harm(stock, ['GET /stock', 'POST /buy'])
    await harm(broker, ['GET /notes'])

    const path = join(directory, 'shop.db')
    const other = new DatabaseSync(path)
    other.exec('BEGIN IMMEDIATE')
    for (const seconds of [0.2, undefined])
      assert.ok(AWAY.concat('RESOURCE_EXHAUSTED').includes((await hears('POST /note', seconds))!))
    other.exec('ROLLBACK')
    other.close()
    for (const name of readdirSync(directory).filter((one) => one.startsWith('shop.db')))
      writeFileSync(join(directory, name), 'spoilt')
    for (const place of ['POST /note', 'GET /notes', 'GET /health/ready']) await hears(place, 2)

    await harm(shop, ['POST /note', 'GET /notes', 'POST /buy'])
  },
)
