import assert from 'node:assert/strict'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { supervised } from './supervised-system.test-support.ts'
import { until } from '../rig.test-support.ts'
import { Bell, shop, Till, TROUBLE, type Trouble } from './placed.test-support.ts'
import type { SupervisorOptions } from '../supervisor/supervisor.ts'

async function rig(t: TestContext, more: Partial<SupervisorOptions> = {}) {
  const running = await supervised(t, { make: shop, program: new URL('./placed.test-support.ts', import.meta.url), more })
  const { supervisor, caller, directory, placed } = running
  const file = join(directory, TROUBLE)
  const pidOf = (name: string): number | undefined => supervisor.processes().find((one) => one.name === name)?.pid
  return {
    ...running,
    pidOf,
    names: () => supervisor.processes().map(({ name }) => name),
    out: () => placed.place({ service: 'till', where: 'out' }),
    into: () => placed.place({ service: 'till', where: 'in' }),
    trouble: (what: Trouble) => writeFileSync(file, what),
    noTrouble: () => rmSync(file),
    /** Calls from beside the till and from another process, all along. */
    load: () => {
      const rung: string[] = []
      let over = false
      const lanes = Promise.all(
        Array.from({ length: 8 }, async (_, lane) => {
          for (let n = 0; !over; n++) {
            const id = `${lane}-${n}`
            await (lane % 2 === 0 ? caller.client(Bell).ring(id) : caller.client(Till).add(id))
            rung.push(id)
          }
        }),
      )
      const more = async (times: number): Promise<void> => {
        const before = rung.length
        await Promise.race([until(() => rung.length >= before + times), lanes])
      }
      /** Nobody was refused, and nothing of it is lost. */
      const end = async (): Promise<void> => {
        await more(20)
        over = true
        await lanes
        assert.equal(await caller.client(Till).count(), rung.length)
      }
      return { more, end }
    },
  }
}

test('out of the shared process and back under load: no call fails, nothing is lost', { timeout: 240_000 }, async (t) => {
  const { out, into, names, load, caller, pidOf, placed, supervisor, events } = await rig(t)
  const shared = pidOf('broker+till+bell')
  const calls = load()
  for (let round = 0; round < 2; round++) {
    const { from, to, away } = await out()
    assert.deepEqual([from, to, away > 0], ['broker+till+bell', 'till', true])
    assert.deepEqual(names(), ['broker+bell', 'till'])
    assert.equal(await caller.client(Bell).ring('0-0'), pidOf('till'))
    await calls.more(20)
    assert.equal((await into()).to, 'broker+till+bell')
    assert.deepEqual(names(), ['broker+till+bell'])
    await calls.more(20)
  }
  assert.equal(pidOf('broker+till+bell'), shared, 'its neighbours have not been started again')
  // Without a store it is there before it leaves: nobody waits.
  assert.equal((await placed.place({ service: 'bell', where: 'out' })).away, 0)
  assert.deepEqual(names(), ['broker+till', 'bell'])
  await calls.more(20)
  // Whoever takes the place of a process runs what that ran.
  await supervisor.replace()
  assert.equal(await caller.client(Bell).ring('0-0'), pidOf('broker+till'))
  assert.equal(await caller.client(Bell).pid(), pidOf('bell'))
  await calls.end()
  assert.equal(events.filter(({ kind }) => kind === 'moved').length, 5)
  assert.deepEqual(
    events.filter(({ kind }) => kind === 'ended'),
    [],
  )
})

test('a newcomer that cannot start, freezes or is killed: the service goes on where it was', { timeout: 240_000 }, async (t) => {
  const { out, names, load, trouble, noTrouble, pidOf, caller } = await rig(t, { handover: 4_000 })
  const shared = pidOf('broker+till+bell')
  const calls = load()
  const fails = async (what: Trouble, why: RegExp, meanwhile = async () => {}): Promise<void> => {
    trouble(what)
    const moving = assert.rejects(out(), { name: 'SupervisorError', message: why })
    await meanwhile()
    await moving
    assert.deepEqual(names(), ['broker+till+bell'])
    assert.equal(pidOf('broker+till+bell'), shared)
    await calls.more(20)
  }
  await fails('not loaded', /Cannot move "till": .*The moon is in the wrong place.*it is where it was/s)
  await fails('not ready', /Cannot move "till": .*The till is jammed.*it is where it was/s)
  // It stands still as soon as it may begin, when nobody has the till.
  await fails('frozen', /Cannot move "till": .*was killed by SIGKILL.*it is where it was/s)
  await fails('frozen', /was killed by SIGKILL/, async () => {
    await until(() => pidOf('till') !== undefined)
    await until(() => isStopped(pidOf('till')!))
    process.kill(pidOf('till')!, 'SIGKILL')
  })
  noTrouble()
  await out()
  assert.equal(await caller.client(Bell).ring('0-0'), pidOf('till'))
  await calls.end()
})

test('who gives it is killed on the way: the newcomer has it, and its neighbours come back', { timeout: 120_000 }, async (t) => {
  const { out, names, caller, pidOf, back } = await rig(t)
  await caller.client(Bell).ring('before')
  // The move waits for this one.
  const hanging = assert.rejects(caller.client(Till).hang(), { code: 'UNAVAILABLE' })
  const moving = out()
  await until(() => pidOf('till') !== undefined)
  const registry = await caller.registry()
  await until(() => registry.instances('till').some(({ status }) => status === 'draining'))
  process.kill(pidOf('broker+bell')!, 'SIGKILL')
  await moving
  await hanging
  await back(1)
  assert.deepEqual(names(), ['broker+bell', 'till'])
  assert.equal(await caller.client(Bell).ring('after'), pidOf('till'))
  assert.equal(await caller.client(Till).count(), 2)
})

test('two moves at once happen one after the other; what makes no sense is refused', { timeout: 120_000 }, async (t) => {
  const { placed, out, into, names } = await rig(t)
  const [first, second] = await Promise.allSettled([out(), out()])
  assert.equal(first.status, 'fulfilled')
  assert.match(String((second as PromiseRejectedResult).reason), /It runs in a process of its own already/)
  await Promise.all([into(), out(), into()])
  assert.deepEqual(names(), ['broker+till+bell'])
  const refused = (request: Parameters<typeof placed.place>[0], why: RegExp) => assert.rejects(placed.place(request), why)
  await refused(
    { service: 'tell', where: 'out' },
    /Cannot move "tell" out: There is no service of that name; there are till, bell/,
  )
  await refused({ service: 'broker', where: 'out' }, /The broker of a system stays in the process where its "placement" has it/)
  await refused({ service: 'till', where: 'in' }, /It shares process "broker\+till\+bell"; name a service/)
  await refused({ service: 'till', where: 'in', beside: 'bell' }, /It runs beside "bell" already/)
  await refused({ service: 'till', where: 'out', beside: 'bell' }, /It gets a process of its own; leave out "bell"/)
})

/** Whether the system has stopped a process (SIGSTOP). */
function isStopped(pid: number): boolean {
  return /^State:\tT/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
}
