import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { ConfigRelease } from 'dure/config'
import { start, type Running } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { createChild } from '../child.ts'
import { processesOf } from '../processes.ts'
import { COPIES, SETTINGS, Shop, shopAt } from './system.ts'

export type SettingsResult = {
  /** What became of each change, in their order. */
  readonly releases: readonly ConfigRelease[]
  readonly calls: number
  /** With what they failed. */
  readonly failures: readonly string[]
  /** Whether a call has ever seen the provider that no service is ready with. */
  readonly unreadySeen: boolean
  /** Fingerprints of the keys that calls were made with after the secret was rotated, and after the rollback. */
  readonly keys: {
    readonly rotated: readonly string[]
    readonly rolledBack: readonly string[]
    readonly killed: readonly string[]
  }
  /** What is known, after a start, of the release that was tried when all processes were killed. */
  readonly killed: ConfigRelease | undefined
  readonly wanted: { readonly first: string; readonly second: string; readonly third: string }
  /** Places searched for the bytes of all secrets, and those that have them. */
  readonly searched: number
  readonly leaks: readonly string[]
  /** The same search, for what is known to be in a database, in a log and in a dead letter. */
  readonly controls: readonly string[]
}

const BIN = fileURLToPath(new URL('../bin/dure.js', import.meta.resolve('@dure/cli')))
const SYSTEM = fileURLToPath(new URL('./system.ts', import.meta.url))
const [FIRST, SECOND, THIRD] = [
  'first-key-of-the-provider-4711',
  'second-key-of-the-provider-0815',
  'third-key-of-the-provider-1234',
]
const fingerprint = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 12)
/** Milliseconds until a change must be where it is to be: what a busy machine takes. */
const LONGEST = 180_000

export async function runSettings(options: {
  readonly readers: number
  readonly directory: string
  readonly say: (line: string) => void
}): Promise<SettingsResult> {
  const { directory, say, readers } = options
  const [data, settings] = [join(directory, 'data'), join(directory, 'settings')]
  mkdirSync(settings, { recursive: true })
  const write = (provider: string, key: string, more = ''): void => {
    writeFileSync(
      join(directory, 'next.yml'),
      `payment:\n  provider: ${provider}\n  apiKey: ${key}\nshop:\n  apiKey: \${payment.apiKey}\n${more}`,
    )
    renameSync(join(directory, 'next.yml'), join(settings, 'application.yml'))
  }
  write('good', FIRST)
  process.env[SETTINGS] = settings
  const lines: string[] = []
  const words = [BIN, 'start', SYSTEM, '--split', '--data', data, '--log', 'json']
  const child = createChild({
    name: 'The shop',
    words,
    ready: new RegExp(`payment#${COPIES}`),
    patience: 300_000,
    onLine: (line) => lines.push(line),
  })
  await child.start()
  const part = { directory: data, part: ['doors'], log: silentLogger() }
  const running = await start({ ...shopAt(settings), doors: [] }, part).catch(async (error: unknown) => {
    await child.kill()
    throw error
  })
  const load = beginLoad(running, readers)
  try {
    const changed = changing(running, load, say)
    await changed('a provider that no service is ready with', () => write('nobody', FIRST), 'rolled back')
    await changed('a provider that fails calls', () => write('broken', FIRST), 'rolled back')
    write('good', FIRST, '  timeout: { a: 1 }\npayment.provider: 1\n')
    await until(async () => (await running.settings.status()).refused !== undefined)
    await changed('another secret', () => write('good', SECOND), 'released')
    const rotated = await load.keysNow()
    await running.settings.rollback({ by: 'chaos', reason: 'to see it' })
    await until(async () => (await load.keysNow()).join() === fingerprint(FIRST))
    const rolledBack = await load.keysNow()
    await until(async () => ((await running.deadLetters('shop')?.list({})) ?? []).length > 0)
    const letters = JSON.stringify(await running.deadLetters('shop')!.list({}))
    const told = JSON.stringify([
      running.config(),
      await running.settings.status(),
      await running.settings.history(),
      await running.health(),
      await running.status(),
    ])
    await load.end()
    // It is well, and would come to all if the supervisor were not killed before.
    write('good', THIRD)
    await until(async () => (await running.settings.history())[0]!.outcome === 'trying')
    const tried = (await running.settings.history())[0]!.number
    await child.kill()
    await processesOf({ directory: data, doorsAnswer: async () => true, hostsBroker: true }).gone()
    await child.start()
    const known = async () => (await running.settings.history()).find(({ number }) => number === tried)
    await until(async () => (await known().catch(() => undefined))?.outcome === 'superseded')
    const killed = await known()
    await until(async () => (await load.keysNow().catch(() => [])).join() === fingerprint(THIRD))
    const afterKill = await load.keysNow()
    say(
      `the supervisor killed while a third secret was tried: release ${tried} was ${killed?.outcome} (${killed?.why?.join('; ')})`,
    )
    const releases = (await running.settings.history()).toReversed()
    await running.stop()
    child.signal('SIGTERM')
    await until(async () => !child.running())
    const places: readonly Place[] = [['logs', lines.join('\n')], ['letters', letters], ['what is told', told], ...filesIn(data)]
    return {
      ...{ releases, calls: load.calls(), failures: load.failures(), unreadySeen: load.providers().has('nobody') },
      killed,
      keys: { rotated, rolledBack, killed: afterKill },
      wanted: { first: fingerprint(FIRST), second: fingerprint(SECOND), third: fingerprint(THIRD) },
      searched: places.length,
      leaks: [FIRST, SECOND, THIRD].flatMap((one) => placesWith(places, one)),
      controls: [...placesWith(places, 'order-7'), ...placesWith(places, '[secret]')],
    }
  } finally {
    await load.end()
    await running.stop()
    await child.kill()
  }
}

