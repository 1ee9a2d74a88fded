import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { start } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { load, startCopy, type Copy, type Seen } from './keyed.load.test-support.ts'
import { counting, Counter } from './keyed.system.test-support.ts'
import { RELAXED, testServer } from './server.test-support.ts'
import { makeRig, until, type Rig } from './store.test-support.ts'

/** Every increment once, each next one is one more, and who began after another was answered has the later one. */
async function check({ ask }: Rig, names: readonly string[], done: readonly Seen[]): Promise<void> {
  const rows = await ask('SELECT name, value FROM counter.increments ORDER BY place')
  for (const name of names) {
    const written = rows.filter((row) => row['name'] === name).map(({ value }) => Number(value))
    const mine = done.filter((one) => one.name === name && one.kind === 'add')
    assert.deepEqual(
      written,
      mine.map((_, n) => n + 1),
      `rows of ${name}`,
    )
    assert.deepEqual(
      mine.map(({ value }) => value).toSorted((a, b) => a - b),
      written,
      `answers of ${name}`,
    )
    const all = done.filter((one) => one.name === name)
    for (const one of all)
      for (const other of mine) assert.ok(!(one.to < other.from && one.value >= other.value), JSON.stringify([one, other]))
  }
}

const server = await testServer({ version: 18, settings: RELAXED })

test(
  'a keyed counter over three copies, killed, frozen for longer than its lease, scaled: every increment once, in order',
  { timeout: 240_000 },
  async (t) => {
    const rig = await makeRig(t, server.url())
    const directory = mkdtempSync(join(tmpdir(), 'dure-keyed-'))
    const running = await start(counting(rig.url), { directory, part: ['broker'], log: silentLogger() })
    const copies: Copy[] = []
    t.after(async () => {
      await Promise.all(copies.map(({ kill }) => kill()))
      await running.stop()
      rmSync(directory, { recursive: true, force: true })
    })
    const add = async (): Promise<Copy> => {
      const copy = startCopy(rig.url, directory, copies.length + 1)
      copies.push(copy)
      await copy.said('ready')
      return copy
    }
    await Promise.all([add(), add(), add()])
    const names = Array.from({ length: 24 }, (_, n) => `name-${n}`)
    const { done, more, end } = load(running, names)
    const worksAt = async (copy: Copy): Promise<boolean> =>
      Number((await rig.ask(`SELECT count(*) AS many FROM counter.increments WHERE copy = ${copy.pid}`))[0]!['many']) > 0
    await more(5)
    for (const copy of copies) await until(() => worksAt(copy))

    await copies[0]!.kill()
    await more(5)

    // One that has a call in the middle stands still until another copy has its key, and goes on as if nothing had happened.
    const client = running.client(Counter)
    const others = copies.slice(1)
    for (const copy of others) copy.tell('hang zombie')
    // Its caller gives it up by itself when it stands still for longer than a connection may be silent.
    const late = assert.rejects(
      client.add({ name: 'zombie' }, { timeout: 60_000 }),
      ({ code }: { code?: string }) => code === 'ABORTED' || code === 'UNAVAILABLE',
    )
    await until(() => others.some((copy) => copy.heard('hangs ') !== undefined))
    const frozen = others.find((copy) => copy.heard('hangs ') !== undefined)!
    for (const copy of others) if (copy !== frozen) copy.tell('hang nothing')
    frozen.signal('SIGSTOP')
    const asked = { idempotencyKey: 'after the zombie', timeout: 1_000 }
    let value: number | undefined
    await until(async () => (value = await client.add({ name: 'zombie' }, asked).catch(() => undefined)) !== undefined)
    assert.equal(value, 1)
    frozen.tell('go')
    frozen.signal('SIGCONT')
    assert.match(await frozen.said('refused zombie'), /another copy has its key by now, and nothing was written here/)
    await late
    assert.equal(await client.add({ name: 'zombie' }), 2)
    await more(5)

    const fourth = await add()
    await until(() => worksAt(fourth))
    frozen.tell('stop')
    await frozen.said('stopped')
    await more(5)
    await end()
    await check(rig, names, done)
    const zombie = await rig.ask("SELECT value FROM counter.increments WHERE name = 'zombie' ORDER BY place")
    assert.deepEqual(zombie, [{ value: '1' }, { value: '2' }])
    t.diagnostic(`${done.length} calls`)
    fourth.tell('stop')
    await fourth.said('stopped')
  },
)
