import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startServer } from '@dure/postgres/server'
import type { CallPolicies } from 'dure/call'
import { realRuntime, seededRandom } from 'dure/runtime'
import { start } from 'dure/service'
import { createLogger } from 'dure/telemetry'
import { Cart } from '../../services/cart/contract.ts'
import { FIRST, SECOND, startCopies, type Copies } from './copies.ts'
import { createLoad, type Load, type Seen } from './load.ts'
import { edgeMarketplace } from './shop.ts'
import { capacityOf, type Work } from './work.ts'

export type EdgeOptions = {
  readonly directory: string
  readonly kills: number
  /** Seconds that one copy stands still. */
  readonly freeze: number
  /** Seconds for which three times the capacity is offered. */
  readonly seconds: number
  /** Milliseconds each call has. */
  readonly deadline: number
  readonly work: Work
  readonly seed: number
  /** Default: as the marketplace says, and a limit that finds itself. */
  readonly policies?: CallPolicies
  readonly say: (line: string) => void
}

export type EdgeResult = {
  readonly kills: { readonly seen: Seen; readonly back: readonly number[] }
  readonly frozen: {
    readonly seen: Seen
    /** Milliseconds from when it stood still until it was left out, and from when it went on until it took calls; undefined: never. */
    readonly ejected: number | undefined
    readonly readmitted: number | undefined
  }
  readonly overload: {
    readonly seen: Seen
    /** In a second: what there is room for, what was asked, what is answered when no more is asked than that, and what was. */
    readonly capacity: number
    readonly offered: number
    readonly measured: number
    readonly goodput: number
  }
}

/** How often the capacity is offered. */
const TIMES = 3

/** Two copies of the carts under load: one is killed, one stands still, and three times as much is asked as both can do. */
export async function runEdge(options: EdgeOptions): Promise<EdgeResult> {
  const { directory, work, say, deadline, seed, policies } = options
  // As root somebody else must reach it, whom PostgreSQL then runs as.
  chmodSync(directory, 0o755)
  const server = await startServer({ directory: join(directory, 'postgres'), settings: { fsync: 'off' } })
  const data = join(directory, 'marketplace')
  const steps = [() => server.close()]
  try {
    const copies = await startCopies({ directory: data, database: server.url(), work, say })
    steps.push(copies.stop)
    const heard = createHeard(say)
    // A caller beside them, as a door is: what it calls is in other processes.
    const caller = await start(edgeMarketplace({ database: server.url(), ...(policies && { policies }) }), {
      ...{ directory: data, part: ['doors'], log: heard.log },
    })
    steps.push(() => caller.stop())
    const load = createLoad({ cart: caller.client(Cart), deadline, random: seededRandom(seed) })
    await load.callers(work.places, AbortSignal.timeout(500))
    const run = { ...options, load, copies, heard }
    return { kills: await killed(run), frozen: await frozen(run), overload: await overloaded(run) }
  } finally {
    for (const step of steps.toReversed()) await step()
  }
}

type Run = EdgeOptions & { readonly load: Load; readonly copies: Copies; readonly heard: Heard }

/** A sixth of what both can do: one alone can do it as well, and be slow. */
const gentle = ({ work }: Run): number => capacityOf(work, 2) / 6

/** Kills one copy after the other while both are asked for what one can do. */
async function killed(run: Run): Promise<EdgeResult['kills']> {
  const { load, copies, kills, say } = run
  const over = new AbortController()
  const back: number[] = []
  const load$ = load.stream(gentle(run), over.signal)
  try {
    for (let kill = 0; kill < kills; kill++) {
      await sleep(300)
      const name = kill % 2 === 0 ? SECOND : FIRST
      back.push(await copies.kill(name))
      say(`Killed "${name}": back after ${back.at(-1)} ms`)
    }
    await sleep(300)
  } finally {
    over.abort()
  }
  return { seen: await load$, back }
}

/** Lets one copy stand still for longer than a call has, and go on. */
async function frozen(run: Run): Promise<EdgeResult['frozen']> {
  const { load, copies, freeze, heard, say } = run
  const over = new AbortController()
  const under = load.stream(gentle(run), over.signal)
  let ejected: number | undefined
  let readmitted: number | undefined
  const pid = copies.pidOf(SECOND)
  try {
    await sleep(300)
    heard.clear()
    process.kill(pid, 'SIGSTOP')
    const stopped = performance.now()
    try {
      await sleep(freeze * 1000)
    } finally {
      process.kill(pid, 'SIGCONT')
    }
    const going = performance.now()
    ejected = since(heard.ejected()[0], stopped)
    for (let waited = 0; waited < 30_000 && heard.returned().length === 0; waited += 10) await sleep(10)
    readmitted = since(heard.returned()[0], going)
    say(`Froze "${SECOND}" for ${freeze} s: left out after ${ejected} ms, back ${readmitted} ms after it went on`)
    await sleep(300)
  } finally {
    over.abort()
  }
  return { seen: await under, ejected, readmitted }
}

const since = (at: number | undefined, from: number): number | undefined => (at === undefined ? undefined : Math.round(at - from))

/** Finds out what both can do, and asks for three times as much. */
async function overloaded({ load, work, seconds, say }: Run): Promise<EdgeResult['overload']> {
  // First the limit has to be found.
  await load.callers(work.places * 2, AbortSignal.timeout(seconds * 500))
  const whole = await load.callers(work.places * 2, AbortSignal.timeout(seconds * 1000))
  const measured = perSecond(whole)
  const capacity = capacityOf(work, 2)
  say(`Both together answer ${measured} calls a second, of ${capacity} that there is room for; asking ${capacity * TIMES}`)
  const seen = await load.stream(capacity * TIMES, AbortSignal.timeout(seconds * 1000))
  return { seen, capacity, measured, offered: perSecond(seen, 'calls'), goodput: perSecond(seen) }
}

const perSecond = ({ all, ms }: Seen, what: 'calls' | 'answered' = 'answered'): number => Math.round((all[what] * 1000) / ms)

/** When the caller said that it leaves an instance out, and that it is back. */
type Heard = {
  readonly log: ReturnType<typeof createLogger>
  readonly ejected: () => readonly number[]
  readonly returned: () => readonly number[]
  readonly clear: () => void
}

function createHeard(say: (line: string) => void): Heard {
  let [ejected, returned]: [number[], number[]] = [[], []]
  const hear = (line: string): void => {
    const { message = '', level } = JSON.parse(line) as { message?: string; level?: string }
    if (message.startsWith('An instance fails or stalls')) ejected.push(performance.now())
    else if (message.startsWith('An instance is back')) returned.push(performance.now())
    else if (level !== 'info') say(line.trim())
  }
  return {
    log: createLogger({ clock: realRuntime().clock, level: 'info', write: hear }),
    ejected: () => ejected,
    returned: () => returned,
    clear: () => void ([ejected, returned] = [[], []]),
  }
}