/** Changes the settings, and waits for what becomes of it. */
function changing(running: Running, load: Load, say: (line: string) => void) {
  return async (what: string, change: () => void, outcome: ConfigRelease['outcome']): Promise<void> => {
    const before = (await running.settings.history())[0]!.number
    change()
    await until(async () => {
      const [last] = await running.settings.history()
      return last!.number > before && last!.outcome === outcome
    })
    const [last] = await running.settings.history()
    say(
      `${what}: release ${last!.number} was ${outcome}${last!.why === undefined ? '' : ` (${last!.why.join('; ')})`}; ${load.calls()} calls, ${load.failures().length} failed`,
    )
  }
}

type Load = ReturnType<typeof beginLoad>

function beginLoad(running: Running, readers: number) {
  const client = running.client(Shop)
  const failures: string[] = []
  const providers = new Set<string>()
  let [calls, orders, over] = [0, 0, false]
  const one = async (): Promise<void> => {
    while (!over) {
      try {
        calls++
        if (calls % 4 === 0) await client.order({ id: `order-${++orders}` })
        else providers.add((await client.quote()).provider)
      } catch (error) {
        failures.push(String(error))
      }
    }
  }
  const working = Promise.all(Array.from({ length: readers }, one))
  return {
    calls: () => calls,
    failures: () => failures,
    providers: () => providers,
    /** The keys that some calls are made with. */
    keysNow: async (): Promise<readonly string[]> => {
      const quotes = await Promise.all(Array.from({ length: 30 }, () => client.quote()))
      return [...new Set(quotes.map(({ key }) => key))]
    },
    end: async () => {
      over = true
      await working
    },
  }
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const begun = performance.now()
  while (!(await holds())) {
    if (performance.now() - begun > LONGEST) throw new Error('Cannot go on: what was waited for has not come in three minutes')
    await sleep(50)
  }
}

type Place = readonly [name: string, text: string]

function filesIn(directory: string): readonly Place[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => join(directory, name))
    .filter((file) => statSync(file).isFile())
    .map((file) => [file.slice(directory.length + 1), readFileSync(file, 'latin1')])
}

function placesWith(places: readonly Place[], text: string): readonly string[] {
  const forms = [text, Buffer.from(text).toString('base64').replace(/=+$/, '').slice(0, -1), Buffer.from(text).toString('hex')]
  return places.flatMap(([name, content]) => (forms.some((form) => content.includes(form)) ? [name] : []))
}
