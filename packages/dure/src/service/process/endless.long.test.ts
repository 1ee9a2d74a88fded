import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { until } from '../rig.test-support.ts'
import { endless, Report, Shop } from './endless.test-support.ts'
import { supervised } from './supervised-system.test-support.ts'

test(
  'an operator that never returns ends its process, which comes again and again; nothing is lost or twice when it was mended',
  { timeout: 120_000 },
  async (t) => {
    const { directory, caller, events, pidsOf } = await supervised(t, {
      ...{ make: endless, program: new URL('./endless.test-support.ts', import.meta.url), more: { silence: 2_000 } },
    })
    const [first] = pidsOf('report')
    const sell = (seller: string, cents: number): Promise<void> => caller.client(Shop).sell({ seller, cents })
    const sumOf = async (seller: string): Promise<number | undefined> => {
      // While its process is away nobody answers.
      const [sum] = await caller
        .client(Report)
        .sum(seller)
        .catch(() => [])
      return sum
    }
    await sell('a', 1)
    await until(async () => (await sumOf('a')) === 1)
    await sell('a', 13)
    await sell('b', 2)
    const silent = (): number => events.filter(({ kind, name }) => kind === 'silent' && name === 'report').length
    // It meets the record again: nothing of it was committed.
    await until(() => silent() >= 2)
    writeFileSync(join(directory, 'mended'), '')
    await until(async () => (await sumOf('a')) === 14 && (await sumOf('b')) === 2)
    assert.notEqual(pidsOf('report')[0], first)
    await sell('a', 100)
    await until(async () => (await sumOf('a')) === 114)
  },
)
