import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { atEnd, folder, freeze, processAt, thaw, until, withClient, type RoleOptions, type Seen } from './rig.ts'

type Other = {
  readonly child: ChildProcess
  readonly pid: number
  readonly go: () => void
  readonly said: () => string | undefined
  readonly ended: () => boolean
  readonly end: (signal: NodeJS.Signals) => Promise<void>
}

const PROGRAM = join(import.meta.dirname, 'program.ts')

/** Resolves when it is loaded and waits for `go`. */
async function load(...words: readonly string[]): Promise<Other> {
  const child = spawn(process.execPath, ['--conditions=dure-source', PROGRAM, ...words], { stdio: ['pipe', 'pipe', 'inherit'] })
  const closed = once(child, 'close')
  atEnd(() => void child.kill('SIGKILL'))
  let said: string | undefined
  const loaded = Promise.withResolvers<void>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line === 'loaded') loaded.resolve()
    else said ??= line
  })
  void closed.then(() => loaded.reject(new Error(`It has ended: ${words.join(' ')}`)))
  await loaded.promise
  const ended = (): boolean => child.exitCode !== null || child.signalCode !== null
  return {
    ...{ child, pid: child.pid!, ended, said: () => said, go: () => void child.stdin.write('go\n') },
    end: async (signal) => {
      thaw(child.pid!)
      if (!ended()) child.kill(signal)
      await closed
    },
  }
}

/**
 * A process stands still while it migrates. Who waits for it goes on when it does; where its session is ended meanwhile, as it is
 * when its machine is gone, the other one migrates, and then it goes on.
 */
export async function migrators({ server, times, random, say }: RoleOptions): Promise<Seen> {
  const past: string[] = []
  let [inside, takeover] = [0, 0]
  const url = server.url('postgres')
  await withClient(url, async (client) => {
    for (let round = 0; round < times; round++) {
      const name = `migrated_${round}`
      const both = await Promise.all([load('migrator', url, name), load('migrator', url, name)])
      const holder = async (): Promise<Holder | undefined> =>
        (
          await client.query(`
            SELECT pid, state = 'idle in transaction' AS inside, client_port AS port
            FROM pg_stat_activity JOIN pg_locks USING (pid)
            WHERE application_name = 'dure migrations ${name}' AND locktype = 'advisory' AND granted`)
        ).rows[0]
      try {
        // The first makes role and schema.
        both[0].go()
        await until('one migrates', async () => (await holder()) !== undefined)
        both[1].go()
        await sleep(random() * 250)
        const found = (await holder()) ?? { port: 0 }
        const frozen = both.find(({ pid }) => pid === processAt(found.port, [both[0].pid, both[1].pid])) ?? both[0]
        freeze(frozen.pid)
        await sleep(50)
        const still = await holder()
        if (still?.port === found.port && still.inside) inside++
        const successor = both.find((each) => each !== frozen)!
        if (round % 2 === 1 && still !== undefined) {
          await client.query('SELECT pg_terminate_backend($1)', [still.pid])
          takeover = Math.max(takeover, await until('its successor has migrated', () => successor.said() !== undefined))
        } else await sleep(300)
        thaw(frozen.pid)
        await until('both have ended', () => both.every(({ ended }) => ended()))
        say(`${round + 1}: ${frozen.said()}, ${successor.said()}`)
        if (successor.said() !== 'open') past.push(`its successor: ${successor.said()}`)
        const ran = await client.query(`SELECT id, count(*)::int AS n FROM ${name}.ran GROUP BY id ORDER BY id`)
        const each = (ran.rows as readonly { readonly id: string; readonly n: number }[]).map(({ id, n }) => `${id} × ${n}`)
        if (each.join() !== '001 × 1,002 × 1,003 × 1,004 × 1') past.push(`${name}: ${each.join()}`)
      } finally {
        await Promise.all(both.map((each) => each.end('SIGKILL')))
      }
    }
  })
  return { past, inside, takeover }
}

