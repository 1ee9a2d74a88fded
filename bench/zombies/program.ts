/**
 * A process that has one of the roles which need no system, until it is stopped: `migrator`, `supervisor`, `supervised` or `store`.
 * What it comes to it says in a line.
 */
import { once } from 'node:events'
import { appendFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { postgres } from '@dure/postgres'
import { sqlite } from 'dure/data'
import { keepAlive, realRuntime } from 'dure/runtime'
import { joinSupervisor, supervise } from 'dure/supervisor'
import { silentLogger } from 'dure/telemetry'

const [word, place = '', name = ''] = process.argv.slice(2)
const runtime = realRuntime()
const say = (text: string): void => void writeSync(1, `${text}\n`)

/** Loaded, it waits to be told to begin. */
if (word !== 'supervised') {
  say('loaded')
  await once(process.stdin, 'data')
  process.stdin.destroy()
}

/** Each is slow, and notes who has run it. */
const MIGRATIONS = Object.fromEntries(
  ['001', '002', '003', '004'].map((id) => [
    id,
    `${id === '001' ? 'CREATE TABLE ran (id TEXT NOT NULL);' : ''}
     CREATE TABLE made_${id} (id TEXT); SELECT pg_sleep(0.05); INSERT INTO ran (id) VALUES ('${id}')`,
  ]),
)

if (word === 'migrator') {
  try {
    const adapter = postgres({ url: place, writers: 1, readers: 1 })({ directory: '', runtime, log: silentLogger() })
    const store = await adapter.open(name, { migrations: MIGRATIONS })
    say('open')
    await store.stop()
  } catch (error) {
    say(`refused ${(error as Error).message}`)
  }
}

if (word === 'store') {
  const adapter = sqlite()({ directory: place, runtime, log: silentLogger() })
  try {
    const store = await adapter.open('kept', { migrations: { '001': 'CREATE TABLE kept (id TEXT NOT NULL)' } })
    say('open')
    for (;;) {
      await store.transaction(async (tx) => {
        await tx.run('INSERT INTO kept (id) VALUES (?)', [name])
        await runtime.timers.sleep(2)
        await tx.run('INSERT INTO kept (id) VALUES (?)', [name])
      })
    }
  } catch (error) {
    say(`refused ${(error as Error).message}`)
  }
}

if (word === 'supervisor') {
  const alive = keepAlive()
  try {
    const supervisor = await supervise({
      ...{ directory: place, runtime, onLine: () => {}, shutdownTimeout: 2_000 },
      processes: [
        { name: 'one', node: ['--conditions=dure-source'], program: [import.meta.filename, 'supervised', place, name] },
      ],
    })
    say('open')
    await new Promise<void>((resolve) => process.once('SIGTERM', () => resolve()))
    await supervisor.stop()
  } catch (error) {
    say(`refused ${(error as Error).message}`)
  } finally {
    alive.stop()
  }
}

if (word === 'supervised') {
  const supervised = joinSupervisor()
  if (supervised !== undefined && (await supervised.loaded())) {
    const alive = keepAlive()
    const note = (text: string): void => appendFileSync(join(place, 'life.txt'), `${text} ${name} ${process.pid}\n`)
    note('begins')
    supervised.ready()
    await supervised.stopped
    // What is under way is finished first.
    await runtime.timers.sleep(300)
    note('ends')
    alive.stop()
    supervised.leave()
  }
}
