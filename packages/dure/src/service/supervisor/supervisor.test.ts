import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { markOf } from '../../discovery/internal.ts'
import { type ProcessOptions, type Supervisor } from './supervisor.ts'
import { supervisors } from './supervised.test-support.ts'

const PROGRAM = fileURLToPath(new URL('./program.test-support.ts', import.meta.url))
const HOST = fileURLToPath(new URL('./host.test-support.ts', import.meta.url))
const NODE = ['--conditions=dure-source']

function rig(t: TestContext) {
  const own = supervisors(t)
  const program = (name: string, word: string, more: Partial<ProcessOptions> = {}): ProcessOptions => ({
    name,
    program: [PROGRAM, word, join(own.directory, `${name}.reason`)],
    node: NODE,
    ...more,
  })
  return { ...own, program }
}

const pidOf = (supervisor: Supervisor, name: string): number => supervisor.processes().find((one) => one.name === name)!.pid!

test('starts in order, tells what they say, stops last first', { timeout: 60_000 }, async (t) => {
  const { start, program, lines, directory, until } = rig(t)
  const supervisor = await start([program('a', 'works'), program('b', 'works')])
  await until(() => lines.length === 2)
  assert.deepEqual(supervisor.ready, [{ pid: pidOf(supervisor, 'a') }, { pid: pidOf(supervisor, 'b') }])
  await supervisor.stop()
  assert.deepEqual(
    [...lines.slice(0, 2).toSorted(), ...lines.slice(2)].map((line) => line.replace(/\d+/, 'PID')),
    [
      ...['a out working PID', 'b out working PID'],
      ...['b out stopping: asked by its supervisor', 'a out stopping: asked by its supervisor'],
    ],
  )
  assert.ok(!existsSync(join(directory, 'supervisor.json')))
})

test('whoever falls over is started again, and only it', { timeout: 60_000 }, async (t) => {
  const { start, program, events, until } = rig(t)
  const supervisor = await start([program('a', 'works'), program('b', 'works')])
  const [a, b] = [pidOf(supervisor, 'a'), pidOf(supervisor, 'b')]
  process.kill(b, 'SIGKILL')
  await until(() => events.some(({ kind }) => kind === 'back'))
  assert.equal(pidOf(supervisor, 'a'), a)
  assert.notEqual(pidOf(supervisor, 'b'), b)
  const [ended] = events
  assert.ok(ended?.kind === 'ended' && ended.name === 'b' && ended.how === 'was killed by SIGKILL' && ended.again <= 5)
  assert.deepEqual(
    supervisor.processes().map(({ restarts }) => restarts),
    [0, 1],
  )
})

test('who fails again and again waits longer and longer, and comes back when it can', { timeout: 60_000 }, async (t) => {
  const { start, program, events, until, directory } = rig(t)
  writeFileSync(join(directory, 'a.reason'), '')
  const supervisor = await start([program('a', 'fails once')])
  rmSync(join(directory, 'a.reason'))
  process.kill(pidOf(supervisor, 'a'), 'SIGKILL')
  await until(() => events.some(({ kind }) => kind === 'back'))
  const pauses = events.flatMap((event) => (event.kind === 'ended' ? [event.again] : []))
  assert.equal(pauses.length, 2)
  assert.ok(pauses[0]! <= 5 && pauses[1]! >= 5 && pauses[1]! <= 10, pauses.join())
})

test('what cannot start is said with its last words, and nobody is left behind', { timeout: 60_000 }, async (t) => {
  const { start, program, lines, directory } = rig(t)
  await assert.rejects(start([program('a', 'works'), program('b', 'fails')]), {
    name: 'SupervisorError',
    message: /Process "b" ended with code 1; the last it said: .*Cannot start: the moon/s,
  })
  assert.ok(lines.includes('a out stopping: asked by its supervisor'))
  assert.ok(!existsSync(join(directory, 'supervisor.json')))
})

test('replaced one after the other: who may overlap is there before the old one leaves', { timeout: 60_000 }, async (t) => {
  const { start, program, lines, events, until } = rig(t)
  const supervisor = await start([program('a', 'works'), program('b', 'works', { overlaps: true })])
  // What a process says comes by another way than that it is ready.
  await until(() => lines.length === 2)
  const before = supervisor.processes().map(({ pid }) => pid)
  lines.length = 0
  await supervisor.replace()
  const after = supervisor.processes().map(({ pid }) => pid)
  assert.ok(before.every((pid) => !after.includes(pid)))
  assert.deepEqual(
    lines.map((line) => line.replace(/\d+/, 'PID')),
    [
      ...['a out stopping: another takes its place', 'a out working PID'],
      ...['b out working PID', 'b out stopping: another takes its place'],
    ],
  )
  assert.deepEqual(
    events.map(({ kind, name }) => `${name} ${kind}`),
    ['a replaced', 'b replaced'],
  )
})

