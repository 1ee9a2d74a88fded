/**
 * `npm run peers -- hosts`: the system of this folder, each service on a host of its own with its own network stack, seen by `ip` and
 * `ss`; one host is cut off and comes back, one is killed. Needs Linux, root, iproute2, openssl, curl, and `npm run servers`.
 */
import { spawnSync, type ChildProcess } from 'node:child_process'
import { copyFileSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { certificates } from './certificates.ts'
import { makeHosts, type Host } from './namespaces.ts'

const DURE = join(fileURLToPath(import.meta.resolve('@dure/cli')), '../../bin/dure.js')
const SYSTEM = fileURLToPath(new URL('./system.ts', import.meta.url))
const SERVICES = ['stock', 'orders', 'mail'] as const
/** Milliseconds in which an operation of the shop answers, or says that it cannot, at most. */
const DEADLINE = 2_000

let well = true
function check(what: string, ok: boolean, seen: unknown): void {
  console.log(`${ok ? '✔' : '✖'} ${what}: ${typeof seen === 'string' ? seen : JSON.stringify(seen)}`)
  well &&= ok
}

async function until(condition: () => boolean, what: string, patience = 60_000): Promise<number> {
  const began = performance.now()
  while (!condition()) {
    if (performance.now() - began > patience) throw new Error(`Waited ${patience} ms in vain: ${what}`)
    await sleep(50)
  }
  return Math.round(performance.now() - began)
}

type Answer = { readonly status: number; readonly body: string; readonly ms: number }

/** A client on the host with the doors. */
function client(web: Host): (method: string, path: string, body?: object) => Answer {
  return (method, path, body) => {
    const sent = body === undefined ? [] : ['-H', 'content-type: application/json', '-d', JSON.stringify(body)]
    const words = ['-s', '-m', '20', '-w', '\n%{http_code} %{time_total}', '-X', method, ...sent, `http://127.0.0.1:8080${path}`]
    try {
      const said = web.run('curl', ...words)
      const end = said.lastIndexOf('\n')
      const [status, seconds] = said
        .slice(end + 1)
        .split(' ')
        .map(Number)
      return { status: status!, body: said.slice(0, end), ms: Math.round(seconds! * 1000) }
    } catch {
      return { status: 0, body: '', ms: 0 }
    }
  }
}

/** The processes that `ss` names, of those which are connected in this way. */
const pidsIn = (text: string): readonly number[] => [...text.matchAll(/pid=(\d+)/g)].map(([, pid]) => Number(pid))

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'dure-hosts-'))
  const [natsServer] = globSync(join(process.env['DURE_SERVERS'] ?? join(homedir(), '.cache/dure/servers'), 'nats-*/nats-server'))
  if (natsServer === undefined) throw new Error('There is no NATS here: run "npm run servers" first')
  const { hosts, remove } = makeHosts(`dure${process.pid}`, ['middle', 'web', ...SERVICES])
  const { middle, web, stock, orders, mail } = hosts as Record<'middle' | 'web' | (typeof SERVICES)[number], Host>
  try {
    const certificateOf = certificates(
      folder,
      [web, stock, orders, mail].map(({ address }) => address),
    )
    const registry = `http://${middle.address}:8761/eureka`
    const dure = (...words: readonly string[]): readonly string[] => [
      process.execPath,
      '--conditions=dure-source',
      DURE,
      ...words,
    ]
    const logOf = (name: string): string => join(folder, `${name}.log`)
    const configuration = {
      ...{ host: middle.address, port: 4222, server_name: 'middle', max_payload: 4 * 1024 * 1024 },
      jetstream: { store_dir: join(folder, 'nats'), sync_interval: 'always' },
    }
    writeFileSync(join(folder, 'nats.conf'), JSON.stringify(configuration))
    middle.start([natsServer, '--config', join(folder, 'nats.conf')], { log: logOf('nats') })
    middle.start(dure('registry', 'start', '--host', middle.address, '--data', join(folder, 'registry')), {
      log: logOf('registry'),
    })
    const env = { NATS_URL: `nats://${middle.address}:4222` }
    const begin = (host: Host, part: string): ChildProcess =>
      host.start(
        dure(
          ...['start', SYSTEM, part, '--data', join(folder, host.name), '--registry', registry],
          ...[...['--tls', certificateOf(host.address)], ...(part === 'doors' ? [] : ['--listen', host.address])],
        ),
        { log: logOf(host.name), env },
      )
    const running = new Map([stock, orders, mail].map((host) => [host.name, begin(host, host.name)]))
    running.set('web', begin(web, 'doors'))
    const ask = client(web)
    let sent = 0
    const place = (): Answer => ask('PUT', `/orders/o${++sent}`, { pieces: 1 })
    const count = (path: string): number => Number(Object.values(JSON.parse(ask('GET', path).body || '{}') as object)[0] ?? -1)

    await until(() => place().status === 200, 'an order is taken', 120_000)
    check('calls go from host to host', count('/orders') > 0 && count('/stock') < 1_000_000, {
      orders: count('/orders'),
      stock: count('/stock'),
    })
    const heard = await until(() => count('/mail') === count('/orders'), 'the mail hears of all orders')
    check('events go from host to host', true, `${count('/mail')} letters after ${heard} ms`)

    const own = Object.values(hosts).map((host) =>
      host.run('ip', '-br', '-4', 'addr', 'show', 'scope', 'global').trim().split(/\s+/).at(-1),
    )
    check('each host has one address, which no other has (ip)', new Set(own).size === own.length, own.join(' '))
    const pids = [...running.values()].map(({ pid }) => pid!)
    const unix = Object.values(hosts)
      .flatMap(({ run }) => pidsIn(run('ss', '-Hxp', 'state', 'connected')))
      .filter((pid) => pids.includes(pid))
    check('no process of it is connected by a Unix socket (ss -x)', unix.length === 0, `${unix.length} of ${pids.length}`)
    const sockets = SERVICES.map((name) => existsSync(join(folder, name, 'sockets')))
    check('none made one for calls', !sockets.includes(true), sockets.length)
    const listening = /(\S+:\d+)\s+\S+\s+users:\(\("[^"]*",pid=(\d+)/.exec(stock.run('ss', '-Hltnp'))
    const address = listening?.[1] ?? ''
    check('the stock takes calls at its address (ss -lt)', address.startsWith(`${stock.address}:`), address)
    const connected = orders.run('ss', '-Htn', 'state', 'established', 'dst', stock.address).trim().split(/\s+/)
    check('the orders are connected with it (ss -t)', connected.includes(address), connected.slice(2, 4).join(' -> '))
    const handshake = (words: readonly string[]): string => {
      try {
        return orders.run('timeout', '5', 'openssl', 's_client', '-connect', address, '-brief', ...words)
      } catch (error) {
        return String((error as { stderr?: unknown }).stderr)
      }
    }
    const stranger = handshake([])
    check(
      'who shows no certificate is turned away (openssl)',
      /alert.*certificate required/.test(stranger),
      /alert [^\n:]*|$/.exec(stranger)![0],
    )

    check('a unit for systemd is understood (systemd-analyze)', ...verified(folder))

    await cutOff({ host: stock, ask, place, count })
    await late({ host: mail, place, count })
    await killed({
      host: stock,
      child: running.get('stock')!,
      again: () => begin(stock, 'stock'),
      middle,
      registry,
      ask,
      place,
      count,
      dure,
    })
    check('nothing was lost or doubled', count('/mail') === count('/orders'), {
      orders: count('/orders'),
      letters: count('/mail'),
    })
  } catch (error) {
    check('the run', false, (error as Error).message)
    for (const name of ['registry', 'web', ...SERVICES])
      console.log(`${name}:\n${readFileSync(join(folder, `${name}.log`), 'utf8').slice(-1_500)}`)
  } finally {
    await remove()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The unit as that of one service, which is how systemd reads it. */
function verified(folder: string): readonly [ok: boolean, seen: string] {
  const unit = join(folder, 'dure@orders.service')
  copyFileSync(new URL('./dure@.service', import.meta.url), unit)
  const { status, error, stderr } = spawnSync('systemd-analyze', ['verify', unit], { encoding: 'utf8' })
  if (error !== undefined) return [false, `not run: ${error.message}`]
  return [status === 0, status === 0 ? 'nothing to say' : stderr]
}

type Cut = {
  readonly host: Host
  readonly place: () => Answer
  readonly count: (path: string) => number
}

/** The host of the stock hears and says nothing any more, and then does. */
async function cutOff({ host, ask, place, count }: Cut & { readonly ask: ReturnType<typeof client> }): Promise<void> {
  host.plug('down')
  const answers: Answer[] = []
  for (const until = performance.now() + 8_000; performance.now() < until;) answers.push(place())
  const [failed, longest] = [answers.filter(({ status }) => status !== 200).length, Math.max(...answers.map(({ ms }) => ms))]
  check(
    'a host is cut off: calls fail within their deadline',
    failed === answers.length && longest < DEADLINE + 500,
    `${failed} of ${answers.length}, the longest took ${longest} ms`,
  )
  const quick = answers.filter(({ ms }) => ms < 200).length
  check('  and at once while the breaker is open', quick > 0, `${quick} of them within 200 ms`)
  check('  others go on', ask('GET', '/mail').status === 200 && count('/orders') > 0, `${ask('GET', '/mail').ms} ms`)
  host.plug('up')
  const back = await until(() => place().status === 200, 'the stock is called again')
  check('  its cable is back: it is called again', true, `after ${back} ms`)
}

/** Who listens to events hears, when its cable is back, of what has happened. */
async function late({ host, place, count }: Cut): Promise<void> {
  host.plug('down')
  const taken = Array.from({ length: 10 }, place).filter(({ status }) => status === 200).length
  host.plug('up')
  const ms = await until(() => count('/mail') === count('/orders'), 'the mail hears of what has happened')
  check('a host that listens is cut off: it hears of it when it is back', taken === 10, `${taken} orders, after ${ms} ms`)
}

/** The host of the stock dies, and starts again with the data that it has. */
async function killed(
  given: Cut & {
    readonly child: ChildProcess
    readonly again: () => ChildProcess
    readonly middle: Host
    readonly registry: string
    readonly ask: ReturnType<typeof client>
    readonly dure: (...words: readonly string[]) => readonly string[]
  },
): Promise<void> {
  const { host, child, again, middle, registry, ask, place, count, dure } = given
  const before = count('/stock')
  // Without a last word: no packet tells others that it is gone.
  host.plug('down')
  child.kill('SIGKILL')
  const known = (): boolean => middle.run(...dure('registry', 'list', '--registry', registry)).includes('stock')
  const gone = await until(() => !known(), 'the registry forgets it')
  const { status, ms } = place()
  check('a host dies: the registry forgets it', gone < 10_000, `after ${gone} ms`)
  check('  calls say so', status === 503 || status === 504, `${status} in ${ms} ms`)
  host.plug('up')
  again()
  await until(() => ask('GET', '/stock').status === 200, 'the stock is back')
  check('  it is back with what it had', count('/stock') <= before, { before, after: count('/stock') })
  await until(() => count('/mail') === count('/orders'), 'the mail hears of all orders')
}

await main()
process.exitCode = well ? 0 : 1
