import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { CallError, DeclaredError } from '../contract/contract.ts'
import { rows, testAdapter } from '../data/adapter.conformance.ts'
import type { Records, Store } from '../data/data.ts'
import { realRuntime } from '../runtime/runtime.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import { copyOn, effectsTable, idempotent, Refused, type Copy, type Handler } from './idempotency-copies.test-support.ts'
import { until } from './rig.test-support.ts'

const DAY = 86_400_000
/** Milliseconds of a deadline that is over soon. */
const SOON = 150
/** So many copies of one service on one store, each with a process's clock of its own. */
async function copies(
  t: TestContext,
  skews: readonly number[],
  change: (records: Records, place: number) => Records = (same) => same,
) {
  const directory = mkdtempSync(join(tmpdir(), 'dure-copies-'))
  const world = { directory, runtime: realRuntime(), log: silentLogger() }
  const opened: Store[] = []
  t.after(async () => {
    for (const store of opened) await store.stop({ timeout: 1_000 })
    rmSync(directory, { recursive: true, force: true })
  })
  const open = async (): Promise<Store> => {
    const store = (await (await testAdapter(world)).open('test', { migrations: effectsTable })) as Store
    opened.push(store)
    return store
  }
  const first = await open()
  const all: Copy[] = []
  const [members, gone] = [[] as string[], new Set<string>()]
  for (const [place, ahead] of skews.entries()) {
    // Where one process has the store, its copies share what it has opened.
    const own = place === 0 ? first : first.sharing === 'shared' ? await open() : { ...first, member: `copy-${place}` }
    members.push(own.member)
    const seen = {
      gone: async (member: string) => gone.has(member),
      sharing: 'shared',
      records: change(own.records, place),
    } as const
    all.push(copyOn({ ...own, ...seen }, place, ahead))
  }
  const effects = async (): Promise<readonly number[]> =>
    (await rows.read(first as never, 'effects', 'run')).map(({ run }) => Number(run))
  return { all, effects, first, cutOff: (place: number) => void gone.add(members[place]!) }
}

/** Two of them, by themselves. */
async function pair(...options: Parameters<typeof copies>) {
  const { all, ...rest } = await copies(...options)
  return [all[0]!, all[1]!, rest] as const
}

const gate = (): PromiseWithResolvers<void> => Promise.withResolvers<void>()
const never = (): Promise<void> => new Promise(() => {})
const commits: Handler = ({ commit }) => commit()
/** Only of the first copy. */
const losing = (records: Records, place: number): Records => {
  const answer = (): Promise<never> => Promise.reject(new CallError('UNAVAILABLE', 'The connection is gone'))
  return place === 0 ? { ...records, idempotency: { ...records.idempotency, answer } } : records
}
const codeOf = (failure: unknown): unknown => (failure instanceof CallError ? failure.code : failure)

test('two copies are called with one key at once: one runs, and both answer as it did', { timeout: 60_000 }, async (t) => {
  const { all, effects } = await copies(t, [0, 0])
  const answers = await Promise.all(all.flatMap(({ call }) => [call(commits), call(commits)]))
  assert.equal(new Set(answers.map((answer) => JSON.stringify(answer))).size, 1)
  assert.equal(all[0]!.runs() + all[1]!.runs(), 1)
  assert.equal((await effects()).length, 1)
})

test('a copy dies before it commits: the other waits for its lease and then runs', { timeout: 60_000 }, async (t) => {
  const [dead, other, { effects }] = await pair(t, [0, 0])
  void dead.call(never, { timeout: SOON })
  await until(() => dead.runs() === 1)
  assert.deepEqual(await other.call(commits), { by: 'copy 1' })
  assert.deepEqual(await effects(), [1])
})

test(
  'a copy dies after its commit: nothing is done twice, and the other says so once its lease is over',
  { timeout: 60_000 },
  async (t) => {
    const [dead, other, { effects }] = await pair(t, [0, 0])
    const committed = gate()
    void dead.call(
      async ({ commit }) => {
        await commit()
        committed.resolve()
        await never()
      },
      { timeout: SOON },
    )
    await committed.promise
    assert.equal(codeOf(await other.call(commits)), 'ALREADY_EXISTS')
    assert.deepEqual([other.runs(), await effects()], [0, [0]])
  },
)

test(
  'a copy freezes before its transaction: after the take-over it writes nothing, and answers as the other did',
  { timeout: 60_000 },
  async (t) => {
    const [frozen, other, { effects }] = await pair(t, [0, 0])
    const thawed = gate()
    let refused: unknown
    const late = frozen.call(
      async ({ commit }) => {
        await thawed.promise
        await commit().catch((failure: unknown) => {
          refused = failure
          throw failure
        })
      },
      { timeout: SOON },
    )
    await until(() => frozen.runs() === 1)
    assert.deepEqual(await other.call(commits), { by: 'copy 1' })
    thawed.resolve()
    assert.deepEqual(await late, { by: 'copy 1' })
    assert.equal(codeOf(refused), 'ABORTED')
    assert.deepEqual(await effects(), [1])
  },
)

