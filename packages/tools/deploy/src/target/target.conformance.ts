import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Release } from '../release.ts'
import type { ReleaseHealth, Target } from './port.ts'

/** A target with nothing on it, and a world that calls what runs there. */
export type TargetRig = {
  readonly target: Target
  /** Another one on the same place, as another process has it. */
  readonly again: () => Target
  /**
   * A release whose copies answer any call with `{ version, copy, environment }`, where `environment` has the variables `GREETING` and
   * `PASSWORD`. Of version `never…` they do not get ready, and say so when they are asked; of `crash…` they end instead; of `fails…` they answer calls with 500.
   */
  readonly release: (version: string) => Release
  /** Calls what has the shares; undefined when it was not answered. */
  readonly call: () => Promise<Called | undefined>
  readonly close: () => Promise<void>
}
export type Called = { readonly version: string; readonly copy: string; readonly environment: Readonly<Record<string, string>> }

const pause = (ms = 20): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const ready = ({ copies }: ReleaseHealth): boolean => copies.length > 0 && copies.every(({ state }) => state === 'ready')
async function until<T>(look: () => Promise<T>, done: (seen: T) => boolean): Promise<T> {
  for (;;) {
    const seen = await look()
    if (done(seen)) return seen
    await pause()
  }
}

/**
 * Registers the cases that every target has to pass with `node:test`.
 * @param options `sees`: it tells what became of calls; default true
 */
