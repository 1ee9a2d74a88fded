import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { markOf } from 'dure/discovery/internal'
import { askListing } from './control/control.ts'
import { dure as here, SOURCES, temporary } from './shell.test-support.ts'

const BIN = join(SOURCES, '../bin/dure.js')
const SHOP = join(SOURCES, 'shop.test-support.ts')
const children: ChildProcess[] = []
after(() => {
  for (const child of children) child.kill('SIGKILL')
})

type Line = { readonly message: string; readonly process?: string; readonly processes?: readonly Process[] }
type Process = { readonly name: string; readonly pid: number; readonly thread?: number }

function dure(...args: readonly string[]) {
  const child = spawn(process.execPath, [BIN, ...args])
  children.push(child)
  let [out, err] = ['', '']
  let wake = (): void => {}
  child.stdout.on('data', (chunk) => ((out += String(chunk)), wake()))
  child.stderr.on('data', (chunk) => ((err += String(chunk)), wake()))
  const exit = once(child, 'close').then(([code]) => (wake(), code as number | null))
  const lines = (): readonly Line[] =>
    err
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Line)
  const until = async (found: () => boolean): Promise<void> => {
    while (!found()) {
      assert.ok(child.exitCode === null && child.signalCode === null, `It ended:\n${out}${err}`)
      await new Promise<void>((resolve) => void (wake = resolve))
    }
  }
  const said = (message: string): (() => boolean) => {
    return () => lines().some((line) => line.message === message)
  }
  return { child, exit, lines, until, said, out: () => out, err: () => err }
}

async function find(data: string, id: number): Promise<unknown> {
  const call = dure('call', 'orders.find', `{"id":${id}}`, '--data', data)
  assert.equal(await call.exit, 0, call.err())
  return (JSON.parse(call.out()) as { id: number }).id
}

test(
  'start --split: a process each, one answer; who is killed comes back; all are replaced; all end',
  { timeout: 120_000 },
  async () => {
    const data = temporary()
    const running = dure('start', SHOP, '--split', '--data', data)
    await running.until(running.said('Ready'))
    const { processes } = running.lines().find(({ message }) => message === 'Ready')!
    assert.deepEqual(
      processes!.map(({ name }) => name),
      ['broker', 'orders', 'stock', 'doors'],
    )
    assert.equal(await find(data, 7), 7)

    process.kill(processes![1]!.pid, 'SIGKILL')
    assert.equal(await find(data, 8), 8)
    await running.until(running.said('Process is back'))

    // The control socket belongs to the supervisor: whoever asks meanwhile waits, and is answered.
    const replaced = running.said('Every process has been replaced')
    const seen = new Set<number | undefined>()
    const asking = (async () => {
      while (!replaced()) seen.add((await askListing(data)).pid)
    })()
    running.child.kill('SIGUSR2')
    await Promise.all([asking, running.until(replaced)])
    assert.ok(seen.size >= 2 && seen.has(processes!.find(({ name }) => name === 'doors')!.pid), [...seen].join())
    assert.ok(processes!.every(({ pid }) => markOf(pid) === undefined))
    assert.equal(await find(data, 9), 9)

    running.child.kill('SIGTERM')
    assert.equal(await running.exit, 0, running.err())
    assert.equal(running.lines().at(-1)?.message, 'Stopped')
  },
)

test('start --split: without its supervisor nobody stays, and a second start goes on', { timeout: 120_000 }, async () => {
  const data = temporary()
  const first = dure('start', SHOP, '--split', '--data', data)
  await first.until(first.said('Ready'))
  const { processes } = first.lines().find(({ message }) => message === 'Ready')!
  const twice = dure('start', SHOP, '--split', '--data', data)
  assert.equal(await twice.exit, 1)
  assert.match(twice.err(), new RegExp(`process ${first.child.pid} runs the system on it already`))
  first.child.kill('SIGKILL')
  await first.exit
  const second = dure('start', SHOP, '--split', '--data', data)
  await second.until(second.said('Ready'))
  assert.ok(processes!.every(({ pid }) => markOf(pid) === undefined))
  assert.equal(await find(data, 7), 7)
  second.child.kill('SIGTERM')
  assert.equal(await second.exit, 0)
})

