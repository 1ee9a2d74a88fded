import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SqlStore } from 'dure/data'
import { proxyTo } from '../proxy.test-support.ts'
import { RELAXED, testServer } from '../server.test-support.ts'
import { makeRig, until } from '../store.test-support.ts'

/** Transactions one after another until told to stop, by several at once; what became of each. */
function load(
  store: SqlStore,
  workers: number,
): {
  readonly stop: () => Promise<void>
  readonly kept: Set<string>
  readonly unknown: Set<string>
  readonly codes: Map<string, number>
} {
  const [kept, unknown, codes] = [new Set<string>(), new Set<string>(), new Map<string, number>()]
  let going = true
  const worker = async (name: number): Promise<void> => {
    for (let n = 0; going; n++) {
      const id = `${name}-${n}`
      try {
        await store.transaction(async (tx) => {
          await tx.run('INSERT INTO orders (id, total) VALUES (?, 1)', [`${id}-first`])
          await tx.run('INSERT INTO orders (id, total) VALUES (?, 1)', [`${id}-second`])
        })
        kept.add(id)
      } catch (error) {
        const { code } = error as { code: string }
        codes.set(code, (codes.get(code) ?? 0) + 1)
        if (code === 'UNKNOWN') unknown.add(id)
        // Refused at once, it would try a thousand times a second.
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    }
  }
  const working = Array.from({ length: workers }, (_, name) => worker(name))
  return { kept, unknown, codes, stop: async () => void ((going = false), await Promise.all(working)) }
}

for (const how of ['stop', 'crash'] as const) {
  test(
    `a server that is ${how === 'stop' ? 'stopped' : 'killed'} and started again under load loses nothing it confirmed and keeps no half`,
    { timeout: 120_000 },
    async (t) => {
      const server = await testServer({ settings: RELAXED })
      const rig = await makeRig(t, server.url())
      const store = await rig.open({ writers: 4, outcomeTimeout: 60_000 })
      const running = load(store, 12)
      t.after(running.stop)
      for (let round = 0; round < 4; round++) {
        const before = running.kept.size
        await until(() => running.kept.size >= before + 50)
        await server[how]()
        await server.start()
      }
      const before = running.kept.size
      await until(() => running.kept.size >= before + 50)
      await running.stop()
      const found = new Set((await store.select('SELECT id FROM orders')).map(({ id }) => String(id)))
      for (const id of running.kept)
        assert.ok(found.has(`${id}-first`) && found.has(`${id}-second`), `${id} was confirmed and is lost`)
      for (const id of found) {
        const pair = id.replace(/-(first|second)$/, '')
        assert.ok(found.has(`${pair}-first`) && found.has(`${pair}-second`), `half of ${pair} was kept`)
        assert.ok(running.kept.has(pair) || running.unknown.has(pair), `${pair} was refused and is there`)
      }
      assert.deepEqual(
        [...running.codes.keys()].filter((code) => !['UNAVAILABLE', 'UNKNOWN', 'DEADLINE_EXCEEDED'].includes(code)),
        [],
      )
      assert.ok(running.codes.size > 0, 'the restarts were felt')
      // Nothing is left behind: the witness and at most as many as there may be.
      // The witness has its own attempts to come back, and may need one more after the last start.
      const sessions = async (name: string): Promise<number> =>
        (
          await rig.ask(
            `SELECT 1 FROM pg_stat_activity WHERE usename = '${rig.database}_orders' AND split_part(application_name, ' ', 2) = '${name}'`,
          )
        ).length
      await until(async () => (await sessions('witness')) === 1)
      assert.ok((await sessions('writer')) <= 4)
      assert.ok((await sessions('reader')) <= 4)
      await store.stop()
      await until(
        async () => (await rig.ask(`SELECT 1 FROM pg_stat_activity WHERE usename = '${rig.database}_orders'`)).length === 0,
      )
    },
  )
}

test(
  'while the server is down calls fail at once; while it is frozen within their time; then all goes on',
  { timeout: 120_000 },
  async (t) => {
    const server = await testServer({ settings: RELAXED })
    const rig = await makeRig(t, server.url())
    const proxy = await proxyTo(rig.url)
    const store = await rig.open({ url: proxy.url, writers: 2, readers: 2, readTimeout: 500, connectTimeout: 500 })
    t.after(async () => {
      await store.stop()
      await proxy.stop()
    })
    const write = (id: string): Promise<number> =>
      store.transaction((tx) => tx.run('INSERT INTO orders (id, total) VALUES (?, 1)', [id]), { timeout: 300 })
    await write('before')
    const codes = async (tasks: readonly Promise<unknown>[]): Promise<Set<string>> =>
      new Set(
        (await Promise.allSettled(tasks)).map((o) => (o.status === 'fulfilled' ? 'done' : (o.reason as { code: string }).code)),
      )

    proxy.closed = true
    proxy.cut()
    await until(() => rig.lines.some((line) => line.includes('looks up lost commits of a store was lost')))
    assert.deepEqual(
      await codes([...Array.from({ length: 30 }, (_, n) => write(`down ${n}`)), store.select('SELECT 1')]),
      new Set(['UNAVAILABLE']),
    )
    proxy.closed = false
    await until(async () => (await codes([write('up')])).has('done'))

    proxy.frozen = true
    const frozen = await codes([
      ...Array.from({ length: 10 }, (_, n) => write(`frozen ${n}`)),
      ...Array.from({ length: 6 }, () => store.select('SELECT 1')),
    ])
    assert.deepEqual(
      [...frozen].filter((code) => code !== 'UNAVAILABLE' && code !== 'DEADLINE_EXCEEDED'),
      [],
    )
    proxy.frozen = false
    proxy.cut()
    await until(async () => (await codes([write('thawed')])).has('done'))
    await until(async () => (await codes([store.select('SELECT 1')])).has('done'))
    assert.deepEqual(await store.select('SELECT id FROM orders ORDER BY id'), [{ id: 'before' }, { id: 'thawed' }, { id: 'up' }])
  },
)
