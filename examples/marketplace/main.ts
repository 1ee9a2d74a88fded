/**
 * The marketplace in one process: `npm start`. Services, their databases and the broker are started together, the
 * payment provider beside them; then the data are seen to, and the HTTP door says where it is.
 */
import { access, constants } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { rest } from '@dure/rest'
import { sqlite } from 'dure/data'
import { embeddedBroker } from 'dure/messaging'
import { makeFolder, realRuntime } from 'dure/runtime'
import { start, type Running } from 'dure/service'
import { createLogger } from 'dure/telemetry'
import { prepareData } from './data/prepare.ts'
import { HELP, marketplaceFlags, type MarketplaceFlags } from './flags.ts'
import { startProviderProcess } from './provider/child.ts'
import { httpProvider } from './services/payment/adapters/http-provider.ts'
import { marketplace } from './system.ts'
import { welcome } from './welcome.ts'

const say = (text: string): void => void process.stdout.write(`${text}\n`)
const log = createLogger({
  clock: realRuntime().clock,
  level: 'warn',
  write: (line) => void process.stderr.write(line),
  fields: { system: 'marketplace' },
})
const warn = (text: string): void => void process.stderr.write(`${text}\n`)

async function main(words: readonly string[]): Promise<void> {
  const flags = marketplaceFlags(words)
  if (flags === undefined) return say(HELP.trimEnd())
  const stopping = stopOnSignal()
  const steps: (() => Promise<void>)[] = []
  try {
    const running = await open(flags, steps)
    await prepareData({ host: running, flags, directory: resolve(flags.data), say, log, signal: stopping })
    const url = running.doors.find((door) => door.url !== undefined)?.url
    if (!stopping.aborted) say(await welcome(running, url ?? ''))
    await aborted(stopping)
    say('Stopping: finishing what is under way; once more to end at once')
  } finally {
    for (const step of steps.toReversed()) await step()
  }
}

/** Starts everything; what has to be stopped again is put among the steps. */
async function open(flags: MarketplaceFlags, steps: (() => Promise<void>)[]): Promise<Running> {
  const directory = resolve(flags.data)
  await usable(directory, flags.data)
  const file = join(directory, 'provider', 'charges.sqlite')
  // It takes as long to start as everything else, so it does so beside it.
  const own = flags.provider === undefined ? startProviderProcess({ file, seed: flags.seed, warn }) : undefined
  const url = flags.provider ?? own!.then((child) => child.url)
  // Whether it started is asked at the end, and in vain when something else fails first.
  Promise.all([own, url]).catch(() => {})
  steps.push(async () => (await own?.catch(() => undefined))?.stop())
  const provider = httpProvider({ url })
  steps.push(provider.close)
  const door = rest({ port: flags.port, host: flags.host })
  const { durability } = flags
  const system = marketplace({
    provider,
    doors: [door],
    database: sqlite({ durability }),
    broker: embeddedBroker({ durability }),
  })
  const running = await start(system, { directory, log })
  steps.push(running.stop)
  await own
  return running
}

async function usable(directory: string, given: string): Promise<void> {
  try {
    makeFolder(directory)
    await access(directory, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (cause) {
    const { message } = cause as Error
    throw new Error(
      `Cannot use the data directory "${given}": ${message}. To do: choose another with --data, or see to its rights`,
      { cause },
    )
  }
}

/** The first signal stops cleanly, the second at once. */
function stopOnSignal(): AbortSignal {
  const stopping = new AbortController()
  const onSignal = (): void => {
    if (stopping.signal.aborted) process.exit(1)
    stopping.abort()
  }
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
  return stopping.signal
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  // Timers of the runtime do not keep a process alive, and a marketplace without a caller must.
  const alive = setInterval(() => {}, 2 ** 30)
  await new Promise<void>((done) => void signal.addEventListener('abort', () => done(), { once: true }))
  clearInterval(alive)
}

try {
  await main(process.argv.slice(2))
} catch (error) {
  warn(messageOf(error))
  process.exitCode = 1
} finally {
  process.removeAllListeners('SIGINT').removeAllListeners('SIGTERM')
}

/** What went wrong, in words: the stack is for errors nobody foresaw, and for whoever asks by DEBUG. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return process.env['DEBUG'] === undefined ? error.message : (error.stack ?? error.message)
}
