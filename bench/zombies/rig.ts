import { spawn, type ChildProcess } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LocalServer } from '@dure/postgres/server'
import { realRuntime } from 'dure/runtime'
import { groupsOf, socketsOf, start } from 'dure/service'
import { supervise } from 'dure/supervisor'
import { silentLogger } from 'dure/telemetry'
import { Client } from 'pg'
import { DATABASE, Desk, desks, OUTBOX, SENT } from './desk.ts'

/** What was seen of one role. */
export type Seen = {
  /** Writes of the past, each in words. */
  readonly past: readonly string[]
  /** Of how many rounds the holder was found inside a transaction when it stood still. */
  readonly inside: number
  /** Milliseconds until its successor was at work, at most. */
  readonly takeover: number
}

export type RoleOptions = {
  readonly server: LocalServer
  readonly times: number
  readonly random: () => number
  /** Without its fence, to see that the count can be other than 0. */
  readonly broken: boolean
  readonly say: (text: string) => void
}

type Row = Readonly<Record<string, unknown>>

export type Rig = {
  readonly ask: (sql: string, values?: readonly unknown[]) => Promise<readonly Row[]>
  readonly pids: (name: 'desk' | 'archive') => readonly number[]
  readonly pay: (id: string, pauses: [number, number, number], key: string) => Promise<string>
  /** All that the broker was brought, in order. */
  readonly log: () => readonly Sent[]
  /** Papers without end, in so many keys; what to call to have no more. */
  readonly load: (keys: number) => () => Promise<void>
}

export type Sent = { readonly key: string; readonly n: number }

let databases = 0

/** Two copies of the desk and of the archive, the broker in a process of its own, and this process as the caller. */
export async function withDesks<T>(
  { server, random }: RoleOptions,
  outbox: 'polling' | 'wal',
  work: (rig: Rig) => Promise<T>,
): Promise<T> {
  const directory = folder()
  chmodSync(directory, 0o755)
  const database = `zombies_${databases++}`
  await withClient(server.url('postgres'), (client) => client.query(`CREATE DATABASE ${database}`))
  const url = server.url(database)
  const system = desks(url, outbox)
  const supervisor = await supervise({
    directory,
    processes: groupsOf(system, { desk: 2, archive: 2 }).map((group) => ({
      ...{ name: group.name, node: ['--conditions=dure-source'], env: { [DATABASE]: url, [OUTBOX]: outbox } },
      program: [join(import.meta.dirname, 'desk.ts'), directory, ...group.members],
      ...socketsOf(group, { doors: [], directory }),
      copies: group.copies,
    })),
    runtime: realRuntime(),
    silence: 120_000,
    onLine: ({ name, text }) => process.stderr.write(`${name} | ${text}\n`),
  })
  atEnd(() => {
    for (const { pid } of supervisor.processes()) if (pid !== undefined) process.kill(pid, 'SIGKILL')
  })
  const caller = await start(system, { directory, part: ['doors'], log: silentLogger() })
  const pids = (of: string): readonly number[] =>
    supervisor.processes().flatMap(({ name, pid }) => (name.startsWith(of) && pid !== undefined ? [pid] : []))
  const client = caller.client(Desk)
  const stops: (() => Promise<void>)[] = []
  try {
    return await withClient(url, async (session) => {
      const load = (keys: number): (() => Promise<void>) => {
        let over = false
        const lane = async (key: string): Promise<void> => {
          while (!over) {
            const pauses: [number, number, number] = [0, Math.floor(random() * 12), 0]
            await client.file({ key, pauses }, { timeout: 1_000 }).catch(() => sleep(20))
            await sleep(30)
          }
        }
        const lanes = Array.from({ length: keys }, (_, at) => lane(`key ${at}`))
        const stop = async (): Promise<void> => {
          over = true
          await Promise.all(lanes)
        }
        stops.push(stop)
        return stop
      }
      return work({
        ...{ pids, load },
        ask: async (sql, values = []) => (await session.query(sql, [...values])).rows,
        pay: (id, pauses, key) => client.pay({ id, pauses }, { timeout: 1_000, idempotencyKey: key }),
        log: () => sentIn(directory),
      })
    })
  } finally {
    for (const { pid } of supervisor.processes()) if (pid !== undefined) thaw(pid)
    for (const stop of stops) await stop()
    await caller.stop()
    await supervisor.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

function sentIn(directory: string): readonly Sent[] {
  const text = readFileSync(join(directory, SENT), { encoding: 'utf8', flag: 'a+' })
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Sent)
}

export async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

export async function until(what: string, condition: () => boolean | Promise<boolean>, patience = 40_000): Promise<number> {
  const begun = performance.now()
  while (!(await condition())) {
    if (performance.now() - begun > patience) throw new Error(`Waited ${patience} ms in vain: ${what}`)
    await sleep(20)
  }
  return performance.now() - begun
}

const ends: (() => void)[] = []

/** What is to be done when this process ends, however it is told to; what was said last comes first. */
export function atEnd(end: () => void): void {
  if (ends.length === 0) process.once('exit', () => ends.toReversed().forEach((each) => each()))
  ends.push(end)
}

/** A folder that is gone when this process is, also where it is told to end. */
export function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'dure-zombies-'))
  atEnd(() => rmSync(made, { recursive: true, force: true }))
  return made
}

/** Which of these processes has the socket with this port. */
export function processAt(port: number, pids: readonly number[]): number | undefined {
  const end = port.toString(16).toUpperCase().padStart(4, '0')
  const inodes = ['tcp', 'tcp6'].flatMap((kind) =>
    readFileSync(`/proc/net/${kind}`, 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter(([, local = '']) => local.endsWith(`:${end}`))
      .map((parts) => `socket:[${parts[9]}]`),
  )
  return pids.find((pid) =>
    readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try {
        return inodes.includes(readlinkSync(`/proc/${pid}/fd/${fd}`))
      } catch {
        return false
      }
    }),
  )
}

/** Those that stand still, and the shells that let them go on, also when this process is gone. */
const still = new Map<number, ChildProcess>()

export function freeze(pid: number): void {
  still.set(pid, spawn('/bin/sh', ['-c', 'read word; kill -CONT "$0"', String(pid)], { stdio: ['pipe', 'ignore', 'ignore'] }))
  process.kill(pid, 'SIGSTOP')
}

export function thaw(pid: number): void {
  const shell = still.get(pid)
  if (!still.delete(pid)) return
  shell!.stdin!.end()
  try {
    process.kill(pid, 'SIGCONT')
  } catch {
    // It has ended.
  }
}