test(
  'a copy freezes before its transaction, and thaws while the other is at work: what it writes is refused, to be repeated',
  { timeout: 60_000 },
  async (t) => {
    const [frozen, other, { effects }] = await pair(t, [0, 0])
    const [thawed, go] = [gate(), gate()]
    const late = frozen.call(
      async ({ commit }) => {
        await thawed.promise
        await commit()
      },
      { timeout: SOON },
    )
    await until(() => frozen.runs() === 1)
    const second = other.call(async ({ commit }) => {
      await go.promise
      await commit()
    })
    await until(() => other.runs() === 1)
    thawed.resolve()
    assert.equal(codeOf(await late), 'ABORTED')
    go.resolve()
    assert.deepEqual(await second, { by: 'copy 1' })
    assert.deepEqual(await effects(), [1])
  },
)

test(
  'a copy freezes inside its transaction, past its lease: when it thaws it is the one that has done it',
  { timeout: 60_000 },
  async (t) => {
    const [frozen, other, { effects, first }] = await pair(t, [0, 0])
    const [inside, thawed] = [gate(), gate()]
    const late = frozen.call(
      ({ commit }) =>
        commit(async () => {
          inside.resolve()
          await thawed.promise
        }),
      { timeout: SOON },
    )
    await inside.promise
    const second = other.call(commits)
    await until(async () => (await first.records.idempotency.find({ operation: 'go', key: 'key' }))!.remaining < -300)
    thawed.resolve()
    assert.deepEqual(await late, { by: 'copy 0' })
    // The lease is over: whether the answer is there when the other looks is a matter of moments.
    const heard = await second
    if (heard instanceof Error) assert.equal(codeOf(heard), 'ALREADY_EXISTS')
    else assert.deepEqual(heard, { by: 'copy 0' })
    assert.deepEqual(await effects(), [0])
  },
)

test('a copy commits just before another takes over: nothing is done twice', { timeout: 60_000 }, async (t) => {
  const [over, committed, thawed] = [gate(), gate(), gate()]
  const [late, other, { effects }] = await pair(t, [0, 0], (records, place) => {
    const { find } = records.idempotency
    const finding: typeof find = async (key) => {
      const found = await find(key)
      if (place === 1 && found?.outcome === 'running' && found.remaining <= 0) {
        over.resolve()
        await committed.promise
      }
      return found
    }
    return { ...records, idempotency: { ...records.idempotency, find: finding } }
  })
  void late.call(
    async ({ commit }) => {
      await over.promise
      await commit()
      committed.resolve()
      await thawed.promise
    },
    { timeout: SOON },
  )
  await until(() => late.runs() === 1)
  assert.equal(codeOf(await other.call(commits)), 'ALREADY_EXISTS')
  assert.deepEqual([other.runs(), await effects()], [0, [0]])
  thawed.resolve()
})

test(
  'a copy that is cut off is waited for no longer, and what it writes when it is back is refused',
  { timeout: 60_000 },
  async (t) => {
    const [dead, other, { effects, cutOff }] = await pair(t, [0, 0])
    const back = gate()
    let refused: unknown
    const late = dead.call(async ({ commit }) => {
      await back.promise
      await commit().catch((failure: unknown) => {
        refused = failure
        throw failure
      })
    })
    await until(() => dead.runs() === 1)
    // Its lease lasts for longer than the test.
    const second = other.call(commits)
    cutOff(0)
    assert.deepEqual(await second, { by: 'copy 1' })
    back.resolve()
    assert.deepEqual(await late, { by: 'copy 1' })
    assert.equal(codeOf(refused), 'ABORTED')
    assert.deepEqual(await effects(), [1])
  },
)

test(
  'of a copy that is gone after its commit nothing is done twice, and its answer counts where there is one',
  { timeout: 60_000 },
  async (t) => {
    const [dead, other, { effects, cutOff }] = await pair(t, [0, 0], (records, place) => {
      const { find } = records.idempotency
      let looked = 0
      const finding: typeof find = async (key) => {
        const found = await find(key)
        // It writes its answer, and stops, just after the other has looked.
        if (place === 1 && ++looked === 1) {
          answer.resolve()
          await answered.promise
          cutOff(0)
        }
        return found
      }
      return { ...records, idempotency: { ...records.idempotency, find: finding } }
    })
    const [committed, answer, answered] = [gate(), gate(), gate()]
    const one = dead.call(async ({ commit }) => {
      await commit()
      committed.resolve()
      await answer.promise
    })
    void one.then(() => answered.resolve())
    await committed.promise
    assert.deepEqual(await Promise.all([one, other.call(commits)]), [{ by: 'copy 0' }, { by: 'copy 0' }])
    assert.deepEqual([other.runs(), await effects()], [0, [0]])
  },
)

test('a copy is slow after its commit: the other waits for its answer', { timeout: 60_000 }, async (t) => {
  const [slow, other, { effects }] = await pair(t, [0, 0])
  const [committed, go] = [gate(), gate()]
  const late = slow.call(async ({ commit }) => {
    await commit()
    committed.resolve()
    await go.promise
  })
  await committed.promise
  const second = other.call(commits)
  go.resolve()
  assert.deepEqual(await Promise.all([late, second]), [{ by: 'copy 0' }, { by: 'copy 0' }])
  assert.deepEqual([other.runs(), await effects()], [0, [0]])
})

