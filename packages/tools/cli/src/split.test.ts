import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { markOf } from 'dure/discovery/internal'
import { askListing } from './control/control.ts'
import { dure, SOURCES, temporary } from './shell.test-support.ts'
import { spawned, type Spawned } from './spawned.test-support.ts'

const SHOP = join(SOURCES, 'shop.test-support.ts')
const patient = { timeout: 600_000 }

type Line = { readonly message: string; readonly processes?: readonly Process[] }
type Process = { readonly name: string; readonly pid: number; readonly thread?: number }

const linesOf = ({ err }: Spawned): readonly Line[] =>
  err()
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line)
const said = (running: Spawned, message: string): number => linesOf(running).filter((line) => line.message === message).length
const processesOf = (running: Spawned): readonly Process[] =>
  linesOf(running).find(({ message }) => message === 'Ready')!.processes!
const namesIn = (json: string): readonly string[] => (JSON.parse(json) as readonly Process[]).map(({ name }) => name)

/** Starts the shop on this directory in processes of its own. */
async function start(data: string, ...words: readonly string[]): Promise<Spawned> {
  const running = spawned(['start', SHOP, ...words, '--data', data])
  await running.until(/"message":"Ready"/)
  return running
}

async function end(running: Spawned): Promise<void> {
  running.child.kill('SIGTERM')
  assert.equal(await running.exit, 0, running.err())
  assert.equal(linesOf(running).at(-1)?.message, 'Stopped')
}

/** Commands on this directory, from this process. */
function asking(data: string) {
  const ask = (...words: readonly string[]) => dure([...words, '--data', data])
  const find = async (id: number): Promise<void> => {
    const { code, out, err } = await ask('call', 'orders.find', `{"id":${id}}`)
    assert.equal(code, 0, err)
    assert.equal((JSON.parse(out) as { id: number }).id, id)
  }
  /** Each is refused with this exit code, and says this. */
  const refuses = async (cases: readonly (readonly [words: readonly string[], code: number, why: RegExp])[]): Promise<void> => {
    for (const [words, code, why] of cases) {
      const { code: ended, err } = await ask(...words)
      assert.match(err, why)
      assert.equal(ended, code, err)
    }
  }
  return { ask, find, refuses }
}

// One system for all that is asked of processes: starting them is what takes the time.
test('start --split: a process each, in as many copies as are said', patient, async (t) => {
  const data = temporary()
  const running = await start(data, '--split', '--replicas', 'orders=2')
  await t.test('one answer, and who is killed comes back', () => killed(data, running))
  await t.test('copies: as many as dure scale says; one is replaced; what cannot be is said', () => scaled(data))
  await t.test('place: who is where, a report, a move in, refusals', () => placed(data))
  await t.test('plan: what a larger load needs, out of what is measured', () => planned(data))
  await t.test('all are replaced, and whoever asks meanwhile is answered', () => replaced(data, running))
  await t.test('without its supervisor nobody stays, and a second start goes on where its placement says', () =>
    orphaned(data, running),
  )
})

async function killed(data: string, running: Spawned): Promise<void> {
  const { find, refuses } = asking(data)
  const processes = processesOf(running)
  assert.deepEqual(
    processes.map(({ name }) => name),
    ['broker', 'orders', 'orders#2', 'stock', 'doors'],
  )
  await find(7)
  process.kill(processes[3]!.pid, 'SIGKILL')
  await running.until(/"message":"Process is back"/)
  await find(8)
  await refuses([
    [['start', SHOP, '--split'], 1, new RegExp(`process ${running.child.pid} runs the system on it already`)],
    [['start', SHOP, '--threads', '--split'], 2, /Cannot use --split and --threads at once/],
  ])
}

async function scaled(data: string): Promise<void> {
  const { ask, find, refuses } = asking(data)
  assert.deepEqual(namesIn((await ask('scale', 'orders=3,stock=2', '--json')).out), [
    ...['broker', 'orders', 'orders#2', 'orders#3', 'stock', 'stock#2', 'doors'],
  ])
  const { instances } = JSON.parse((await ask('instances', '--json')).out) as { instances: readonly { service: string }[] }
  assert.equal(instances.filter(({ service }) => service === 'orders').length, 3)
  await find(7)
  const pids = (json: string): readonly number[] => (JSON.parse(json) as readonly Process[]).map(({ pid }) => pid)
  const before = pids((await ask('scale', '--json')).out)
  const after = pids((await ask('restart', 'orders#2', '--json')).out)
  assert.deepEqual(
    after.map((pid, at) => pid !== before[at]),
    [false, false, true, false, false, false, false],
  )
  const fewer = await ask('scale', 'orders=1,stock=1')
  assert.match(fewer.out, /^PROCESS +PID +RESTARTS\nbroker +\d+ +0\norders +\d+ +0\nstock +\d+ +1\ndoors /)
  await find(8)
  await refuses([
    [['restart', 'orders#9'], 1, /Cannot replace "orders#9": there is no such process; there are broker, orders, /],
    [['scale', 'doors=2'], 1, /Cannot scale "doors" to 2: it runs the doors, of which there is one/],
    [['scale', 'ghost=2'], 1, /Cannot scale "ghost": there is no such process; there are broker, orders, stock, doors/],
    [['scale', 'orders=0'], 2, /orders=0/],
  ])
}