test('who does not stop in time is killed', { timeout: 60_000 }, async (t) => {
  const { start, program } = rig(t)
  const supervisor = await start([program('a', 'hangs')], { shutdownTimeout: 50 })
  const pid = pidOf(supervisor, 'a')
  await supervisor.stop()
  assert.equal(markOf(pid), undefined)
})

test('who shows no sign of life is killed and started again', { timeout: 60_000 }, async (t) => {
  const { start, program, events, until } = rig(t)
  const supervisor = await start([program('a', 'works')], { silence: 1_000 })
  process.kill(pidOf(supervisor, 'a'), 'SIGSTOP')
  await until(() => events.some(({ kind }) => kind === 'back'))
  assert.deepEqual(
    events.map(({ kind }) => kind),
    ['silent', 'ended', 'back'],
  )
})

test(
  'a killed supervisor takes its processes along, and a second one waits until they are gone',
  { timeout: 60_000 },
  async (t) => {
    const { start, program, directory } = rig(t)
    const host = spawn(process.execPath, [...NODE, HOST, directory], { stdio: ['ignore', 'pipe', 'inherit'] })
    t.after(() => host.kill('SIGKILL'))
    const [text] = (await once(host.stdout, 'data')) as [Buffer]
    const pids = JSON.parse(String(text)) as number[]
    await assert.rejects(start([program('c', 'works')]), new RegExp(`process ${host.pid} runs the system on it already`))
    assert.ok(pids.every((pid) => markOf(pid) !== undefined))

    process.kill(pids[0]!, 'SIGSTOP')
    host.kill('SIGKILL')
    await once(host, 'exit')
    // One of them is frozen, and cannot hear that it is alone.
    const supervisor = await start([program('c', 'works')], { shutdownTimeout: 2_000 })
    assert.ok(pids.every((pid) => markOf(pid) === undefined))
    assert.equal(readFileSync(join(directory, 'b.reason'), 'utf8'), 'its supervisor is gone')
    await supervisor.stop()
  },
)

test('a pid file that was cut short keeps nobody out', { timeout: 60_000 }, async (t) => {
  const { start, program, directory } = rig(t)
  writeFileSync(join(directory, 'supervisor.json'), '{"supervisor":{"pid":')
  await (await start([program('a', 'works')])).stop()
})

test('a start that is given up leaves nobody behind', { timeout: 60_000 }, async (t) => {
  const { start, program, lines, until, directory } = rig(t)
  const given = new AbortController()
  const starting = start([program('a', 'works'), program('b', 'waits'), program('c', 'works')], {
    signal: given.signal,
    shutdownTimeout: 5_000,
  })
  const refused = assert.rejects(starting, { name: 'SupervisorError', message: 'The start was given up' })
  await until(() => lines.some((line) => line.startsWith('b out waiting')))
  given.abort()
  await refused
  // It was loaded, and never told to begin.
  assert.ok(!lines.some((line) => line.startsWith('c ')))
  assert.ok(lines.includes('a out stopping: asked by its supervisor'))
  assert.ok(!existsSync(join(directory, 'supervisor.json')))
})

test('a process is added while others run, is kept running like them, and is removed again', { timeout: 60_000 }, async (t) => {
  const { start, program, lines, events, until, directory } = rig(t)
  const supervisor = await start([program('a', 'works')])
  const a = pidOf(supervisor, 'a')
  assert.deepEqual(await supervisor.add(program('b', 'works')), { pid: pidOf(supervisor, 'b') })
  assert.deepEqual(
    supervisor.processes().map(({ name }) => name),
    ['a', 'b'],
  )
  const noted = JSON.parse(readFileSync(join(directory, 'supervisor.json'), 'utf8')) as { processes: { pid: number }[] }
  assert.deepEqual(
    noted.processes.map(({ pid }) => pid),
    [a, pidOf(supervisor, 'b')],
  )
  process.kill(pidOf(supervisor, 'b'), 'SIGKILL')
  await until(() => events.some(({ kind }) => kind === 'back'))
  await supervisor.replace()
  const b = pidOf(supervisor, 'b')
  await Promise.all([supervisor.remove('b'), supervisor.remove('b')])
  assert.equal(markOf(b), undefined)
  assert.ok(lines.includes('b out stopping: asked by its supervisor'), lines.join('\n'))
  assert.deepEqual(
    supervisor.processes().map(({ name }) => name),
    ['a'],
  )
  // Its name is free again.
  await supervisor.add(program('b', 'works'))
  assert.notEqual(pidOf(supervisor, 'b'), b)
})

