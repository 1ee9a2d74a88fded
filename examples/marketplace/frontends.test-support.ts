/** The marketplace with what is made for its own clients, whose shipments can be stopped, frozen and slow; also as a process of its own. */
import { createHash } from 'node:crypto'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer, connect, type AddressInfo } from 'node:net'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { AccessEntry } from '@dure/gateway'
import { rest } from '@dure/rest'
import { CallError } from 'dure/contract'
import { sqlite } from 'dure/data'
import { keepAlive } from 'dure/runtime'
import { start, type Door, type Running, type Service, type System } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { Agent, fetch } from 'undici'
import { frontendContracts, frontendDoors, frontends } from './frontends.ts'
import { Cart } from './services/cart/contract.ts'
import { Customer } from './services/customer/contract.ts'
import { Product } from './services/product/contract.ts'
import { Seller } from './services/seller/contract.ts'
import { Stock } from './services/stock/contract.ts'
import { ADDRESS, fakeProvider, itemOf } from './shop.test-support.ts'
import { marketplace } from './system.ts'

/** `slow`: longer than a telephone waits, and not as long as a browser. */
export type Mood = 'well' | 'slow' | 'frozen' | 'stopped'

const SLOW = 1_200
/** Whose shipments are asked for. */
export const CUSTOMER = 7

function shopOf(moods: Readonly<Record<string, () => Mood>>, doors: readonly Door[]): System {
  const whole = marketplace({ provider: fakeProvider(), frontends, doors, database: sqlite({ durability: 'process' }) })
  const moody = (one: Service): Service => {
    const mood = moods[one.contract.name]
    return mood === undefined ? one : { ...one, handlers: inMood(one.handlers, mood) }
  }
  return { ...whole, services: whole.services.map(moody) }
}

/** The same handlers, as a service answers that is in such a state. */
function inMood(handlers: Service['handlers'], mood: () => Mood): Service['handlers'] {
  const answer = async (handler: Service['handlers'][string], input: unknown, context: never): Promise<unknown> => {
    const now = mood()
    if (now === 'stopped') throw new CallError('UNAVAILABLE', 'The service is stopping')
    if (now === 'frozen') return new Promise(() => {})
    if (now === 'slow') await sleep(SLOW)
    return handler!(input, context)
  }
  const changed = Object.entries(handlers).map(([name, handler]) => [
    name,
    (input: unknown, context: never) => answer(handler, input, context),
  ])
  return Object.fromEntries(changed) as Service['handlers']
}

export type FrontShop = {
  readonly running: Running
  readonly directory: string
  /** Of the REST door, of the door of each frontend alone, and of the gateway. */
  readonly urls: { readonly rest: string; readonly web: string; readonly mobile: string; readonly gateway: string }
  /** How shipments are from now on. */
  readonly become: (mood: Mood) => Promise<void>
  readonly lines: readonly AccessEntry[]
}

export const KEYS = { 'web-app': 'key-of-web', 'mobile-app': 'key-of-mobile' } as const

/** Runs the shop: all together, or shipments in a process of their own. */
export async function frontShop(
  t: TestContext,
  placement: 'together' | 'split',
  moods: Readonly<Record<string, () => Mood>> = {},
): Promise<FrontShop> {
  const directory = mkdtempSync(join(tmpdir(), 'marketplace-frontends-'))
  const steps: (() => unknown)[] = [() => rmSync(directory, { recursive: true, force: true, maxRetries: 20 })]
  t.after(async () => {
    for (const step of steps.toReversed()) await step()
  })
  const keys = join(directory, 'keys.json')
  const digest = (key: string): string => createHash('sha256').update(key).digest('hex')
  writeFileSync(keys, JSON.stringify(Object.fromEntries(Object.entries(KEYS).map(([name, key]) => [name, [digest(key)]]))))
  const lines: AccessEntry[] = []
  const accessLog = (text: string): void => {
    for (const line of text.trim().split('\n')) lines.push(JSON.parse(line) as AccessEntry)
  }
  const doors = [rest({ port: 0, contracts: { except: frontendContracts } }), ...frontendDoors({ port: 0, keys, accessLog })]
  let mood: Mood = 'well'
  const system = shopOf(placement === 'together' ? { shipment: () => mood, ...moods } : moods, doors)
  const others = system.services.map(({ contract }) => contract.name).filter((name) => name !== 'shipment')
  const part = placement === 'together' ? {} : { part: ['broker', ...others, 'doors'] }
  const child = placement === 'together' ? undefined : startShipments(directory)
  if (child !== undefined) steps.push(() => end(child))
  const running = await start(system, { directory, log: silentLogger(), shutdownTimeout: 3_000, ...part })
  steps.push(() => running.stop())
  if (child !== undefined) await once(child, 'message')
  const [restUrl, web, mobile, gateway] = running.doors.map(({ url }) => url!)
  return {
    ...{ running, directory, lines },
    urls: { rest: restUrl!, web: web!, mobile: mobile!, gateway: gateway! },
    become: async (next) => {
      if (child === undefined) mood = next
      else await become(child, mood, next)
      mood = next
    },
  }
}