async function placed(data: string): Promise<void> {
  const { ask, find, refuses } = asking(data)
  const place = (...words: readonly string[]) => ask('place', ...words)
  assert.match(
    (await place()).out,
    /^PROCESS +PID +RUNS\nbroker +\d+ +broker\norders +\d+ +orders\nstock +\d+ +stock\ndoors +\d+ +doors\n$/,
  )
  const report = await place('orders', 'in', 'stock', '--report', '--seconds', '1')
  assert.match(report.out, /^"orders" from "orders" to "orders\+stock"\n\n {2}Hand-over: nobody waits/)
  assert.match(report.out, /Predicted\n {2}latency .*\n {2}processor .*\n {2}memory +-\d+ MB\n$/)
  let measured = false
  const measuring = place('orders', 'in', 'stock', '--report', '--seconds', '1', '--json').finally(() => (measured = true))
  while (!measured) await find(7)
  const { before } = JSON.parse((await measuring).out)
  assert.deepEqual(
    before.calls.map(({ caller, callee }: { caller: string; callee: string }) => `${caller} → ${callee}`),
    ['doors → orders'],
  )
  await refuses([
    [['place', 'orders', 'out', '--yes'], 1, /Cannot move "orders" out: It runs in a process of its own already/],
    [
      ['place', 'ordres', 'out', '--yes'],
      1,
      /Cannot move "ordres" out: There is no service of that name; there are orders, stock/,
    ],
    [['place', 'broker', 'in', 'stock', '--yes'], 1, /The broker of a system stays in the process where its "placement" has it/],
    [['place', 'orders', 'in', 'doors', '--yes'], 1, /No process that takes services runs "doors"/],
    [['place', 'orders', 'in', '--yes'], 1, /Name a service that it is to run beside: one of broker, stock/],
    [['place', 'orders'], 2, /Cannot move "orders": say where, "in" or "out"/],
    [['place', 'orders', 'up'], 2, /"up" is neither "in" nor "out"/],
    [['place', 'orders', 'in', 'stock', '--seconds', '0'], 2, /nobody can be asked here whether that is meant; add --yes/],
  ])
  const joined = await place('orders', 'in', 'stock', '--yes', '--seconds', '1', '--json')
  assert.equal(joined.code, 0, joined.err)
  const { moved, change, processes } = JSON.parse(joined.out)
  assert.deepEqual([moved.from, moved.to, moved.away], ['orders', 'orders+stock', 0])
  assert.ok(change.memory < 0, joined.out)
  assert.deepEqual(namesIn(JSON.stringify(processes)), ['broker', 'orders+stock', 'doors'])
  await find(7)
}

async function planned(data: string): Promise<void> {
  const { ask, find, refuses } = asking(data)
  const file = join(data, 'measured.json')
  await refuses([
    [['plan', '--seconds', '1'], 1, /Cannot plan: no call came in at a door of this system in 1 s; have it used/],
    [['plan', '--load', 'many'], 2, /"many" is no load: give 1000x, 200\/s, or SERVICE\.OPERATION=200\/s/],
    [['plan', '--measured', file], 1, /Cannot plan from .*measured\.json: there is no such file/],
    [['plan', '--measured', file, '--seconds', '3'], 2, /Cannot measure and plan from "--measured" at once/],
  ])
  let measured = false
  const measuring = ask('plan', '--seconds', '1', '--save', file).finally(() => (measured = true))
  while (!measured) await find(7)
  assert.equal((await measuring).code, 0, (await measuring).err)
  const plan = await ask('plan', '--measured', file, '--load', '1000x')
  assert.match(plan.out, /calls a second at the doors, 1,000 times what was measured/)
  assert.match(plan.out, /\norders\.find +[\d.]+ (?:µs|ms) /)
  const { processes, total } = JSON.parse((await ask('plan', '--measured', file, '--load', 'orders.find=900000/s', '--json')).out)
  assert.deepEqual(namesIn(JSON.stringify(processes)), ['broker', 'orders+stock', 'doors', 'supervisor'])
  assert.ok(total.copies > 4 && total.processors > 1)
  assert.match((await ask('plan', '--measured', file, '--beside', file)).out, /PROCESSORS +PREDICTED +MEASURED +OFF BY\nall /)
  await refuses([[['plan', '--measured', file, '--load', 'orders.gone=1/s'], 1, /"orders\.gone".* there were orders\.find/s]])
}