export function targetConformance(
  name: string,
  makeRig: () => Promise<TargetRig>,
  { sees = true, timeout = 120_000 }: { readonly sees?: boolean; readonly timeout?: number } = {},
): void {
  const target = (title: string, work: (rig: TargetRig) => Promise<void>): void => {
    test(`${name}: ${title}`, { timeout }, async () => {
      const rig = await makeRig()
      try {
        await work(rig)
      } finally {
        await rig.close()
      }
    })
  }
  const run = async ({ target }: TargetRig, release: Release, copies = 1): Promise<void> => {
    await target.apply({ release, copies })
    await until(() => target.health(release.digest), ready)
  }
  /** How many of so many calls each version answered; `-`: nobody. */
  const tally = async ({ call }: TargetRig, calls: number): Promise<Readonly<Record<string, number>>> => {
    const counts: Record<string, number> = {}
    for (let i = 0; i < calls; i++) {
      const version = (await call())?.version ?? '-'
      counts[version] = (counts[version] ?? 0) + 1
    }
    return counts
  }
  /** Calls all the time while something is done; versions that answered, and how many were not answered. */
  const during = async (
    { call }: TargetRig,
    work: () => Promise<void>,
  ): Promise<{ unanswered: number; versions: Set<string> }> => {
    const seen = { unanswered: 0, versions: new Set<string>() }
    let over = false
    const callers = [1, 2, 3].map(async () => {
      while (!over) {
        const answer = await call()
        if (answer === undefined) seen.unanswered++
        else seen.versions.add(answer.version)
      }
    })
    try {
      await work()
    } finally {
      over = true
      await Promise.all(callers)
    }
    return seen
  }

  target(
    'a release is planned, applied, gets ready and takes calls when it is given them; asked twice, nothing is done twice',
    async (rig) => {
      const { target, release } = rig
      const one = release('1.0.0')
      const wanted = { release: one, copies: 1, settings: { GREETING: 'hello "you" $HOME' }, secrets: { PASSWORD: 'opens' } }
      assert.deepEqual(await target.list(), [])
      const plan = await target.plan(wanted)
      assert.deepEqual(plan.refused, [])
      assert.equal(plan.changes.length, 1)
      assert.deepEqual(await target.list(), [])
      await target.apply(wanted)
      const { copies } = await until(() => target.health(one.digest), ready)
      assert.deepEqual([copies.length, copies[0]!.restarts], [1, 0])
      assert.deepEqual(await target.list(), [{ release: one, copies: 1, share: 0 }])
      assert.deepEqual((await target.plan(wanted)).changes, [])
      await target.shift({ [one.digest]: 100 })
      const first = (await rig.call())!
      assert.deepEqual([first.version, first.environment], ['1.0.0', { GREETING: 'hello "you" $HOME', PASSWORD: 'opens' }])
      await target.apply(wanted)
      await target.shift({ [one.digest]: 100 })
      assert.equal((await rig.call())!.copy, first.copy)
      // Whoever comes later sees what is there.
      assert.deepEqual(await rig.again().list(), [{ release: one, copies: 1, share: 100 }])
      assert.ok(ready(await rig.again().health(one.digest)))
    },
  )

  target('two releases side by side have the shares they were given, and none until then', async (rig) => {
    const [one, two] = [rig.release('1.0.0'), rig.release('2.0.0')]
    await run(rig, one)
    await rig.target.shift({ [one.digest]: 100 })
    await run(rig, two)
    assert.deepEqual(await tally(rig, 20), { '1.0.0': 20 })
    await rig.target.shift({ [one.digest]: 75, [two.digest]: 25 })
    const counts = await tally(rig, 200)
    assert.equal(counts['-'], undefined)
    // A fair coin of this weight is within these bounds but once in ten million times.
    assert.ok(counts['2.0.0']! > 17 && counts['2.0.0']! < 87, JSON.stringify(counts))
    await rig.target.shift({ [two.digest]: 100 })
    assert.deepEqual(await tally(rig, 20), { '2.0.0': 20 })
    const shares = (await rig.target.list()).map(({ release, share }) => [release.version, share])
    assert.deepEqual(shares, [
      ['1.0.0', 0],
      ['2.0.0', 100],
    ])
    if (!sees) return
    // What was counted is told a moment later.
    let looks = 0
    const { calls } = await until(
      () => rig.target.health(two.digest),
      ({ calls }) => (calls?.calls ?? 0) >= counts['2.0.0']! + 20 || ++looks === 1_000,
    )
    assert.equal(calls!.calls, counts['2.0.0']! + 20)
    assert.deepEqual([calls!.failed, calls!.within.reduce((sum, count) => sum + count, 0)], [0, calls!.calls])
  })

  target('what cannot be is refused in words, and changes nothing', async (rig) => {
    const { target } = rig
    const [one, other] = [rig.release('1.0.0'), rig.release('9.0.0')]
    for (const copies of [0, -1, 1.5, 65, Number.NaN]) {
      assert.notDeepEqual((await target.plan({ release: one, copies })).refused, [])
      await assert.rejects(target.apply({ release: one, copies }), { code: 'TARGET', message: /copies/ })
    }
    for (const settings of [{ 'A B': '' }, { A: 'two\nlines' }, { A: '\0' }] as readonly Record<string, string>[]) {
      const refused = { code: 'TARGET', message: /"A/ }
      await assert.rejects(target.apply({ release: one, copies: 1, settings }), refused)
      await assert.rejects(target.apply({ release: one, copies: 1, secrets: settings }), refused)
    }
    const twice = { settings: { A: '1' }, secrets: { A: 'hidden' } }
    const error = await target.apply({ release: one, copies: 1, ...twice }).catch((error: unknown) => error)
    assert.match((error as Error).message, /"A" is among the settings and the secrets/)
    assert.doesNotMatch((error as Error).message, /hidden/)
    for (const work of [
      target.health,
      target.rollBack,
      (digest: string) => target.scale(digest, 1),
      (digest: string) => target.shift({ [digest]: 100 }),
    ])
      await assert.rejects(work(one.digest), { code: 'TARGET', message: /never applied/ })
    assert.deepEqual(await target.list(), [])
    await run(rig, one)
    await target.shift({ [one.digest]: 100 })
    for (const shares of [
      {},
      { [one.digest]: 99 },
      { [one.digest]: 100.5 },
      { [one.digest]: 50, [other.digest]: 50 },
      { [one.digest]: -100 },
    ])
      await assert.rejects(target.shift(shares), { code: 'TARGET' })
    await assert.rejects(target.scale(one.digest, 0), { code: 'TARGET', message: /100 % of the calls/ })
    await assert.rejects(target.scale(one.digest, 65), { code: 'TARGET' })
    assert.deepEqual(await target.list(), [{ release: one, copies: 1, share: 100 }])
    assert.equal((await rig.call())!.version, '1.0.0')
  })

  target('one that does not get ready, or ends, says so, and nobody comes to it', async (rig) => {
    const { target } = rig
    const [one, never, crash] = [rig.release('1.0.0'), rig.release('never-2.0.0'), rig.release('crash-3.0.0')]
    await run(rig, one)
    await target.shift({ [one.digest]: 100 })
    const { unanswered, versions } = await during(rig, async () => {
      await target.apply({ release: never, copies: 1 })
      const { copies } = await until(
        () => target.health(never.digest),
        ({ copies }) => copies[0]?.state === 'unready',
      )
      assert.match(copies[0]!.reason ?? '', /\w/)
      // What starts again and again has ended or is starting; it is never ready, and the number says it.
      const crashed = await target.apply({ release: crash, copies: 1 }).then(
        () =>
          until(
            () => target.health(crash.digest),
            ({ copies }) => copies[0]!.state === 'ended' || copies[0]!.restarts > 0,
          ),
        (error: unknown) => error as Error,
      )
      if (!(crashed instanceof Error)) assert.match(crashed.copies[0]!.reason ?? '', /\w/)
      await target.scale(never.digest, 0)
      await target.scale(crash.digest, 0)
    })
    assert.deepEqual([unanswered, [...versions]], [0, ['1.0.0']])
    assert.deepEqual(
      (await target.list()).map(({ release, copies, share }) => [release.version, copies, share]),
      [
        ['1.0.0', 1, 100],
        ['never-2.0.0', 0, 0],
        ['crash-3.0.0', 0, 0],
      ],
    )
  })

  target('copies come and go under load, and no call is lost', async (rig) => {
    const one = rig.release('1.0.0')
    await run(rig, one)
    await rig.target.shift({ [one.digest]: 100 })
    const { unanswered } = await during(rig, async () => {
      await rig.target.scale(one.digest, 3)
      const copies = new Set<string>()
      await until(
        async () => copies.add((await rig.call())!.copy),
        ({ size }) => size === 3,
      )
      assert.equal((await rig.target.list())[0]!.copies, 3)
      await rig.target.scale(one.digest, 1)
      assert.equal((await rig.target.health(one.digest)).copies.length, 1)
    })
    assert.equal(unanswered, 0)
  })

  target(
    'a release takes the place of another and is rolled back, also when the one before has ended, and no call is lost',
    async (rig) => {
      const { target } = rig
      const [one, two] = [rig.release('1.0.0'), rig.release('2.0.0')]
      await run(rig, one, 2)
      await target.shift({ [one.digest]: 100 })
      const { unanswered, versions } = await during(rig, async () => {
        await run(rig, two)
        await target.shift({ [one.digest]: 90, [two.digest]: 10 })
        await target.rollBack(one.digest)
        assert.deepEqual(await tally(rig, 10), { '1.0.0': 10 })
        await target.apply({ release: two, copies: 1 })
        await until(() => target.health(two.digest), ready)
        await target.shift({ [two.digest]: 100 })
        await target.scale(one.digest, 0)
        assert.deepEqual(await tally(rig, 10), { '2.0.0': 10 })
        await rig.again().rollBack(one.digest)
        assert.deepEqual(await tally(rig, 10), { '1.0.0': 10 })
      })
      assert.deepEqual([unanswered, versions.size], [0, 2])
      assert.deepEqual(
        (await target.list()).map(({ release, copies, share }) => [release.version, copies, share]),
        [
          ['1.0.0', 2, 100],
          ['2.0.0', 0, 0],
        ],
      )
    },
  )

  if (!sees) return
  target('calls that fail are counted where they failed', async (rig) => {
    const [one, fails] = [rig.release('1.0.0'), rig.release('fails-2.0.0')]
    await run(rig, one)
    await run(rig, fails)
    await rig.target.shift({ [one.digest]: 50, [fails.digest]: 50 })
    await tally(rig, 60)
    const seen = async (): Promise<readonly ReleaseHealth[]> => [
      await rig.target.health(one.digest),
      await rig.target.health(fails.digest),
    ]
    const [good, bad] = await until(seen, (all) => all.reduce((sum, { calls }) => sum + (calls?.calls ?? 0), 0) >= 60)
    assert.equal(good!.calls!.failed, 0)
    assert.ok(bad!.calls!.failed > 0)
    assert.equal(bad!.calls!.failed, bad!.calls!.calls)
  })
}
