/**
 * `npm run peers -- deploy`: releases of a shop on PostgreSQL are rolled out under load as processes of this machine. Bad ones go back by themselves,
 * a deployer is killed after each line that it writes, and every order that was answered is in the store. `rollouts.test-support.ts deployer …` is a deployer.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { startServer } from '@dure/postgres/server'
import { check } from '@dure/testing/foreign'
import { freePort } from '@dure/testing/servers'
import { describeRelease, host, openPlatform, type Outcome, type Platform, type Release, type Step } from './deploy.ts'

const BIN = join(import.meta.dirname, '../../cli/bin/dure.js')
const SYSTEM = join(import.meta.dirname, 'orders.system.test-support.ts')

type Place = { readonly folder: string; readonly port: number; readonly database: string }

function targetAt({ folder, port }: Place) {
  return host({
    ...{ directory: join(folder, 'host'), port, readiness: 30_000, memory: 96, shutdownTimeout: 10_000 },
    program: ({ release, port }) => ({
      ...{ program: [BIN, 'start', SYSTEM, '--port', String(port)], cwd: folder },
      environment: { RELEASE: release.version },
    }),
  })
}
function platformAt(place: Place): Platform {
  const target = targetAt(place)
  return openPlatform({
    ...{
      name: 'production',
      target,
      directory: join(place.folder, 'platform'),
      watch: 4_000,
      readiness: 15_000,
      limits: { calls: 10, slack: 500 },
    },
    secrets: { DATABASE_URL: place.database },
  })
}
async function releaseOf(version: string): Promise<Release> {
  const { default: shop } = (await import('./orders.system.test-support.ts')) as typeof import('./orders.system.test-support.ts')
  return describeRelease(shop, { version, image: { digest: `sha256:${createHash('sha256').update(version).digest('hex')}` } })
}

const [, , word, given = '', version = '', lines = ''] = process.argv
if (word === 'deployer') await deployAndDie(JSON.parse(given) as Place, version, Number(lines))
else await prove()

/** A deployer that is killed after so many lines. */
async function deployAndDie(place: Place, version: string, lines: number): Promise<void> {
  let left = lines
  await platformAt(place).deploy(await releaseOf(version), {
    onStep: () => {
      if (--left === 0) process.kill(process.pid, 'SIGKILL')
    },
  })
}

