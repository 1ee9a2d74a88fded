import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { temporary } from '../project.test-support.ts'
import { memoryTarget } from '../memory.test-support.ts'
import { releaseOf } from '../releases.test-support.ts'
import { openPlatform } from './platform.ts'

type Next = 'the same' | 'another' | 'roll back'

/**
 * Kills a deployer of a second release at each point there is: after each line it writes, before and after each change of its target. Another
 * one does what is to be next there. Answers how many points there were.
 */
export async function killedEverywhere(t: TestContext, nexts: (point: number) => readonly Next[]): Promise<number> {
  class Killed extends Error {}
  /** Runs until it is killed at a point; whether there was such a point. */
  const killedAt = async (point: number, rig: ReturnType<typeof memoryTarget>, directory: string): Promise<boolean> => {
    let [left, dead] = [point, false]
    const die = (): void => {
      if (dead || left-- === 0) {
        if (!dead) platform.close()
        dead = true
        throw new Killed('It was killed')
      }
    }
    const mortal =
      <A extends readonly unknown[], R>(work: (...given: A) => Promise<R>) =>
      async (...given: A): Promise<R> => {
        die()
        const value = await work(...given)
        die()
        return value
      }
    const { apply, shift, scale, rollBack } = rig.target
    const target = { ...rig.target, apply: mortal(apply), shift: mortal(shift), scale: mortal(scale), rollBack: mortal(rollBack) }
    const platform = openPlatform({ name: 'production', directory, target, watch: 10, readiness: 100 })
    try {
      await platform.deploy(releaseOf('2'), { onStep: die })
      platform.close()
      return false
    } catch (error) {
      if (!dead) throw error
      return true
    }
  }
  let points = 0
  for (let [point, more] = [0, true]; more; point++) {
    for (const next of nexts(point)) {
      const rig = memoryTarget()
      const directory = temporary(t)
      const first = openPlatform({ name: 'production', directory, target: rig.target, watch: 10 })
      await first.deploy(releaseOf('1'))
      first.close()
      const { lost, value: killed } = await rig.during(async () => {
        const killed = await killedAt(point, rig, directory)
        const after = openPlatform({ name: 'production', directory, target: rig.target, watch: 10 })
        if (next === 'roll back') await after.rollBack({ to: '1' })
        else assert.equal((await after.deploy(releaseOf(next === 'another' ? '3' : '2'))).outcome, 'done')
        const left = after.rollouts().filter(({ state }) => state === 'running' || state === 'rolling back')
        after.close()
        assert.deepEqual(left, [], `killed at ${point}`)
        return killed
      })
      const taking = (await rig.target.list()).filter(({ copies }) => copies > 0)
      const wanted = { 'the same': '2', another: '3', 'roll back': '1' }[next]
      assert.deepEqual(
        taking.map(({ release, share }) => [release.version, share]),
        [[wanted, 100]],
        `killed at ${point}, then ${next}`,
      )
      assert.equal(lost, 0)
      if (killed) points++
      else more = false
    }
  }
  return points
}
