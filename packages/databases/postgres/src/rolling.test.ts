import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { realRuntime } from 'dure/runtime'
import { groupsOf, start, type Running } from 'dure/service'
import { supervise } from 'dure/supervisor'
import { silentLogger } from 'dure/telemetry'
import { Mail, NewOrders, Orders, shop, type Release } from './rolling.test-support.ts'
import { RELAXED, testServer } from './server.test-support.ts'
import { makeRig } from './store.test-support.ts'

const PROGRAM = fileURLToPath(new URL('./rolling.test-support.ts', import.meta.url))
const server = await testServer({ settings: { ...RELAXED, max_connections: 200 } })

/** Two copies of each service of the shop, in the release that is to be had when one of them starts. */
async function rig(t: TestContext) {
  const { url } = await makeRig(t, server.url())
  const directory = mkdtempSync(join(tmpdir(), 'dure-rolling-'))
  const release = (which: Release): void => writeFileSync(join(directory, 'release'), which)
  release('old')
  const supervisor = await supervise({
    directory,
    processes: groupsOf(shop('old', url), { orders: 2, mail: 2 }).map(({ name, members, copies, onlyOne }) => ({
      ...{ name, copies, onlyOne, overlaps: copies > 1, node: ['--conditions=dure-source'] },
      program: [PROGRAM, directory, url, ...members],
    })),
    runtime: realRuntime(),
    onLine: ({ name, text }) => t.diagnostic(`${name} ${text}`),
  })
  const callers: Running[] = []
  t.after(async () => {
    for (const one of callers) await one.stop()
    await supervisor.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  return {
    supervisor,
    release,
    caller: async (of: Release): Promise<Running> => {
      const one = await start(shop(of, url), { directory, part: ['doors'], log: silentLogger() })
      callers.push(one)
      return one
    },
  }
}

/** Places orders from several lanes until the end; what was placed, by whom, and what failed. */
function placing(lanes: number, place: (n: number) => Promise<number>) {
  const placed = new Map<number, number>()
  const failed: unknown[] = []
  let [n, over] = [0, false]
  const working = Array.from({ length: lanes }, async () => {
    while (!over) {
      const own = n++
      await place(own).then(
        (pid) => void placed.set(own, pid),
        (error: unknown) => void failed.push(error),
      )
      await sleep(5)
    }
  })
  return {
    placed,
    failed,
    more: async (count: number): Promise<void> => {
      const before = placed.size
      while (placed.size < before + count) await sleep(5)
    },
    end: async (): Promise<void> => {
      over = true
      await Promise.all(working)
    },
  }
}

test(
  'copies replaced by a release with one more column, field, operation and event: no call fails, every event is handled once',
  { timeout: 240_000 },
  async (t) => {
    const { supervisor, release, caller } = await rig(t)
    const old = await caller('old')
    const orders = old.client(Orders)
    const plain = placing(8, (n) => orders.place({ id: `plain-${n}` }))
    await plain.more(100)

    release('new')
    await supervisor.replace(['orders#2', 'mail#2'])
    // Old and new side by side, with callers of both.
    const next = await caller('new')
    const newer = next.client(NewOrders)
    const withNotes = placing(4, (n) => newer.place({ id: `noted-${n}`, note: 'fragile' }))
    const reading = placing(4, async () => (await newer.note({ id: 'plain-0' })).pid)
    await Promise.all([plain.more(150), withNotes.more(150), reading.more(150)])
    const pids = new Map(supervisor.processes().map(({ name, pid }) => [pid!, name]))
    const namesOf = (of: { readonly placed: ReadonlyMap<number, number> }) =>
      [...new Set([...of.placed.values()].flatMap((pid) => pids.get(pid) ?? []))].toSorted()
    assert.deepEqual(namesOf(plain), ['orders', 'orders#2'])
    // What only the new release has, only its copy answers.
    assert.deepEqual(namesOf(reading), ['orders#2'])
    await supervisor.replace(['orders#1', 'mail#1'])
    await Promise.all([plain.more(100), withNotes.more(100)])
    for (const load of [plain, withNotes, reading]) await load.end()
    assert.deepEqual([plain.failed, withNotes.failed, reading.failed], [[], [], []])

    while (!(await next.status()).quiet) await sleep(20)
    const sent = await next.client(Mail).sent()
    const placedIds = [
      ...[...plain.placed.keys()].map((n) => `plain-${n}`),
      ...[...withNotes.placed.keys()].map((n) => `noted-${n}`),
    ]
    assert.deepEqual(
      sent.filter((letter) => letter.startsWith('placed ')).toSorted(),
      placedIds.map((id) => `placed ${id}`).toSorted(),
    )
    assert.equal(new Set(sent).size, sent.length)
    assert.deepEqual(await next.deadLetters('mail')!.groups(), [])
  },
)
