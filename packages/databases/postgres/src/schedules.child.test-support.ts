import { createInterface } from 'node:readline'
import { contract } from 'dure/contract'
import { database } from 'dure/data'
import { schedule } from 'dure/schedule'
import { service, start, system } from 'dure/service'
import { createLogger } from 'dure/telemetry'
import { realRuntime } from 'dure/runtime'
import { postgres } from './postgres.ts'

/**
 * A copy of a service with two schedules, each second. It is told `hang` (the next run of the first waits before its transaction,
 * until `go`) and `stop`; it prints what becomes of each run.
 */
const [, , url = '', directory = ''] = process.argv
const say = (line: string): void => void process.stdout.write(`${line}\n`)
type Tables = { chimes: { schedule: string; at: number; missed: number; attempt: number; copy: number } }
const tables = database<Tables>({
  migrations: {
    // Nothing of it refuses a tick that comes twice.
    '001': `CREATE TABLE chimes (schedule TEXT NOT NULL, at BIGINT NOT NULL, missed BIGINT NOT NULL, attempt BIGINT NOT NULL,
      copy BIGINT NOT NULL)`,
  },
})

let hangs = false
let go: () => void = () => {}
const chime = (name: string, late: 'run' | 'skip') =>
  schedule(name, {
    ...{ cron: '* * * * * *', zone: 'Europe/Berlin', late, database: tables },
    run: async ({ tick }, { database }) => {
      if (name === 'made-up' && hangs) {
        hangs = false
        const gone = new Promise<void>((resolve) => (go = resolve))
        say(`hangs ${tick.at.getTime()}`)
        await gone
      }
      const row = { schedule: name, at: tick.at.getTime(), missed: tick.missed, attempt: tick.attempt, copy: process.pid }
      await database
        .transaction((tx) => tx.insertInto('chimes').values(row).execute())
        .then(
          () => say(`committed ${name} ${row.at}`),
          (error: unknown) => say(`refused ${name} ${row.at} ${String(error)}`),
        )
    },
  })

const Tower = contract('tower', { version: '1.0.0', owner: 'tests', operations: {} })
const tower = service(Tower, {
  ...{ database: tables, store: postgres({ url }), handlers: {} },
  extensions: [chime('made-up', 'run'), chime('left-out', 'skip')],
})
const running = await start(system('town', { services: [tower], telemetry: false }), {
  directory,
  log: createLogger({ clock: realRuntime().clock, write: (line) => say(`log ${line}`) }),
})
say('ready')
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'hang') hangs = true
  else if (line === 'go') {
    hangs = false
    go()
  } else if (line === 'stop') break
}
await running.stop()
say('stopped')