async function prove(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'dure-rollouts-'))
  const server = await startServer({ programs: 'embedded' })
  const place = { folder, port: await freePort(), database: server.url() }
  const platform = platformAt(place)
  const load = ordersTo(`http://127.0.0.1:${place.port}/orders`)
  try {
    await check('the first release gets all calls when it is ready', async () => {
      assert.deepEqual(await platform.deploy(await releaseOf('good-1')), { outcome: 'done', reasons: [] })
    })
    load.begin()
    await check('a good one takes all calls, and no call fails', async () => {
      const before = load.failed()
      assert.equal((await platform.deploy(await releaseOf('good-2'))).outcome, 'done')
      assert.equal(load.failed() - before, 0)
      console.log(timeline(platform))
    })
    for (const [bad, why] of [
      ['slow-3', /its p99 is/],
      ['fails-4', /of its calls fail/],
      ['leaks-5', /fell over|has ended|is ended/],
      ['falls-6', /fell over/],
      ['crash-7', /has ended/],
      ['never-8', /is not ready|has ended/],
    ] as const)
      await check(`${bad} goes back by itself`, async () => {
        const began = performance.now()
        const { outcome, reasons }: Outcome = await platform.deploy(await releaseOf(bad))
        assert.equal(outcome, 'rolled back')
        assert.match(reasons[0]!, why)
        const taking = (await platform.releases()).filter(({ share }) => share > 0)
        assert.deepEqual(
          taking.map(({ release, share }) => [release.version, share]),
          [['good-2', 100]],
        )
        console.log(`  ${bad} went back after ${Math.round(performance.now() - began)} ms: ${reasons[0]!.slice(0, 160)}`)
        if (bad === 'slow-3') console.log(timeline(platform))
      })
    let killed = 0
    await check('a deployer is killed after each line that it writes, and the next one is done', async () => {
      const before = load.failed()
      for (let line = 1; ; line++) {
        const next = await releaseOf(`good-${10 + line}`)
        const child = spawn(
          process.execPath,
          ['--conditions=dure-source', import.meta.filename, 'deployer', JSON.stringify(place), next.version, String(line)],
          { stdio: ['ignore', 'inherit', 'inherit'] },
        )
        const [, signal] = (await once(child, 'exit')) as [number, string | null]
        const state = platform.rollouts(1)[0]!
        assert.equal(state.release.version, next.version)
        if (signal === 'SIGKILL') killed++
        // Every third time it is taken back instead.
        if (line % 3 === 0 && signal === 'SIGKILL' && state.before !== undefined && state.state === 'running') {
          await platform.rollBack()
          assert.equal(platform.rollouts(1)[0]!.state, 'rolled back')
        } else assert.equal((await platform.deploy(next)).outcome, 'done')
        const taking = (await platform.releases()).filter(({ copies }) => copies > 0)
        assert.deepEqual(
          taking.map(({ share }) => share),
          [100],
          `after line ${line}`,
        )
        if (signal !== 'SIGKILL') break
      }
      assert.equal(load.failed() - before, 0)
      console.log(`  killed ${killed} times, no call failed`)
    })
    await check('all calls go back to a release that has ended, and none fails', async () => {
      const before = load.failed()
      const began = performance.now()
      await platform.rollBack()
      assert.equal(load.failed() - before, 0)
      console.log(`  ${Math.round(performance.now() - began)} ms, the start of its processes with it`)
    })
    await check('every order that was answered is in the store, once', async () => {
      const answered = await load.end()
      const client = new pg.Client({ connectionString: place.database })
      await client.connect()
      const { rows: schemas } = await client.query(
        "SELECT table_schema FROM information_schema.tables WHERE table_name = 'orders'",
      )
      const { rows } = await client.query<{ id: string }>(`SELECT id FROM "${String(schemas[0].table_schema)}".orders`)
      await client.end()
      const there = new Set(rows.map(({ id }) => id))
      const lost = answered.filter((id) => !there.has(id))
      assert.deepEqual([lost.length, new Set(answered).size], [0, answered.length])
      console.log(
        `  ${answered.length} orders answered, 0 lost; ${load.failed()} calls to bad releases failed and were asked again`,
      )
    })
  } finally {
    await load.end()
    platform.close()
    await targetAt(place).stop()
    await server.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

function timeline(platform: Platform): string {
  const { steps } = platform.rollouts(1)[0]!
  const first = steps[0]!.at
  return `${steps.map(({ at, name, phase, note }: Step) => `    ${String(at - first).padStart(6)} ms  ${name.padEnd(14)}  ${phase.padEnd(6)}  ${note}`.trimEnd()).join('\n')}`
}

/** Callers that place orders all the time, and ask again with the same key until they are answered. */
function ordersTo(url: string) {
  const answered: string[] = []
  let failed = 0
  let over = false
  let callers: Promise<unknown> = Promise.resolve()
  const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
  const place = async (id: string): Promise<void> => {
    for (;;) {
      const answer = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': id },
        body: JSON.stringify({ id }),
        signal: AbortSignal.timeout(10_000),
      }).catch((error: unknown) => error as Error)
      if (!(answer instanceof Error)) {
        const text = await answer.text()
        if (answer.ok) return void answered.push(id)
        // No other try is going to end otherwise.
        if (answer.status === 409) throw new Error(`Order ${id} cannot be answered: ${text}`)
      }
      failed++
      await pause(50)
    }
  }
  return {
    failed: () => failed,
    begin: () => {
      callers = Promise.all(
        Array.from({ length: 16 }, async (_, lane) => {
          for (let i = 0; !over; i++) {
            await place(`${lane}-${i}`)
            await pause(40)
          }
        }),
      )
    },
    end: async (): Promise<readonly string[]> => {
      over = true
      await callers
      return answered
    },
  }
}
