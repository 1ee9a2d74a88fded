import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ConfigSnapshot, ConfigSource } from './source.ts'

/** Somewhere that settings come from, and what changes it from outside. */
export type ConfigSourceRig = {
  readonly open: () => Promise<ConfigSource>
  /** Has these values and no others from now on, all at once; keys are of small letters, dots and places in lists. Undefined: what never changes. */
  readonly set?: (values: Readonly<Record<string, string>>) => Promise<void>
  /** Makes it so that it cannot be reached, and can be again. Undefined: what is always there. */
  readonly away?: (on: boolean) => Promise<void>
  readonly close: () => Promise<void>
}

/** What a rig begins with. */
const FIRST: Readonly<Record<string, string>> = {
  'one.two': '500',
  'one.empty': '',
  'one.text': '두레 = # : "x" \\ ${no}',
  'list[0]': 'a',
  'list[1].name': 'b',
}

/** Registers the cases that every ConfigSource has to pass with `node:test`. */
export function configSourceConformance(
  name: string,
  makeRig: (values: Readonly<Record<string, string>>) => Promise<ConfigSourceRig>,
  { skip = false }: { readonly skip?: boolean | string } = {},
): void {
  const source = (title: string, work: (rig: ConfigSourceRig, first: ConfigSource) => Promise<void>): void => {
    test(`${name}: ${title}`, { timeout: 120_000, skip }, async () => {
      const rig = await makeRig(FIRST)
      try {
        const first = await rig.open()
        await work(rig, first).finally(() => first.stop())
      } finally {
        await rig.close()
      }
    })
  }
  const until = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
    while (!(await holds())) await sleep(10)
  }

  source('it has what it was given, each value with its origin', async (_rig, first) => {
    assert.deepEqual(valuesOf(await first.read()), FIRST)
    assert.deepEqual(valuesOf(await first.read()), FIRST)
    for (const { values } of (await first.read()).layers)
      for (const [key, { from, line }] of values) {
        assert.ok(from.length > 0, key)
        assert.ok(line === undefined || line >= 1, key)
      }
    assert.deepEqual(first.freshness(), { state: 'fresh' })
    assert.ok(first.name.length > 0)
  })

  source('whoever watches is told of a change, and reads all of it', async (rig, first) => {
    if (rig.set === undefined) return
    await first.read()
    const told = [0, 0]
    const watching = told.map((_, at) => first.watch(() => void told[at]!++))
    await rig.set({ ...FIRST, 'one.two': '800', 'one.three': 'new' })
    await until(() => told.every((count) => count > 0))
    await until(async () => valuesOf(await first.read())['one.three'] === 'new')
    assert.equal(valuesOf(await first.read())['one.two'], '800')
    watching[0]!.stop()
    const before = told[0]
    await rig.set({ 'one.two': '900' })
    await until(async () => told[1]! > 1 && valuesOf(await first.read())['one.two'] === '900')
    // What is gone is gone.
    assert.deepEqual(valuesOf(await first.read()), { 'one.two': '900' })
    assert.equal(told[0], before)
    watching[1]!.stop()
  })

  source('nobody sees half of a change', async (rig, first) => {
    const { set } = rig
    if (set === undefined) return
    const all = (value: string) => Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`key${at}.value`, value]))
    await set(all('0'))
    await until(async () => valuesOf(await first.read())['key0.value'] === '0')
    let done = false
    const writing = (async () => {
      for (let round = 1; round <= 20; round++) await set(all(String(round)))
      done = true
    })()
    while (!done) {
      const values = valuesOf(await first.read())
      assert.equal(Object.keys(values).length, 50)
      assert.equal(new Set(Object.values(values)).size, 1)
      await sleep(1)
    }
    await writing
    await until(async () => valuesOf(await first.read())['key49.value'] === '20')
  })

  source('while it is away it says so, and since when; then it goes on', async (rig, first) => {
    if (rig.away === undefined) return
    await first.read()
    let told = 0
    const watching = first.watch(() => void told++)
    await rig.away(true)
    await until(() => first.freshness().state === 'stale')
    await assert.rejects(first.read(), { name: 'ConfigError', away: true })
    const freshness = first.freshness()
    assert.ok(freshness.state === 'stale' && freshness.since > 0 && freshness.why.length > 0)
    await rig.away(false)
    await until(async () =>
      first.read().then(
        () => true,
        () => false,
      ),
    )
    assert.deepEqual(first.freshness(), { state: 'fresh' })
    assert.deepEqual(valuesOf(await first.read()), FIRST)
    watching.stop()
  })

  source('whoever was stopped is refused, and others go on', async (rig, first) => {
    const other = await rig.open()
    await first.stop()
    await first.stop()
    await assert.rejects(first.read(), { code: 'FAILED_PRECONDITION' })
    assert.deepEqual(valuesOf(await other.read()), FIRST)
    await other.stop()
  })
}

/** The first layer that has a key has its value. */
function valuesOf({ layers }: ConfigSnapshot): Record<string, string> {
  const found: Record<string, string> = {}
  for (const { values } of layers.toReversed()) for (const [key, { value }] of values) found[key] = String(value)
  return found
}