async function become(child: ChildProcess, before: Mood, next: Mood): Promise<void> {
  if (before === 'frozen') child.kill('SIGCONT')
  if (next === 'frozen') return void child.kill('SIGSTOP')
  if (next === 'stopped') return end(child, 'SIGTERM')
  child.send(next)
  await once(child, 'message')
}

async function end(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill(signal)
  await once(child, 'exit')
}

function startShipments(directory: string): ChildProcess {
  const program = fileURLToPath(import.meta.url)
  return spawn(process.execPath, ['--conditions=dure-source', program, directory], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
}

/** Seven orders of one customer, of which the oldest is delivered, and a cart. */
export async function trade({ running }: Pick<FrontShop, 'running'>): Promise<void> {
  const { firstName, lastName } = ADDRESS
  await running.client(Customer).put({ customerId: CUSTOMER, firstName, lastName, data: 'x'.repeat(100) })
  await running.client(Seller).put({ sellerId: 1, name: 'Ida', companyName: 'Ida and Sons' })
  const ids = [1, 2, 3]
  await running.client(Product).addAll({
    items: ids.map((id) => ({ sellerId: 1, productId: id, name: `Thing ${id}`, price: 10 + id, freightValue: 1 })),
  })
  await running.client(Stock).putAll({ items: ids.map((id) => ({ sellerId: 1, productId: id, qtyAvailable: 100 })) })
  await quiet(running)
  const cart = running.client(Cart)
  for (let order = 1; order <= 7; order++) {
    for (const id of ids) await cart.add({ customerId: CUSTOMER, ...itemOf(id) })
    await cart.checkout({ customerId: CUSTOMER, ...ADDRESS, paymentType: 'BOLETO', instanceId: `t${order}` })
    await quiet(running)
  }
  await cart.add({ customerId: CUSTOMER, ...itemOf(1, { quantity: 2, voucher: 1 }) })
}

async function quiet(running: Running): Promise<void> {
  while (!(await running.status()).quiet) await sleep(5)
}

/** Names below `localhost` lead to this machine, as browsers have it. */
const dispatcher = new Agent({
  connect: { lookup: (_host, _options, done) => done(null, [{ address: '127.0.0.1', family: 4 }]) },
})

/** Asks as the clients of the shop do: by name of their host, with their key. */
export const asked = (url: string, host: string, path: string, headers: Readonly<Record<string, string>> = {}) =>
  fetch(`http://${host}.localhost:${new URL(url).port}${path}`, {
    dispatcher,
    headers: { 'x-api-key': host === 'web' ? KEYS['web-app'] : KEYS['mobile-app'], ...headers },
  })

export async function until(is: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await is())) await sleep(10)
}

/** Counts what a client sends and gets, by bytes on its connections, between it and a server. */
export async function tapped(t: TestContext, url: string) {
  const counted = { sent: 0, got: 0 }
  const { hostname, port } = new URL(url)
  const tap = createServer((client) => {
    const server = connect(Number(port), hostname)
    client.on('data', (bytes) => void (counted.sent += bytes.length)).pipe(server)
    server.on('data', (bytes) => void (counted.got += bytes.length)).pipe(client)
    client.on('error', () => server.destroy()).on('close', () => server.destroy())
    server.on('error', () => client.destroy()).on('close', () => client.destroy())
  }).listen(0, '127.0.0.1')
  await once(tap, 'listening')
  t.after(() => void tap.close())
  return { url: `http://127.0.0.1:${(tap.address() as AddressInfo).port}`, counted }
}

const [directory] = process.argv.slice(2)
if (import.meta.main && directory !== undefined) {
  keepAlive()
  let mood: Mood = 'well'
  process.on('message', (next: Mood) => {
    mood = next
    process.send!('so')
  })
  process.on('disconnect', () => process.exit())
  const running = await start(shopOf({ shipment: () => mood }, []), {
    ...{ directory, part: ['shipment'], log: silentLogger(), shutdownTimeout: 3_000 },
  })
  process.on('SIGTERM', () => void running.stop().then(() => process.exit()))
  process.send!('up')
}