type Holder = { readonly pid: number; readonly inside: boolean; readonly port: number }

/**
 * A supervisor was killed while its process has something to finish. Of two that start in its place one stands still when it has
 * looked who was there; the other one starts, and then it goes on. Only one may run processes.
 */
export async function supervisors({ times, random, say }: RoleOptions): Promise<Seen> {
  const past: string[] = []
  let [inside, takeover] = [0, 0]
  for (let round = 0; round < times; round++) {
    const directory = folder()
    const life = (): readonly string[] =>
      readFileSync(join(directory, 'life.txt'), { encoding: 'utf8', flag: 'a+' }).split('\n').slice(0, -1)
    const all = await Promise.all(['first', 'one', 'other'].map((name) => load('supervisor', directory, name)))
    const [first, one, other] = all as [Other, Other, Other]
    try {
      first.go()
      await until('the first runs', () => first.said() === 'open')
      await first.end('SIGKILL')
      one.go()
      await sleep(random() * 300)
      freeze(one.pid)
      if (one.said() === undefined) inside++
      other.go()
      takeover = Math.max(takeover, await until('the other has started, or not', () => other.said() !== undefined))
      thaw(one.pid)
      await until('it has started, or not', () => one.said() !== undefined)
      await sleep(100)
      const running = [one, other].filter((each) => each.said() === 'open')
      const alive =
        life().filter((line) => line.startsWith('begins')).length - life().filter((line) => line.startsWith('ends')).length
      if (running.length !== 1 || alive !== 1)
        past.push(`${running.length} supervisors run ${alive} processes: ${life().join(', ')}`)
      say(`${round + 1}: ${one.said()}; ${other.said()}`)
    } finally {
      await Promise.all(all.map((each) => each.end('SIGTERM')))
      await until('their processes have ended', () => {
        const lines = life()
        return lines.filter((line) => line.startsWith('ends')).length === lines.length / 2
      })
      rmSync(directory, { recursive: true, force: true })
    }
  }
  return { past, inside, takeover }
}

/** A process stands still that has an embedded store. Nobody else has it meanwhile; killed, it does not go on. */
export async function stores({ times, random, say }: RoleOptions): Promise<Seen> {
  const past: string[] = []
  let [inside, takeover] = [0, 0]
  for (let round = 0; round < times; round++) {
    const directory = folder()
    const all = await Promise.all(['one', 'early', 'next'].map((name) => load('store', directory, name)))
    const [one, early, next] = all as [Other, Other, Other]
    try {
      one.go()
      await until('the store is open', () => one.said() === 'open')
      await sleep(random() * 100)
      freeze(one.pid)
      inside++
      early.go()
      await until('it has the store, or not', () => early.said() !== undefined)
      if (early.said() === 'open') past.push('another process has the store of one that stands still')
      await one.end('SIGKILL')
      next.go()
      takeover = Math.max(takeover, await until('its successor has the store', () => next.said() === 'open'))
      await sleep(50)
      await next.end('SIGKILL')
      const db = new DatabaseSync(join(directory, 'kept.db'), { readOnly: false })
      const rows = db
        .prepare('SELECT id FROM kept ORDER BY rowid')
        .all()
        .map(({ id }) => String(id))
      db.close()
      if (rows.lastIndexOf('one') > (rows.indexOf('next') + 1 || Infinity) - 1) past.push('written after its successor')
      for (const id of ['one', 'next'])
        if (rows.filter((row) => row === id).length % 2 === 1) past.push(`half a transaction of ${id}`)
      say(`${round + 1}: ${early.said()?.slice(0, 60)} …; ${rows.length} rows`)
    } finally {
      await Promise.all(all.map((each) => each.end('SIGKILL')))
      rmSync(directory, { recursive: true, force: true })
    }
  }
  return { past, inside, takeover }
}