test(
  'copies: each a process of its own, more and fewer, replaced all or one, restarted alone',
  { timeout: 60_000 },
  async (t) => {
    const { start, program, lines, events, until } = rig(t)
    const supervisor = await start([
      program('a', 'works', { copies: 2, overlaps: true }),
      program('b', 'works', { onlyOne: 'it owns something' }),
    ])
    const names = (): readonly string[] => supervisor.processes().map(({ name }) => name)
    assert.deepEqual(names(), ['a', 'a#2', 'b'])
    const first = pidOf(supervisor, 'a')
    await supervisor.scale('a', 4)
    assert.deepEqual(names(), ['a', 'a#2', 'a#3', 'a#4', 'b'])
    process.kill(pidOf(supervisor, 'a#3'), 'SIGKILL')
    await until(() => events.some(({ kind }) => kind === 'back'))
    assert.deepEqual(
      supervisor.processes().map(({ restarts }) => restarts),
      [0, 0, 1, 0, 0],
    )
    events.length = 0
    await supervisor.replace(['a#2'])
    await supervisor.replace(['b', 'a#1'])
    await assert.rejects(supervisor.replace(['a', 'a#5']), {
      message: 'Cannot replace "a#5": there is no such process; there are a, a#2, a#3, a#4, b',
    })
    assert.deepEqual(
      events.map(({ kind, name }) => `${name} ${kind}`),
      ['a#2 replaced', 'a replaced', 'b replaced'],
    )
    events.length = 0
    await supervisor.replace(['a'])
    assert.deepEqual(
      events.map(({ name }) => name),
      ['a', 'a#2', 'a#3', 'a#4'],
    )
    assert.notEqual(pidOf(supervisor, 'a'), first)
    // One after the other: the last to ask is the one whose number stays.
    const gone = pidOf(supervisor, 'a#4')
    await Promise.all([supervisor.scale('a', 1), supervisor.scale('a', 3), supervisor.scale('a', 2)])
    assert.deepEqual(names(), ['a', 'a#2', 'b'])
    assert.equal(markOf(gone), undefined)
    assert.ok(lines.includes('a#4 out stopping: asked by its supervisor'), lines.join('\n'))

    await assert.rejects(supervisor.scale('b', 2), { message: 'Cannot scale "b" to 2: it owns something' })
    await assert.rejects(supervisor.scale('c', 2), { message: 'Cannot scale "c": there is no such process; there are a, b' })
    for (const copies of [0, 65, 1.5]) await assert.rejects(supervisor.scale('a', copies), TypeError)
    await supervisor.remove('a')
    assert.deepEqual(names(), ['b'])
  },
)

test('what cannot be added or removed is said, and leaves the others as they were', { timeout: 60_000 }, async (t) => {
  const { start, program } = rig(t)
  const supervisor = await start([program('a', 'works')])
  const a = pidOf(supervisor, 'a')
  await assert.rejects(supervisor.add(program('b', 'fails')), {
    name: 'SupervisorError',
    message: /ended with code 1.*the moon/s,
  })
  await assert.rejects(supervisor.add(program('a', 'works')), {
    name: 'SupervisorError',
    message: 'Cannot start "a": a process of that name runs already; choose another',
  })
  await assert.rejects(supervisor.remove('b'), {
    name: 'SupervisorError',
    message: 'Cannot remove "b": there is no such process; there are a',
  })
  assert.deepEqual(supervisor.processes(), [{ name: 'a', pid: a, restarts: 0 }])
  const stopping = supervisor.stop()
  await assert.rejects(supervisor.add(program('c', 'works')), { name: 'SupervisorError', message: /being stopped/ })
  await stopping
})

test('a process that is removed while it starts is gone, and its adding fails', { timeout: 60_000 }, async (t) => {
  const { start, program, lines, until } = rig(t)
  const supervisor = await start([])
  const adding = supervisor.add(program('b', 'waits'))
  const refused = assert.rejects(adding, { name: 'SupervisorError', message: /Process "b" ended/ })
  await until(() => lines.includes('b out waiting'))
  const pid = pidOf(supervisor, 'b')
  await supervisor.remove('b')
  await refused
  assert.equal(markOf(pid), undefined)
  assert.deepEqual(supervisor.processes(), [])
})
