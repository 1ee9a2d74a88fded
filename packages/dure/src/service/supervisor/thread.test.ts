import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { thisProcess } from '../../discovery/internal.ts'
import { joinSupervisor, type ProcessOptions } from './supervisor.ts'
import { supervisors } from './supervised.test-support.ts'

const GRIEF = fileURLToPath(new URL('./thread.test-support.ts', import.meta.url))
const WORKER_HANDLES = ['MessagePort', 'Worker']

function rig(t: TestContext) {
  const own = supervisors(t)
  const thread = (name: string, word: string, more: Partial<ProcessOptions> = {}): ProcessOptions => ({
    ...{ name, program: [GRIEF, word, join(own.directory, word)], thread: true },
    ...more,
  })
  return { ...own, thread }
}

const handles = (): readonly string[] => process.getActiveResourcesInfo().filter((one) => WORKER_HANDLES.includes(one))

test(
  'threads of this process start in order, say what they are, scale, and are gone at the end',
  { timeout: 60_000 },
  async (t) => {
    const { start, thread, lines, directory } = rig(t)
    const before = handles()
    const supervisor = await start([thread('a', 'works'), thread('b', 'works', { copies: 2, overlaps: true })])
    const all = supervisor.processes()
    assert.deepEqual(
      all.map(({ name, pid, restarts }) => ({ name, pid, restarts })),
      ['a', 'b', 'b#2'].map((name) => ({ name, pid: undefined, restarts: 0 })),
    )
    assert.deepEqual(
      supervisor.ready,
      all.map(({ thread }, at) => ({ thread, pid: process.pid, copy: at === 2 ? 2 : 1 })),
    )
    assert.equal(new Set(all.map(({ thread }) => thread)).size, 3)
    await supervisor.replace(['a'])
    assert.notEqual(supervisor.processes()[0]!.thread, all[0]!.thread)
    await supervisor.scale('b', 1)
    assert.ok(lines.includes('b#2 out stopping: asked by its supervisor'), lines.join('\n'))
    await supervisor.stop()
    assert.deepEqual(handles(), before)
    assert.deepEqual(
      readdirSync(directory).filter((name) => name.startsWith('supervisor')),
      ['supervisor.json.lock'],
    )
    assert.equal(joinSupervisor(), undefined)
  },
)

test(
  'a thread that throws, exits or fills its memory is replaced, and nobody else is touched',
  { timeout: 60_000 },
  async (t) => {
    const { start, thread, events, until, directory, lines } = rig(t)
    writeFileSync(join(directory, 'works'), '')
    const supervisor = await start([
      ...[thread('neighbour', 'works'), thread('throws', 'throws'), thread('exits', 'exits')],
      thread('fills', 'fills', { thread: { memory: 32 } }),
    ])
    const [neighbour] = supervisor.processes()
    await until(() => events.filter(({ kind }) => kind === 'back').length === 3)
    const how = Object.fromEntries(events.flatMap((event) => (event.kind === 'ended' ? [[event.name, event.how]] : [])))
    assert.deepEqual(Object.keys(how).toSorted(), ['exits', 'fills', 'throws'])
    assert.equal(how['throws'], 'ended by an error: The moon is in the wrong place')
    assert.equal(how['exits'], 'ended with code 3')
    assert.match(how['fills']!, /^ended by an error: .*memory limit/)
    assert.deepEqual(
      supervisor.processes().map(({ restarts }) => restarts),
      [0, 1, 1, 1],
    )
    assert.equal(supervisor.processes()[0]!.thread, neighbour!.thread)
    assert.ok(lines.some((line) => line.startsWith('throws error') && line.includes('thread.test-support.ts')))
  },
)

test('a thread whose loop is blocked is silent, is terminated and started again', { timeout: 60_000 }, async (t) => {
  const { start, thread, events, until } = rig(t)
  const supervisor = await start([thread('one', 'blocks')], { silence: 1_000 })
  await until(() => events.some(({ kind }) => kind === 'back'))
  assert.deepEqual(
    events.map(({ kind }) => kind),
    ['silent', 'ended', 'back'],
  )
  assert.ok(events.some((event) => event.kind === 'ended' && event.how === 'was terminated'))
  assert.equal(supervisor.processes()[0]!.restarts, 1)
})

test('what a thread has registered goes with it, and what others have stays', { timeout: 60_000 }, async (t) => {
  const { start, thread, events, directory } = rig(t)
  const registry = join(directory, 'registry')
  mkdirSync(registry)
  const note = (service: string, mark: object): void => {
    const entry = { service, id: 'x', version: '1.0.0', status: 'up', endpoints: {}, metadata: {} }
    writeFileSync(join(registry, `${service}@x.json`), JSON.stringify({ ...entry, ...thisProcess(), ...mark }))
  }
  note('main', {})
  note('other', { thread: 999_999 })
  const supervisor = await start([thread('one', 'works')])
  note('one', { thread: supervisor.processes()[0]!.thread })
  await supervisor.replace()
  assert.deepEqual(readdirSync(registry).toSorted(), ['main@x.json', 'other@x.json'])
  assert.ok(!events.some(({ kind }) => kind === 'ended'))
})

test(
  'a thread that cannot start is said with its last words; one with sockets is told that they are not held',
  { timeout: 60_000 },
  async (t) => {
    const { start, thread, events } = rig(t)
    await assert.rejects(start([thread('lost', 'works', { program: ['/nowhere/program.ts'] })]), {
      name: 'SupervisorError',
      message: /^Thread "lost" ended by an error: .*\/nowhere\/program\.ts/s,
    })
    await assert.rejects(start([thread('odd', 'works', { node: ['--max-semi-space-size=8'] })]), {
      name: 'SupervisorError',
      message: /"odd" could not be started: .*--max-semi-space-size/s,
    })
    const address = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const
    await start([thread('door', 'works', { sockets: [{ name: 'http', address }] })])
    assert.deepEqual(events, [{ kind: 'not held', name: 'door', why: 'a thread cannot be handed sockets' }])
  },
)
