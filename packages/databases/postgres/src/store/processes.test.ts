import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { missing15, RELAXED, testServer, VERSIONS } from '../server.test-support.ts'
import { makeRig, until, type Rig } from '../store.test-support.ts'
import type { LocalServer } from '../server/server.ts'

const CHILD = fileURLToPath(new URL('processes.child.test-support.ts', import.meta.url))

/** Another process that has the store open. */
type Other = {
  readonly member: string
  readonly kept: ReadonlySet<string>
  readonly tell: (line: string) => void
  readonly signal: (signal: NodeJS.Signals) => void
  /** Resolves with the first line from now on, or since it was last told something, that begins so. */
  readonly said: (beginning: string) => Promise<string>
}

async function start(t: TestContext, url: string): Promise<Other> {
  const child = spawn(process.execPath, ['--conditions=dure-source', CHILD, url], { stdio: ['pipe', 'pipe', 'inherit'] })
  const closed = once(child, 'close')
  t.after(async () => {
    child.kill('SIGKILL')
    await closed
  })
  const kept = new Set<string>()
  let lines: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.startsWith('kept ')) kept.add(line.slice(5))
    else lines.push(line)
  })
  const said = async (beginning: string): Promise<string> => {
    let found: string | undefined
    await until(() => (found = lines.find((line) => line.startsWith(beginning))) !== undefined)
    return found!
  }
  const [, member = ''] = (await said('member ')).split(' ')
  return {
    ...{ member, kept, said },
    tell: (line) => {
      lines = []
      child.stdin.write(`${line}\n`)
    },
    signal: (signal) => void child.kill(signal),
  }
}

/** What was confirmed is there, and nothing by half. */
async function whole(rig: Rig, others: readonly Other[]): Promise<void> {
  const ids = new Set((await rig.ask('SELECT id FROM orders.orders')).map(({ id }) => String(id)))
  for (const id of others.flatMap(({ kept }) => [...kept])) assert.ok(ids.has(`${id} first`) && ids.has(`${id} second`), id)
  for (const id of ids) if (id.endsWith(' first')) assert.ok(ids.has(id.replace(/first$/, 'second')), `half of ${id}`)
}

const more = async (other: Other): Promise<void> => {
  const before = other.kept.size
  await until(() => other.kept.size > before + 20)
}

for (const version of VERSIONS) {
  const skip = version === 15 && missing15
  const server: LocalServer | undefined = skip === false ? await testServer({ version, settings: RELAXED }) : undefined
  const check = (what: string, run: (t: TestContext, rig: Rig) => Promise<void>): void =>
    void test(`${what} (PostgreSQL ${version})`, { skip, timeout: 120_000 }, async (t) => run(t, await makeRig(t, server!.url())))

  check('processes that start at once on one store all write; one is killed, one stops, and the others go on', async (t, rig) => {
    const [killed, stopped, staying] = (await Promise.all([1, 2, 3].map(() => start(t, rig.url)))) as [Other, Other, Other]
    for (const other of [killed, stopped, staying]) other.tell('load')
    await Promise.all([killed, stopped, staying].map(more))
    killed.signal('SIGKILL')
    await more(staying)
    await more(stopped)
    stopped.tell('stop')
    await stopped.said('stopped')
    await more(staying)
    // Sessions of the others are as they were: what is under way on them goes on.
    staying.tell('rest')
    staying.tell('hold one')
    await staying.said('inside')
    const next = await start(t, rig.url)
    next.tell('stop')
    await next.said('stopped')
    staying.tell('go')
    await staying.said('committed')
    await whole(rig, [killed, stopped, staying])
  })

  check('a server that is killed and started again has both processes back', async (t, rig) => {
    const others = await Promise.all([1, 2].map(() => start(t, rig.url)))
    for (const other of others) other.tell('load')
    await Promise.all(others.map(more))
    await server!.crash()
    await server!.start()
    await Promise.all(others.map(more))
    for (const other of others) other.tell('rest')
    for (const other of others) other.tell('stop')
    await Promise.all(others.map(({ said }) => said('stopped')))
    await whole(rig, others)
  })

  check('one that is frozen inside a transaction commits nothing once it was waited out, and then goes on', async (t, rig) => {
    const [frozen, store] = [await start(t, rig.url), await rig.open()]
    for (let round = 0; round < 10; round++) {
      frozen.tell(`hold zombie ${round}`)
      await frozen.said('inside')
      frozen.signal('SIGSTOP')
      await store.waitOut!({ before: frozen.member, patience: 20 })
      await store.transaction((tx) => tx.run('INSERT INTO orders (id, total) VALUES (?, 1)', [`next ${round}`]))
      frozen.tell('go')
      frozen.signal('SIGCONT')
      assert.match(await frozen.said('refused'), /UNAVAILABLE|UNKNOWN/)
    }
    // Frozen, but nobody waited: it is let be, and commits.
    frozen.tell('hold late')
    await frozen.said('inside')
    frozen.signal('SIGSTOP')
    await store.transaction((tx) => tx.run("INSERT INTO orders (id, total) VALUES ('meanwhile', 1)"))
    frozen.tell('go')
    frozen.signal('SIGCONT')
    await frozen.said('committed')
    const ids = (await store.select("SELECT id FROM orders WHERE id NOT LIKE 'next%' ORDER BY id")).map(({ id }) => id)
    assert.deepEqual(ids, ['late', 'meanwhile'])
  })
}