async function replaced(data: string, running: Spawned): Promise<void> {
  // The control socket belongs to the supervisor: whoever asks meanwhile waits, and is answered.
  const done = (): boolean => said(running, 'Every process has been replaced') > 0
  const before = JSON.parse((await asking(data).ask('scale', '--json')).out) as readonly Process[]
  const seen = new Set<number | undefined>()
  const listing = (async () => {
    while (!done()) seen.add((await askListing(data)).pid)
  })()
  running.child.kill('SIGUSR2')
  await Promise.all([listing, running.until(/"message":"Every process has been replaced"/)])
  assert.ok(seen.size >= 2 && seen.has(before.find(({ name }) => name === 'doors')!.pid), [...seen].join())
  assert.ok(before.every(({ pid }) => markOf(pid) === undefined))
  await asking(data).find(9)
}

async function orphaned(data: string, running: Spawned): Promise<void> {
  const { ask, find } = asking(data)
  const before = JSON.parse((await ask('scale', '--json')).out) as readonly Process[]
  // It is killed while a service moves: the next start has it where its placement says.
  const moving = ask('place', 'orders', 'out', '--yes', '--seconds', '0')
  await running.until(/(?:"message":"Service has moved to another process"[^]*){2}/)
  running.child.kill('SIGKILL')
  await Promise.all([moving, running.exit])
  const next = await start(data, '--split')
  assert.ok(before.every(({ pid }) => markOf(pid) === undefined))
  await find(9)
  assert.match((await ask('place')).out, /\norders +\d+ +orders\nstock /)
  await end(next)
  const gone = await ask('scale', 'orders=2')
  assert.equal(gone.code, 1)
  assert.match(gone.err, /Nothing runs on|no supervisor runs there/)
}

test('start of parts: each by a command of its own, found by the others', patient, async () => {
  const data = temporary()
  const parts = await Promise.all([start(data, 'orders'), start(data, 'broker', 'stock', 'doors')])
  await asking(data).find(7)
  for (const part of parts) await end(part)
})

test('what cannot be split or started is said', patient, async () => {
  await asking(temporary()).refuses([
    [
      ['start', SHOP, 'ordres'],
      1,
      /Cannot start a part of system "shop": There is no "ordres"; there are orders, stock, broker, doors/,
    ],
    [['start', SHOP, 'orders', '--split'], 2, /--split runs all services; leave out their names/],
    [['start', SHOP, '--replicas', 'orders=2'], 2, /--replicas goes with --split or --threads; add one/],
    [['start', SHOP, '--split', '--replicas', 'orders=x'], 2, /is not SERVICE=COPIES/],
    [['start', 'missing.ts', '--split'], 2, /Cannot find the system file/],
  ])
})

test('start --threads: a thread each in one process, one answer; who is replaced is another thread', patient, async () => {
  const data = temporary()
  const { ask, find } = asking(data)
  const running = await start(data, '--threads')
  const processes = processesOf(running)
  assert.deepEqual(
    processes.map(({ name, pid, thread }) => [name, pid, typeof thread]),
    ['broker', 'orders', 'stock'].map((name) => [name, undefined, 'number']),
  )
  await find(7)
  const { instances } = JSON.parse((await ask('instances', '--json')).out) as {
    instances: { service: string; metadata: { thread?: string } }[]
  }
  const threadOf = (name: string): string => String(processes.find((one) => one.name === name)!.thread)
  assert.deepEqual(
    instances.map(({ service, metadata }) => [service, metadata.thread]),
    ['broker', 'orders', 'stock'].map((name) => [name === 'broker' ? 'dure-broker' : name, threadOf(name)]),
  )
  const again = await ask('restart', 'orders')
  assert.match(again.out, /^orders +thread \d+ +0$/m)
  assert.ok(!new RegExp(`^orders +thread ${threadOf('orders')} `, 'm').test(again.out))
  await find(8)
  await end(running)
})
