/** The process of those who mean well: they call without a pause worth the name, and newcomers come all the time. */
import { setTimeout as sleep } from 'node:timers/promises'
import { clientFactory, createRemoteTransport, socketPeers } from 'dure/call/internal'
import type { Address, Instance, Registry } from 'dure/discovery'
import { realRuntime } from 'dure/runtime'
import { silentLogger } from 'dure/telemetry'
import { Shop } from './shop.ts'

/** What they have met so far; waits in milliseconds. */
export type Served = {
  readonly calls: number
  readonly values: number
  readonly newcomers: number
  readonly errors: number
  readonly longestCall: number
  readonly longestNewcomer: number
  readonly sayings: readonly string[]
}

const CLIENTS = 4
const CALLERS = 4
/** Milliseconds between two calls of one caller. */
const PAUSE = 5
/** Milliseconds that a call may take, and that it waits for a connection. */
const PATIENCE = 30_000
/** Milliseconds between two newcomers. */
const ARRIVALS = 100

const address = JSON.parse(process.argv[2]!) as Address
const [runtime, log] = [realRuntime(), silentLogger()]
const counts = { calls: 0, values: 0, newcomers: 0, errors: 0, longestCall: 0, longestNewcomer: 0 }
const sayings = new Set<string>()
let over = false

const instance: Instance = {
  service: 'shop',
  id: 'one',
  version: '1.0.0',
  status: 'up',
  endpoints: { dure: address },
  metadata: {},
}
const registry: Registry = {
  register: async () => ({ update: async () => {}, stop: async () => {} }),
  instances: () => [instance],
  services: () => ['shop'],
  watch: () => ({ stop: () => {} }),
  freshness: () => ({ fresh: true }),
  stop: async () => {},
}

function connect() {
  // A slow machine shows in the longest wait, and not as a failure.
  const connect = socketPeers({ runtime, log })
  const transport = createRemoteTransport({ registry, connect, runtime, log, policy: { patience: PATIENCE } })
  return { transport, shop: clientFactory({ contract: Shop, transport, runtime })({ service: 'honest' }) }
}

/** Does it, checks it, and answers how long it took. */
async function timed(work: () => Promise<boolean>): Promise<number> {
  const begun = performance.now()
  try {
    if (!(await work())) throw new Error('A wrong answer')
  } catch (error) {
    counts.errors++
    if (sayings.size < 20) sayings.add(String(error).slice(0, 300))
  }
  return performance.now() - begun
}

async function place(shop: ReturnType<typeof connect>['shop'], n: number): Promise<boolean> {
  const lines = [
    { productId: 1, quantity: n, unitPrice: 3 },
    { productId: 2, quantity: 1, unitPrice: 9 },
  ]
  const answer = await shop.place({ orderId: `order-${n}`, lines }, { timeout: PATIENCE })
  return answer.orderId === `order-${n}` && answer.total === n * 3 + 9
}

async function caller({ shop }: ReturnType<typeof connect>): Promise<void> {
  for (let n = 0; !over; n++) {
    const took = await timed(() => place(shop, n))
    counts.calls++
    counts.longestCall = Math.max(counts.longestCall, took)
    await sleep(PAUSE)
  }
}

/** Streams of ten values, one after the other. */
async function reader({ shop }: ReturnType<typeof connect>): Promise<void> {
  while (!over) {
    await timed(async () => {
      let expected = 0
      for await (const value of shop.ticks()) {
        if (value !== expected++) return false
        counts.values++
        if (expected === 10) return true
      }
      return false
    })
    await sleep(ARRIVALS)
  }
}

/** Who has no connection yet, and wants one among all the others. */
async function newcomer(): Promise<void> {
  for (let n = 0; !over; n++) {
    const { transport, shop } = connect()
    counts.longestNewcomer = Math.max(counts.longestNewcomer, await timed(() => place(shop, n)))
    counts.newcomers++
    await transport.stop()
    await sleep(ARRIVALS)
  }
}

const clients = Array.from({ length: CLIENTS }, connect)
const work = [
  ...clients.flatMap((client) => [...Array.from({ length: CALLERS }, () => caller(client)), reader(client)]),
  newcomer(),
]

process.on('message', async (message) => {
  if (message === 'stop') {
    over = true
    // A call that would never end is an error of its own: its deadline.
    await Promise.all(work)
  }
  process.send!({ ...counts, sayings: [...sayings] } satisfies Served)
})
process.on('disconnect', () => process.exit())
process.send!('ready')