test('copies: as many as --replicas says, then as dure scale says; what cannot be is said', { timeout: 120_000 }, async () => {
  const data = temporary()
  const running = dure('start', SHOP, '--split', '--replicas', 'orders=2', '--data', data)
  await running.until(running.said('Ready'))
  const scale = async (...words: readonly string[]) => {
    const asked = dure('scale', ...words, '--data', data)
    return { code: await asked.exit, out: asked.out(), err: asked.err() }
  }
  const names = ({ out }: { readonly out: string }): unknown => (JSON.parse(out) as readonly Process[]).map(({ name }) => name)
  assert.deepEqual(names(await scale('--json')), ['broker', 'orders', 'orders#2', 'stock', 'doors'])
  assert.deepEqual(names(await scale('orders=3,stock=2', '--json')), [
    ...['broker', 'orders', 'orders#2', 'orders#3', 'stock', 'stock#2', 'doors'],
  ])
  const instances = dure('instances', '--data', data, '--json')
  assert.equal(await instances.exit, 0, instances.err())
  const listed = (JSON.parse(instances.out()) as { readonly instances: readonly { readonly service: string }[] }).instances
  assert.equal(listed.filter(({ service }) => service === 'orders').length, 3)
  assert.equal(await find(data, 7), 7)
  const restart = async (...words: readonly string[]) => {
    const asked = dure('restart', ...words, '--data', data, '--json')
    return { code: await asked.exit, out: asked.out(), err: asked.err() }
  }
  const pids = ({ out }: { readonly out: string }): readonly unknown[] =>
    (JSON.parse(out) as readonly Process[]).map(({ pid }) => pid)
  const before = pids(await scale('--json'))
  const after = pids(await restart('orders#2'))
  assert.deepEqual(
    after.map((pid, at) => pid !== before[at]),
    [false, false, true, false, false, false, false],
  )
  assert.match((await restart('orders#9')).err, /Cannot replace "orders#9": there is no such process; there are broker, orders, /)
  const fewer = await scale('orders=1')
  assert.match(fewer.out, /^PROCESS +PID +RESTARTS\nbroker +\d+ +0\norders +\d+ +0\nstock /)
  assert.equal(await find(data, 8), 8)

  const doors = await scale('doors=2')
  assert.equal(doors.code, 1)
  assert.match(doors.err, /Cannot scale "doors" to 2: it runs the doors, of which there is one/)
  assert.match(
    (await scale('ghost=2')).err,
    /Cannot scale "ghost": there is no such process; there are broker, orders, stock, doors/,
  )
  assert.equal((await scale('orders=0')).code, 2)
  running.child.kill('SIGTERM')
  assert.equal(await running.exit, 0, running.err())
  const gone = await scale('orders=2')
  assert.equal(gone.code, 1)
  assert.match(gone.err, /Nothing runs on|no supervisor runs there/)
})

test('start of parts: each by a command of its own, found by the others', { timeout: 120_000 }, async () => {
  const data = temporary()
  const orders = dure('start', SHOP, 'orders', '--data', data)
  const rest = dure('start', SHOP, 'broker', 'stock', 'doors', '--data', data)
  await Promise.all([orders.until(orders.said('Ready')), rest.until(rest.said('Ready'))])
  assert.equal(await find(data, 7), 7)
  orders.child.kill('SIGTERM')
  assert.equal(await orders.exit, 0)
  rest.child.kill('SIGTERM')
  assert.equal(await rest.exit, 0)
})

test('what cannot be split or started is said', { timeout: 120_000 }, async () => {
  const cases: [readonly string[], number, RegExp][] = [
    [
      ['start', SHOP, 'ordres'],
      1,
      /Cannot start a part of system "shop": There is no "ordres"; there are orders, stock, broker, doors/,
    ],
    [['start', SHOP, 'orders', '--split'], 2, /--split runs all services; leave out their names/],
    [['start', SHOP, '--replicas', 'orders=2'], 2, /--replicas goes with --split or --threads; add one/],
    [['start', SHOP, '--split', '--replicas', 'orders=x'], 2, /is not SERVICE=COPIES/],
    [['start', 'missing.ts', '--split'], 2, /Cannot find the system file/],
  ]
  for (const [args, code, expected] of cases) {
    const ended = dure(...args, '--data', temporary())
    assert.equal(await ended.exit, code, ended.err())
    assert.match(ended.err(), expected)
  }
})

