import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { GatewayConfiguration } from '@dure/gateway'
import { freePort } from '@dure/testing/servers'
import { seededRandom, type Random } from 'dure/runtime'
import { createDriver, type Driver } from '../../workload/driver.ts'
import { doorClient } from '../../workload/door.ts'
import type { Invariant } from '../../workload/invariants.ts'
import { HEADLINE_MIX } from '../../workload/mix.ts'
import { verify } from '../../workload/verify.ts'
import { createChild, type Child } from '../child.ts'
import { beginVisits } from '../visitors.ts'
import { createWaits, type Waited, type Waits } from '../waits.ts'
import { gatewayBefore, marketplaceAt, type GatewayBefore } from './before.ts'

export type GatewayRunOptions = {
  readonly directory: string
  /** How often one of the copies is killed, is told to end, is replaced as the gateway itself; how often routes change. */
  readonly rounds: number
  /** Seconds that a copy stands still. */
  readonly freeze: number
  readonly concurrency: number
  readonly seed: number
  readonly say: (line: string) => void
}

/** Milliseconds that a request has at the gateway, and of it those that one copy has. */
export const [DEADLINE, ATTEMPT] = [4_000, 600]
const COPIES = 3
/** Callers that only read, one request after the other. */
const READERS = 8

export type Phase = {
  readonly name: string
  readonly times: number
  /** Those that only read. */
  readonly seen: Waited
  /** The same of who buys, whose requests nobody may send twice; where nothing befalls whoever answers them. */
  readonly bought: Waited | undefined
}
export type GatewayRunResult = {
  readonly phases: readonly Phase[]
  readonly transactions: number
  readonly invariants: readonly Invariant[]
  readonly complaints: Readonly<Record<string, number>>
}

const MARKETPLACE = fileURLToPath(new URL('../../main.ts', import.meta.url))
const COPY = fileURLToPath(new URL('./copy.ts', import.meta.url))

/** The marketplace, split, with several HTTP doors, and a gateway before these: what whoever reads notices of what befalls them. */
export async function runGateway(options: GatewayRunOptions): Promise<GatewayRunResult> {
  const { directory, seed, concurrency, say } = options
  const data = join(directory, 'marketplace')
  const steps: (() => Promise<void>)[] = []
  try {
    const market = createChild({
      name: 'The marketplace',
      words: [
        MARKETPLACE,
        '--split',
        '--port',
        '0',
        '--data',
        data,
        '--products',
        '200',
        '--customers',
        '200',
        '--seed',
        `${seed}`,
      ],
      ready: /^ready$/m,
      patience: 180_000,
    })
    steps.push(() => ended(market))
    say(`Marketplace started in ${Math.round(await market.start())} ms`)
    const copies = await Promise.all(Array.from({ length: COPIES }, (_, i) => startCopy(data, i, steps)))
    const said: string[] = []
    const configuration = marketplaceAt(
      copies.map(({ port }) => `127.0.0.1:${port}`),
      { timeout: DEADLINE, attemptTimeout: ATTEMPT, attempts: COPIES },
    )
    const gateway = await gatewayBefore({ directory, configuration, onLine: (line) => void said.push(line) })
    steps.push(() => ended(gateway.child))
    const random = seededRandom(seed)
    const buyers = createWaits()
    const door = buyers.watch(doorClient({ url: gateway.url, connections: concurrency, timeout: 20_000 }))
    steps.push(door.close)
    const driver = await createDriver({
      ...{ door, concurrency, seed, mix: HEADLINE_MIX },
      sessions: {
        ...{ sellers: { kind: 'uniform' }, products: { kind: 'uniform' } },
        ...{ checkoutProbability: 100, voucherProbability: 5, uniqueSeller: false },
      },
      insist: () => random.integer(2) === 0,
    })
    steps.push(driver.stop)
    const over = new AbortController()
    const load = driver.run(3_600, over.signal)
    const phases = await befall({ ...options, copies, gateway, said, driver, buyers, random, configuration }).finally(
      async () => {
        over.abort()
        await load
      },
    )
    const { invariants } = await verify({ door, run: { ledger: driver.ledger, before: driver.population }, seconds: 120 })
    return { phases, transactions: driver.ledger.total(), invariants, complaints: gateway.complaints() }
  } finally {
    for (const step of steps.toReversed()) await step()
  }
}