test('an answer that could not be written is lost, and nothing is done again', { timeout: 60_000 }, async (t) => {
  const [first, other, { effects }] = await pair(t, [0, 0], losing)
  assert.equal(codeOf(await first.call(commits)), 'UNAVAILABLE')
  assert.equal(codeOf(await other.call(commits)), 'ALREADY_EXISTS')
  assert.equal(codeOf(await first.call(commits)), 'ALREADY_EXISTS')
  assert.deepEqual(await effects(), [0])
})

test('an idempotent command that has no answer is done again, and not with another input', { timeout: 60_000 }, async (t) => {
  const [first, other, { effects }] = await pair(t, [0, 0], losing)
  assert.equal(codeOf(await first.call(commits, { definition: idempotent })), 'UNAVAILABLE')
  assert.equal(codeOf(await other.call(commits, { definition: idempotent, name: 'y' })), 'FAILED_PRECONDITION')
  assert.deepEqual(await other.call(commits, { definition: idempotent }), { by: 'copy 1' })
  assert.deepEqual(await first.call(commits, { definition: idempotent }), { by: 'copy 1' })
  assert.deepEqual(await effects(), [0, 1])
})

test(
  'a copy freezes after its commit: once an idempotent command is done again, it commits nothing more',
  { timeout: 60_000 },
  async (t) => {
    const [frozen, other, { effects }] = await pair(t, [0, 0])
    const [committed, thawed] = [gate(), gate()]
    let refused: unknown
    const late = frozen.call(
      async ({ commit }) => {
        await commit()
        committed.resolve()
        await thawed.promise
        await commit().catch((failure: unknown) => {
          refused = failure
          throw failure
        })
      },
      { timeout: SOON, definition: idempotent },
    )
    await committed.promise
    assert.deepEqual(await other.call(commits, { definition: idempotent }), { by: 'copy 1' })
    thawed.resolve()
    assert.deepEqual(await late, { by: 'copy 1' })
    assert.equal(codeOf(refused), 'ABORTED')
    assert.deepEqual(await effects(), [0, 1])
  },
)

test('a copy that fails lets the other in at once, and a declared error is what all answer', { timeout: 20_000 }, async (t) => {
  const [failing, other] = await pair(t, [0, 0])
  const failed = await failing.call(async () => {
    throw new CallError('UNAVAILABLE', 'Not now')
  })
  assert.equal(codeOf(failed), 'UNAVAILABLE')
  const heard = [
    await other.call(async () => {
      throw Refused({ by: 'copy 1' })
    }),
    await failing.call(commits),
  ]
  for (const one of heard) assert.ok(one instanceof DeclaredError && (one.data as { by: string }).by === 'copy 1', String(one))
})

for (const [skews, what] of [
  [[0, 30 * DAY], 'forward'],
  [[0, -30 * DAY], 'back'],
] as const)
  test(`no copy runs while another's lease lasts, with its own clock set ${what}`, { timeout: 60_000 }, async (t) => {
    let looked = 0
    const looking = (records: Records, place: number): Records => {
      const { find } = records.idempotency
      const counted: typeof find = (key) => ((looked += place), find(key))
      return { ...records, idempotency: { ...records.idempotency, find: counted } }
    }
    const [first, skewed, { effects }] = await pair(t, skews, looking)
    const go = gate()
    const one = first.call(async ({ commit }) => {
      await go.promise
      await commit()
    })
    await until(() => first.runs() === 1)
    const two = skewed.call(commits)
    await until(() => looked >= 4)
    assert.equal(skewed.runs(), 0)
    go.resolve()
    assert.deepEqual(await Promise.all([one, two]), [{ by: 'copy 0' }, { by: 'copy 0' }])
    assert.deepEqual(await effects(), [0])
  })

test('a key with another input is refused alike by every copy, while it runs and afterwards', { timeout: 60_000 }, async (t) => {
  const [first, other] = await pair(t, [0, 0])
  const go = gate()
  const one = first.call(() => go.promise)
  await until(() => first.runs() === 1)
  const others = (): Promise<readonly unknown[]> => Promise.all([first!, other!].map(({ call }) => call(commits, { name: 'y' })))
  const during = await others()
  go.resolve()
  assert.deepEqual(await one, { by: 'copy 0' })
  for (const failure of [...during, ...(await others())]) {
    assert.equal(codeOf(failure), 'FAILED_PRECONDITION')
    assert.match(String((failure as Error).message), /idempotency key "key" was used before with another input/)
  }
})

test('a command without a transaction that was overtaken answers what is remembered', { timeout: 60_000 }, async (t) => {
  const [frozen, other] = await pair(t, [0, 0])
  const thawed = gate()
  const late = frozen.call(() => thawed.promise, { timeout: SOON })
  await until(() => frozen.runs() === 1)
  assert.deepEqual(await other.call(async () => {}), { by: 'copy 1' })
  thawed.resolve()
  assert.deepEqual(await late, { by: 'copy 1' })
})