test(
  'start --threads: a thread each in one process, one answer; who is replaced is another thread; all end',
  { timeout: 120_000 },
  async () => {
    const data = temporary()
    const running = dure('start', SHOP, '--threads', '--data', data)
    await running.until(running.said('Ready'))
    const { processes } = running.lines().find(({ message }) => message === 'Ready')!
    assert.deepEqual(
      processes!.map(({ name, pid, thread }) => [name, pid, typeof thread]),
      ['broker', 'orders', 'stock'].map((name) => [name, undefined, 'number']),
    )
    assert.equal(await find(data, 7), 7)
    const listed = dure('instances', '--data', data, '--json')
    assert.equal(await listed.exit, 0, listed.err())
    const { instances } = JSON.parse(listed.out()) as { instances: { service: string; metadata: { thread?: string } }[] }
    const threadOf = (name: string): string => String(processes!.find((one) => one.name === name)!.thread)
    assert.deepEqual(
      instances.map(({ service, metadata }) => [service, metadata.thread]),
      ['broker', 'orders', 'stock'].map((name) => [name === 'broker' ? 'dure-broker' : name, threadOf(name)]),
    )
    const again = dure('restart', 'orders', '--data', data)
    assert.equal(await again.exit, 0, again.err())
    assert.match(again.out(), /^orders +thread \d+ +0$/m)
    assert.ok(!new RegExp(`^orders +thread ${threadOf('orders')} `, 'm').test(again.out()))
    assert.equal(await find(data, 8), 8)
    running.child.kill('SIGTERM')
    assert.equal(await running.exit, 0, running.err())
    assert.equal(running.lines().at(-1)?.message, 'Stopped')
    const both = dure('start', SHOP, '--threads', '--split', '--data', data)
    assert.equal(await both.exit, 2)
    assert.match(both.err(), /Cannot use --split and --threads at once/)
  },
)

test(
  'place: who is where, a report, a move in and out, refusals; after a kill it is where its placement says',
  { timeout: 240_000 },
  async () => {
    const data = temporary()
    const running = dure('start', SHOP, '--split', '--data', data)
    await running.until(running.said('Ready'))
    const place = (...words: readonly string[]) => here(['place', ...words, '--data', data])
    const shown = await place()
    assert.match(
      shown.out,
      /^PROCESS +PID +RUNS\nbroker +\d+ +broker\norders +\d+ +orders\nstock +\d+ +stock\ndoors +\d+ +doors\n$/,
    )
    const report = await place('orders', 'in', 'stock', '--report', '--seconds', '1')
    assert.match(report.out, /^"orders" from "orders" to "orders\+stock"\n\n {2}Hand-over: nobody waits/)
    assert.match(report.out, /Predicted\n {2}latency .*\n {2}processor .*\n {2}memory +-\d+ MB\n$/)
    let measured: Awaited<ReturnType<typeof place>> | undefined
    const measuring = place('orders', 'in', 'stock', '--report', '--seconds', '1', '--json').then((made) => (measured = made))
    while (measured === undefined) assert.equal((await here(['call', 'orders.find', '{"id":7}', '--data', data])).code, 0)
    const { before } = JSON.parse((await measuring).out)
    assert.deepEqual(
      before.calls.map(({ caller, callee }: { caller: string; callee: string }) => `${caller} → ${callee}`),
      ['doors → orders'],
    )

    const refused: [readonly string[], number, RegExp][] = [
      [['orders', 'out', '--yes'], 1, /Cannot move "orders" out: It runs in a process of its own already/],
      [['ordres', 'out', '--yes'], 1, /Cannot move "ordres" out: There is no service of that name; there are orders, stock/],
      [['broker', 'in', 'stock', '--yes'], 1, /The broker of a system stays in the process where its "placement" has it/],
      [['orders', 'in', 'doors', '--yes'], 1, /No process that takes services runs "doors"/],
      [['orders', 'in', '--yes'], 1, /Name a service that it is to run beside: one of broker, stock/],
      [['orders'], 2, /Cannot move "orders": say where, "in" or "out"/],
      [['orders', 'up'], 2, /"up" is neither "in" nor "out"/],
      [['orders', 'in', 'stock', '--seconds', '0'], 2, /nobody can be asked here whether that is meant; add --yes/],
    ]
    for (const [words, code, expected] of refused) {
      const { err, code: ended } = await place(...words)
      assert.match(err, expected)
      assert.equal(ended, code, err)
    }

    const joined = await place('orders', 'in', 'stock', '--yes', '--seconds', '1', '--json')
    assert.equal(joined.code, 0, joined.err)
    const { moved, change, processes } = JSON.parse(joined.out)
    assert.deepEqual([moved.from, moved.to, moved.away], ['orders', 'orders+stock', 0])
    assert.ok(change.memory < 0, joined.out)
    assert.deepEqual(
      processes.map(({ name }: Process) => name),
      ['broker', 'orders+stock', 'doors'],
    )
    assert.equal(await find(data, 7), 7)
    // The supervisor is killed while a service moves: the next start has it where its placement says.
    const moving = place('orders', 'out', '--yes', '--seconds', '0')
    await running.until(
      () => running.lines().filter(({ message }) => message === 'Service has moved to another process').length === 2,
    )
    running.child.kill('SIGKILL')
    await moving
    const next = dure('start', SHOP, '--split', '--data', data)
    await next.until(next.said('Ready'))
    assert.equal(await find(data, 9), 9)
    assert.match((await place()).out, /\norders +\d+ +orders\nstock /)
    next.child.kill('SIGTERM')
    assert.equal(await next.exit, 0)
  },
)
