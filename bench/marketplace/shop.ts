import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Client } from 'pg'
import { usageOf, type Usage } from './usage.ts'

/** A marketplace that runs, as users start it. */
export type Shop = {
  readonly url: string
  readonly startMs: number
  /** Of its processes, without the payment provider: that stands for somebody else's service. */
  readonly usage: () => Usage
  /** Of the PostgreSQL of its own, since its start; 0 without one. */
  readonly deadlocks: () => Promise<number>
  readonly stop: () => Promise<void>
}

const MAIN = join(import.meta.dirname, '../../examples/marketplace/main.ts')
const PROVIDER = /provider\/main\.ts/

export type ShopOptions = {
  readonly data: string
  readonly split: boolean
  readonly products: number
  readonly database?: 'sqlite' | 'postgres'
  /** The service of streams runs as well. */
  readonly insight?: boolean
  /** How many copies of services run. */
  readonly replicas?: Readonly<Record<string, number>>
}

/** Starts the program users start, and times it to its `ready`. */
export async function startShop(options: ShopOptions): Promise<Shop> {
  const { data, split, products, database = 'sqlite', insight = false, replicas = {} } = options
  const copies = Object.entries(replicas).map(([service, count]) => `${service}=${count}`)
  const started = performance.now()
  const size = ['--products', String(products), '--customers', String(products)]
  const more = [...(split ? ['--split'] : []), ...(insight ? ['--insight'] : [])]
  const words = [MAIN, '--port', '0', '--data', data, ...size, ...more, '--database', database]
  const child = spawn(
    process.execPath,
    ['--conditions=dure-source', ...words, ...(copies.length > 0 ? ['--replicas', copies.join(',')] : [])],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const text = await output(child, /ready[\s\S]*?http:\/\/[\d.:]+ /)
  const startMs = performance.now() - started
  // The line of the console ends in what opens it, once.
  const url = /http:\/\/[\d.:]+(?= )/.exec(text)![0]
  return {
    url,
    startMs,
    usage: () => usageOf(child.pid!, PROVIDER),
    deadlocks: () => deadlocksIn(data),
    stop: () => stopped(child),
  }
}

/** The server's port and the password stand in the data directory. */
async function deadlocksIn(data: string): Promise<number> {
  const folder = join(data, 'postgres')
  if (!existsSync(folder)) return 0
  const port = Number(readFileSync(join(folder, 'data', 'postmaster.pid'), 'utf8').split('\n')[3])
  const password = readFileSync(join(folder, 'administrator'), 'utf8').trim()
  const client = new Client({ host: '127.0.0.1', port, user: 'dure', password, database: 'postgres' })
  await client.connect()
  try {
    const { rows } = await client.query<{ deadlocks: number }>('SELECT sum(deadlocks)::int AS deadlocks FROM pg_stat_database')
    return rows[0]!.deadlocks
  } finally {
    await client.end()
  }
}

/** Some seconds after the start, when memory has stopped moving. */
export async function atRest(shop: Shop, seconds: number): Promise<Usage> {
  await new Promise((resolve) => void setTimeout(resolve, seconds * 1_000))
  return shop.usage()
}

/** What the child has printed once it matches. */
function output(child: ChildProcess, wanted: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    let errors = ''
    child.stderr!.on('data', (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-4_000)))
    child.stdout!.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      if (wanted.test(text)) resolve(text)
    })
    child.once('exit', (code) => reject(new Error(`Cannot start the marketplace: it ended with code ${code}\n${errors}`)))
  })
}

function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => {
    child.removeAllListeners('exit')
    child.once('exit', () => resolve())
    child.kill('SIGTERM')
  })
}
