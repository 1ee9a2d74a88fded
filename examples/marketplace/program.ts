/**
 * The marketplace: `npm start`. Services, their databases and the broker are started together in one process (with
 * `--split` each in its own, with `--threads` each in a thread), the payment provider beside them; then the data are seen to, and the HTTP door says where
 * it is.
 */
import { access, constants } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { keepAlive, makeFolder } from 'dure/runtime'
import { start, type Running } from 'dure/service'
import { brokerOf, ownBroker } from './brokers.ts'
import { prepareData } from './data/prepare.ts'
import { ownServer, storesOf } from './databases.ts'
import { doorsOf } from './doors.ts'
import { HELP, marketplaceFlags, type MarketplaceFlags } from './flags.ts'
import { startProviderProcess } from './provider/child.ts'
import { httpProvider } from './services/payment/adapters/http-provider.ts'
import { startSplit } from './split.ts'
import { marketplace } from './system.ts'
import { log, messageOf, say, warn } from './voice.ts'
import { nextSteps, painted, welcome } from './welcome.ts'

async function main(words: readonly string[]): Promise<void> {
  const flags = marketplaceFlags(words)
  if (flags === undefined) return say(HELP.trimEnd())
  const stopping = stopOnSignal()
  const steps: (() => Promise<void>)[] = []
  try {
    if (flags.split || flags.threads) await openSplit(flags, words, steps, stopping)
    else {
      const running = await open(flags, steps)
      await doorReady(running, { flags, words, directory: resolve(flags.data), stopping })
    }
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
  const { own, url } = openProvider(flags, directory, steps)
  const provider = httpProvider({ url })
  steps.push(provider.close)
  const server = await ownServer(flags, directory)
  if (server !== undefined) steps.push(server.stop)
  const broker = await ownBroker(flags, directory)
  if (broker !== undefined) steps.push(broker.stop)
  const system = marketplace({
    provider,
    checkout: flags.checkout,
    readModel: flags.model,
    insight: flags.insight,
    witness: flags.witness,
    ...(await doorsOf(flags)),
    ...storesOf(flags, server?.url),
    broker: await brokerOf(flags, broker?.url),
  })
  const running = await start(system, { directory, log })
  steps.push(running.stop)
  await own
  return running
}

/** The payment provider: our own beside everything else, or the one we are told of. */
function openProvider(
  flags: MarketplaceFlags,
  directory: string,
  steps: (() => Promise<void>)[],
): { readonly own: Promise<unknown> | undefined; readonly url: string | Promise<string> } {
  const file = join(directory, 'provider', 'charges.sqlite')
  // It takes as long to start as everything else, so it does so beside it.
  const own = flags.provider === undefined ? startProviderProcess({ file, seed: flags.seed, warn }) : undefined
  const url = flags.provider ?? own!.then((child) => child.url)
  // Whether it started is asked at the end, and in vain when something else fails first.
  Promise.all([own, url]).catch(() => {})
  steps.push(async () => (await own?.catch(() => undefined))?.stop())
  return { own, url }
}

/** The same, each service in a process or a thread of its own. SIGUSR2 replaces all of them, one after the other. */
async function openSplit(
  flags: MarketplaceFlags,
  words: readonly string[],
  steps: (() => Promise<void>)[],
  signal: AbortSignal,
): Promise<void> {
  const directory = resolve(flags.data)
  await usable(directory, flags.data)
  const { url } = openProvider(flags, directory, steps)
  const provider = await url
  const server = await ownServer(flags, directory)
  if (server !== undefined) steps.push(server.stop)
  const broker = await ownBroker(flags, directory)
  if (broker !== undefined) steps.push(broker.stop)
  // Only looked at: what each process runs, it makes itself.
  const shape = httpProvider({ url: provider })
  steps.push(shape.close)
  const system = marketplace({
    provider: shape,
    checkout: flags.checkout,
    readModel: flags.model,
    insight: flags.insight,
    witness: flags.witness,
    ...(await doorsOf(flags)),
    ...storesOf(flags, server?.url),
    broker: await brokerOf(flags, broker?.url),
  })
  const split = await startSplit({ system, flags, words, provider, database: server?.url, broker: broker?.url, signal }).catch(
    (error: unknown) => {
      if (!signal.aborted) throw error
      return undefined
    },
  )
  if (split === undefined) return
  steps.push(split.stop)
  const replace = (): void => {
    say(`Replacing every ${flags.threads ? 'thread' : 'process'}, one after the other`)
    split.replace().then(
      () => say(`Every ${flags.threads ? 'thread' : 'process'} has been replaced`),
      (error: unknown) => warn(messageOf(error)),
    )
  }
  process.on('SIGUSR2', replace)
  steps.push(async () => void process.off('SIGUSR2', replace))
  if (!flags.threads) return sayReady(split.welcome, { words: [], split: true, pid: split.pidOf('order') })
  // The door is in this thread.
  const running = await start(system, { directory, part: ['doors'], log })
  steps.push(running.stop)
  await doorReady(running, { flags, words, directory, stopping: signal })
}

/** Sees to the data, and says where the door is. */
async function doorReady(
  running: Running,
  options: { flags: MarketplaceFlags; words: readonly string[]; directory: string; stopping: AbortSignal },
): Promise<void> {
  const { flags, words, directory, stopping } = options
  await prepareData({ host: running, flags, directory, say, log, signal: stopping })
  const url = running.doors.find((door) => door.url !== undefined)?.url
  if (!stopping.aborted) sayReady(await welcome({ running, url: url ?? '', flags }), { words, split: false, pid: process.pid })
}

function sayReady(first: string, rest: Parameters<typeof nextSteps>[0]): void {
  say(painted(`${first}\n${nextSteps(rest)}`))
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
  const alive = keepAlive()
  await new Promise<void>((done) => void signal.addEventListener('abort', () => done(), { once: true }))
  alive.stop()
}

try {
  await main(process.argv.slice(2))
} catch (error) {
  warn(messageOf(error))
  process.exitCode = 1
} finally {
  process.removeAllListeners('SIGINT').removeAllListeners('SIGTERM')
}
