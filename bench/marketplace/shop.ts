import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { usageOf, type Usage } from './usage.ts'

/** A marketplace that runs, as users start it. */
export type Shop = {
  readonly url: string
  readonly startMs: number
  /** Of its processes, without the payment provider: that stands for somebody else's service. */
  readonly usage: () => Usage
  readonly stop: () => Promise<void>
}

const MAIN = join(import.meta.dirname, '../../examples/marketplace/main.ts')
const PROVIDER = /provider\/main\.ts/

/** Starts the program users start, and times it to its `ready`. */
export async function startShop(options: {
  readonly data: string
  readonly split: boolean
  readonly products: number
  readonly database?: 'sqlite' | 'postgres'
}): Promise<Shop> {
  const { data, split, products, database = 'sqlite' } = options
  const started = performance.now()
  const size = ['--products', String(products), '--customers', String(products)]
  const child = spawn(
    process.execPath,
    ['--conditions=source', MAIN, '--port', '0', '--data', data, ...size, ...(split ? ['--split'] : []), '--database', database],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const text = await output(child, /ready[\s\S]*?(http:\/\/[^\s]+)/)
  const startMs = performance.now() - started
  const url = new URL(/http:\/\/[^\s]+/.exec(text)![0]).origin
  return { url, startMs, usage: () => usageOf(child.pid!, PROVIDER), stop: () => stopped(child) }
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
