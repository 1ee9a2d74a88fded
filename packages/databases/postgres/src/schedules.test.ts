import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { RELAXED, testServer } from './server.test-support.ts'
import { makeRig, until, type Rig } from './store.test-support.ts'

const CHILD = fileURLToPath(new URL('schedules.child.test-support.ts', import.meta.url))

type Copy = {
  readonly tell: (line: string) => void
  readonly signal: (signal: NodeJS.Signals) => void
  /** The rest of the first line that begins so, if there is one, … */
  readonly heard: (beginning: string) => string | undefined
  /** … or once there is. */
  readonly said: (beginning: string) => Promise<string>
}

async function start(t: TestContext, url: string): Promise<Copy> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-schedules-'))
  const words = ['--conditions=dure-source', CHILD, url, directory]
  const child = spawn(process.execPath, words, { stdio: ['pipe', 'pipe', 'inherit'] })
  const closed = once(child, 'close')
  t.after(async () => {
    child.kill('SIGKILL')
    await closed
    rmSync(directory, { recursive: true, force: true })
  })
  const lines: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => void lines.push(line))
  const heard = (beginning: string): string | undefined =>
    lines.find((line) => line.startsWith(beginning))?.slice(beginning.length)
  const said = async (beginning: string): Promise<string> => {
    await until(() => heard(beginning) !== undefined)
    return heard(beginning)!
  }
  await said('ready')
  return { heard, said, tell: (line) => void child.stdin.write(`${line}\n`), signal: (signal) => void child.kill(signal) }
}

type Chime = { readonly at: number; readonly missed: number; readonly attempt: number; readonly copy: number }

/** What has been committed of a schedule: no tick twice, and each that has no row is accounted for by the next one. */
async function whole({ ask }: Rig, schedule: string): Promise<readonly Chime[]> {
  const rows = await ask(`SELECT at, missed, attempt, copy FROM tower.chimes WHERE schedule = '${schedule}' ORDER BY at`)
  // Each look is a session of its own.
  await new Promise((resolve) => setTimeout(resolve, 50))
  const chimes = rows.map(({ at, missed, attempt, copy }) => ({
    ...{ at: Number(at), missed: Number(missed), attempt: Number(attempt), copy: Number(copy) },
  }))
  for (const [i, { at, missed }] of chimes.entries())
    if (i > 0)
      assert.equal(at - chimes[i - 1]!.at, (missed + 1) * 1_000, `${schedule}: ${JSON.stringify(chimes.slice(i - 1, i + 1))}`)
  return chimes
}

const server = await testServer({ version: 18, settings: RELAXED })

test(
  'three copies, each second: each tick once, whoever is killed, frozen or thawed; late ones as declared',
  { timeout: 180_000 },
  async (t) => {
    const rig = await makeRig(t, server.url())
    const copies = (await Promise.all([1, 2, 3].map(() => start(t, rig.url)))) as [Copy, Copy, Copy]
    const count = async (): Promise<number> => (await whole(rig, 'made-up')).length
    const more = async (by: number): Promise<void> => {
      const before = await count()
      await until(async () => (await count()) >= before + by)
    }
    await more(5)

    /** The copy at work hangs in its run before anything is committed. */
    const hang = async (among: readonly Copy[]): Promise<{ readonly copy: Copy; readonly at: string }> => {
      for (const copy of among) copy.tell('hang')
      const atWork = (): Copy | undefined => among.find((copy) => copy.heard('hangs ') !== undefined)
      await until(() => atWork() !== undefined)
      const copy = atWork()!
      return { copy, at: copy.heard('hangs ')! }
    }
    const again = async (at: string): Promise<void> => {
      let row: Chime | undefined
      await until(async () => (row = (await whole(rig, 'made-up')).find((one) => String(one.at) === at)) !== undefined)
      assert.equal(row!.attempt, 2)
    }

    // One that has taken its tick is killed; a session that is gone is seen before the lease ends.
    copies[0].tell('hang')
    const killed = await copies[0].said('hangs ')
    copies[0].signal('SIGKILL')
    await again(killed)

    // One that has taken its tick stands still for longer than its lease, and then goes on as if nothing had happened.
    const others = copies.slice(1)
    const { copy: frozen, at } = await hang(others)
    for (const other of others) if (other !== frozen) other.tell('go')
    frozen.signal('SIGSTOP')
    await again(at)
    frozen.tell('go')
    frozen.signal('SIGCONT')
    assert.match(await frozen.said(`refused made-up ${at}`), /is over, or another copy has it/)
    await more(3)

    const missed = (await whole(rig, 'made-up')).reduce((sum, one) => sum + one.missed, 0)
    assert.ok(missed > 0, 'the ticks that came meanwhile were made up for')
    const leftOut = await whole(rig, 'left-out')
    assert.equal(new Set(leftOut.map((one) => one.at)).size, leftOut.length)
    readBySomebodyElse(t, rig, (await whole(rig, 'made-up')).length)
    for (const copy of others) copy.tell('stop')
    await Promise.all(others.map((copy) => copy.said('stopped')))
  },
)

/** The rows say the same to a program of others. */
function readBySomebodyElse(t: TestContext, { url }: Rig, atLeast: number): void {
  if (spawnSync('psql', ['--version']).status !== 0) return t.diagnostic('without psql')
  const sql = `SELECT name, cron, zone, paused, next_at % 1000 AS rest,
      (SELECT count(*) = count(DISTINCT at) FROM tower.chimes AS c WHERE c.schedule = s.name) AS once,
      (SELECT count(*) >= CASE name WHEN 'made-up' THEN ${atLeast} ELSE 1 END FROM tower.chimes AS c WHERE c.schedule = s.name) AS all_there
    FROM tower.dure_schedules AS s ORDER BY name`
  const out = execFileSync('psql', [url, '--no-psqlrc', '-At', '-c', sql], { encoding: 'utf8' })
  assert.equal(out, 'left-out|* * * * * *|Europe/Berlin|0|0|t|t\nmade-up|* * * * * *|Europe/Berlin|0|0|t|t\n')
}