type Copy = { readonly child: Child; readonly port: number }

async function startCopy(data: string, i: number, steps: (() => Promise<void>)[]): Promise<Copy> {
  const port = await freePort()
  const child = createChild({ name: `Copy ${i + 1}`, words: [COPY, data, String(port)], ready: /^ready$/m })
  steps.push(child.kill)
  await child.start()
  return { child, port }
}

async function ended(child: Child): Promise<void> {
  child.signal('SIGTERM')
  for (let waited = 0; child.running() && waited < 20_000; waited += 20) await sleep(20)
  await child.kill()
}

type Run = GatewayRunOptions & {
  readonly copies: readonly Copy[]
  readonly gateway: GatewayBefore
  readonly said: readonly string[]
  readonly driver: Driver
  readonly buyers: Waits
  readonly random: Random
  readonly configuration: GatewayConfiguration
}

/** One thing after the other, each again and again while all read and buy. */
async function befall(run: Run): Promise<readonly Phase[]> {
  const { copies, freeze, gateway, configuration, random } = run
  const any = (): Child => copies[random.integer(copies.length)]!.child
  const once = { ...run, rounds: 1 }
  return [
    await phase(run, 'kill -9 of a copy', async () => {
      const copy = any()
      await copy.kill()
      await busy(run)
      await copy.start()
    }),
    await phase(once, `SIGSTOP of a copy for ${freeze} s`, async () => {
      const copy = any()
      copy.signal('SIGSTOP')
      try {
        await sleep(freeze * 1000)
      } finally {
        copy.signal('SIGCONT')
      }
    }),
    await phase(run, 'a copy drained and started again', async () => {
      const copy = any()
      await ended(copy)
      await copy.start()
    }),
    await phase(
      run,
      'routes changed',
      async (round) => {
        const more = { prefix: `/more-${round}`, to: 'marketplace' }
        await told(run, /The routes have changed/, () =>
          gateway.write({ ...configuration, routes: { ...configuration.routes, more } }),
        )
      },
      true,
    ),
    // Its port goes to a successor; what is under way there is answered, and whoever is connected gets one more answer.
    await phase(
      run,
      'the gateway itself drained and replaced',
      () => told(run, /Process is replaced/, () => gateway.child.signal('SIGUSR2')),
      true,
    ),
  ]
}

/** @param whole nobody's requests may fail, also of those that buy */
async function phase(run: Run, name: string, work: (round: number) => Promise<void>, whole = false): Promise<Phase> {
  const { driver, buyers, gateway, random, rounds, say } = run
  const paths = driver.population.products.map(({ seller, product }) => `/product/${seller}/${product}`)
  const visits = beginVisits({ url: gateway.url, paths, random, readers: READERS })
  buyers.begin()
  const rest = async (): Promise<void> => {
    for (let round = 1; round <= rounds; round++) {
      await busy(run)
      await work(round)
      await busy(run)
    }
  }
  const went = await rest().then(
    () => undefined,
    (error: unknown) => error,
  )
  const [seen, bought] = [await visits.end(), buyers.end()]
  if (went !== undefined) throw went
  const all = [seen.fresh, seen.slow, seen.busy]
  const sum: Waited = {
    requests: all.reduce((total, { requests }) => total + requests, 0),
    failed: all.reduce((total, { failed }) => total + failed, 0),
    longest: Math.max(...all.map(({ longest }) => longest)),
  }
  say(
    `${name}, ${rounds} times: ${sum.requests} reads, ${sum.failed} failed, the longest took ${sum.longest} ms; of ${bought.requests} who bought ${bought.failed} failed`,
  )
  return { name, times: rounds, seen: sum, bought: whole ? bought : undefined }
}

/** Some transactions more. */
async function busy({ driver: { ledger } }: Run): Promise<void> {
  const before = ledger.total()
  for (let waited = 0; ledger.total() < before + 50; waited += 10) {
    if (waited > 60_000) throw new Error('No transactions end any more')
    await sleep(10)
  }
}

async function told({ said, gateway }: Run, what: RegExp, act: () => void): Promise<void> {
  const { length } = said
  act()
  for (let waited = 0; !said.slice(length).some((line) => what.test(line)); waited += 10) {
    if (waited > 60_000) throw new Error(`The gateway did not say ${what}; the last it said: ${gateway.child.lastWords()}`)
    await sleep(10)
  }
}
