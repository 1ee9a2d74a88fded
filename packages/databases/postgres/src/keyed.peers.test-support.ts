/**
 * Counters of three copies under load, of which one is killed, one frozen for longer than its lease, and one more started and stopped.
 * What callers saw is judged by Porcupine, whose program is the first word; and psql reads the rows, where it is there.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { start } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { load, startCopy, type Copy, type Seen } from './keyed.load.test-support.ts'
import { counting } from './keyed.system.test-support.ts'
import { startServer } from './server/server.ts'

const [, , judge = ''] = process.argv
const server = await startServer({ settings: { fsync: 'off' } })
const directory = mkdtempSync(join(tmpdir(), 'dure-keyed-'))
const running = await start(counting(server.url()), { directory, part: ['broker'], log: silentLogger() })
const copies: Copy[] = []
const add = async (): Promise<Copy> => {
  const copy = startCopy(server.url(), directory, copies.length + 1)
  copies.push(copy)
  await copy.said('ready')
  return copy
}
const say = (well: boolean, what: string): void => {
  console.log(`${well ? '✔' : '✖'} ${what}`)
  if (!well) process.exitCode = 1
}
const judged = (history: readonly Seen[]): string => {
  const { stdout, stderr } = spawnSync(judge, { input: JSON.stringify(history), encoding: 'utf8' })
  return `${stdout}${stderr}`.trim()
}

try {
  await Promise.all([add(), add(), add()])
  const { done, more, end } = load(
    running,
    Array.from({ length: 16 }, (_, n) => `name-${n}`),
  )
  await more(5)
  await copies[0]!.kill()
  await more(3)
  copies[1]!.signal('SIGSTOP')
  await more(3)
  copies[1]!.signal('SIGCONT')
  await more(3)
  const fourth = await add()
  await more(3)
  fourth.tell('stop')
  await more(3)
  await end()
  const said = judged(done)
  say(said.startsWith('linearizable'), `Porcupine: ${said}`)
  const first = done.findLast(({ kind }) => kind === 'add')!
  const wrong = judged(done.map((one) => (one === first ? { ...one, value: one.value - 1 } : one)))
  say(wrong.includes('Illegal'), `Porcupine, of the same with one answer changed: ${wrong}`)
  const gaps = `SELECT count(*) FROM (SELECT value - row_number() OVER (PARTITION BY name ORDER BY place) AS gap FROM counter.increments) AS g WHERE gap <> 0`
  if (spawnSync('psql', ['--version']).status === 0) {
    const out = execFileSync('psql', [server.url(), '--no-psqlrc', '-At', '-c', gaps], { encoding: 'utf8' }).trim()
    say(out === '0', `psql: ${out} rows out of order`)
  } else console.log('without psql')
} finally {
  await Promise.all(copies.map(({ kill }) => kill()))
  await running.stop()
  await server.close()
  rmSync(directory, { recursive: true, force: true })
}
