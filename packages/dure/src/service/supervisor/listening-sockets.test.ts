import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import net, { connect, createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Address } from '../../discovery/discovery.ts'
import { markOf } from '../../discovery/internal.ts'
import { realRuntime } from '../../runtime/runtime.ts'
import { supervise, type ProcessEvent, type Supervisor } from './supervisor.ts'

const PROGRAM = fileURLToPath(new URL('./door.test-support.ts', import.meta.url))
const ANYWHERE: Address = { kind: 'tcp', host: '127.0.0.1', port: 0 }

function rig(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'dure-held-'))
  const file = join(directory, 'go')
  writeFileSync(file, '')
  const lines: string[] = []
  const events: ProcessEvent[] = []
  let wake = (): void => {}
  const note =
    <T>(list: T[]) =>
    (one: T): void => {
      list.push(one)
      wake()
    }
  const running: Supervisor[] = []
  t.after(async () => {
    writeFileSync(file, '')
    for (const one of running) await one.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const start = async (address: Address, ...more: readonly Address[]): Promise<Supervisor> => {
    const supervisor = await supervise({
      directory,
      processes: [
        {
          name: 'doors',
          program: [PROGRAM, file],
          node: ['--conditions=dure-source'],
          sockets: [{ name: 'door', address }, ...more.map((address) => ({ name: 'more', address }))],
          overlaps: true,
        },
      ],
      runtime: realRuntime(),
      onLine: ({ text }) => note(lines)(text),
      onEvent: note(events),
      backoff: { first: 5, max: 20 },
    })
    running.push(supervisor)
    return supervisor
  }
  const until = async (condition: () => boolean): Promise<void> => {
    while (!condition()) await new Promise<void>((resolve) => void (wake = resolve))
  }
  return { directory, file, lines, events, start, until }
}

type Caller = { readonly connected: Promise<unknown>; readonly answer: Promise<number> }

/** Rejects when the connection is refused or reset. */
function call(to: { readonly port: number } | { readonly path: string }): Caller {
  const socket = connect({ host: '127.0.0.1', ...to })
  let text = ''
  socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  const answer = once(socket, 'close').then(() => Number(text))
  answer.catch(() => {})
  return { connected: once(socket, 'connect'), answer }
}

const pidOf = (supervisor: Supervisor): number => supervisor.processes()[0]!.pid!

test('a killed process keeps nobody out: who comes meanwhile waits for the next one', { timeout: 60_000 }, async (t) => {
  const { start, file, lines, until } = rig(t)
  const supervisor = await start(ANYWHERE)
  const port = supervisor.ready[0] as number
  const before = pidOf(supervisor)
  assert.equal(await call({ port }).answer, before)

  rmSync(file)
  process.kill(before, 'SIGKILL')
  await until(() => lines.includes('waiting'))
  assert.equal(markOf(before), undefined)
  // Nobody takes connections now, and still they are made.
  const callers = Array.from({ length: 20 }, () => call({ port }))
  await Promise.all(callers.map(({ connected }) => connected))
  writeFileSync(file, '')
  const after = new Set(await Promise.all(callers.map(({ answer }) => answer)))
  assert.deepEqual([...after], [pidOf(supervisor)])
  assert.notEqual(pidOf(supervisor), before)
})

test('replaced again and again while connections come without pause: each has its answer', { timeout: 60_000 }, async (t) => {
  const { start, events, lines } = rig(t)
  const supervisor = await start(ANYWHERE)
  const port = supervisor.ready[0] as number
  let over = false
  const seen = new Set<number>()
  const visitor = async (): Promise<void> => {
    while (!over) seen.add(await call({ port }).answer)
  }
  const visitors = Array.from({ length: 8 }, visitor)
  for (let i = 0; i < 3; i++) await Promise.race([supervisor.replace(), ...visitors])
  over = true
  await Promise.all(visitors)
  assert.equal(seen.has(0), false, 'a connection ended without an answer')
  assert.ok(seen.has(pidOf(supervisor)))
  assert.deepEqual(
    events.map(({ kind }) => kind),
    ['replaced', 'replaced', 'replaced'],
  )
  assert.deepEqual(
    lines.filter((line) => line.startsWith('stopping')),
    Array.from({ length: 3 }, () => 'stopping {"everything":false,"replaced":true}'),
  )
})

test('a path is held as well, for its owner alone, and goes with the supervisor', { timeout: 60_000 }, async (t) => {
  const { start, directory } = rig(t)
  const path = join(directory, 'door.sock')
  writeFileSync(path, 'left behind')
  const supervisor = await start({ kind: 'unix', path })
  assert.equal(statSync(path).mode & 0o777, 0o600)
  const before = await call({ path }).answer
  await supervisor.replace()
  assert.equal(await call({ path }).answer, pidOf(supervisor))
  assert.notEqual(pidOf(supervisor), before)
  await supervisor.stop()
  assert.ok(!existsSync(path))
})

test('an address that is taken is said so, and nothing is left behind', { timeout: 60_000 }, async (t) => {
  const { start, directory } = rig(t)
  const [tcp, unix] = [createServer(), createServer()]
  t.after(() => [tcp.close(), unix.close()])
  const path = join(directory, 'taken.sock')
  await Promise.all([once(tcp.listen(0, '127.0.0.1'), 'listening'), once(unix.listen(path), 'listening')])
  const { port } = tcp.address() as AddressInfo
  const refusals: [Address, RegExp][] = [
    [{ ...ANYWHERE, port }, new RegExp(`Cannot listen on 127.0.0.1:${port}: the port is in use; choose another with --port`)],
    [{ ...ANYWHERE, host: '192.0.2.1' }, /Cannot listen on 192.0.2.1:0: this machine has no such address/],
    [{ kind: 'unix', path }, /Cannot listen on ".*taken.sock": another process does already/],
    [{ kind: 'unix', path: join(directory, 'no', 'folder.sock') }, /Cannot listen on ".*folder.sock": /],
  ]
  for (const [address, message] of refusals) await assert.rejects(start(address), { name: 'SupervisorError', message })
  assert.ok(!existsSync(join(directory, 'supervisor.json')))
  assert.ok(existsSync(path), 'what another process listens on is not taken away')
})

test('datagrams are not held, and that is said; connections of the same door wait as ever', { timeout: 60_000 }, async (t) => {
  const { start, events } = rig(t)
  const supervisor = await start(ANYWHERE, { kind: 'udp', host: '127.0.0.1', port: 9 })
  assert.deepEqual(events, [
    {
      ...{ kind: 'not held', name: 'doors' },
      why: 'the datagrams of 127.0.0.1:9 cannot wait for a process: those sent while it is replaced are lost',
    },
  ])
  assert.equal(await call({ port: supervisor.ready[0] as number }).answer, pidOf(supervisor))
})

test('where sockets cannot be held that is said, and the old process leaves first', { timeout: 60_000 }, async (t) => {
  const { start, events, lines } = rig(t)
  t.mock.property(net, 'BoundSocket', undefined)
  const supervisor = await start(ANYWHERE)
  const [told] = events
  assert.ok(told?.kind === 'not held' && told.name === 'doors' && /it takes Node 26.4 or later/.test(told.why))
  assert.equal(await call({ port: supervisor.ready[0] as number }).answer, pidOf(supervisor))
  await supervisor.replace()
  assert.deepEqual(lines, ['working', 'stopping {"everything":false,"replaced":true}', 'working'])
})

test('one that falls over while its successor is on the way leaves exactly one behind', { timeout: 60_000 }, async (t) => {
  const { start, file, lines, until } = rig(t)
  const supervisor = await start(ANYWHERE)
  const port = supervisor.ready[0] as number
  const waiting = (): number => lines.filter((line) => line === 'waiting').length
  rmSync(file)
  const replacing = supervisor.replace()
  await until(() => waiting() === 1)
  process.kill(pidOf(supervisor), 'SIGKILL')
  // The successor, and one more that was started because the old one fell.
  await until(() => waiting() === 2)
  writeFileSync(file, '')
  await replacing
  assert.equal(await call({ port }).answer, pidOf(supervisor))
  await supervisor.stop()
  // Whoever stayed would still be listening.
  await assert.rejects(call({ port }).connected, { code: 'ECONNREFUSED' })
})
