import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { shopping } from '../shop.test-support.ts'
import { simulate, type LoadWorld } from '../simulation.ts'

test('runs leave nothing behind, whoever died in them: as many as you like fit into memory', { timeout: 120_000 }, async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const worlds: WeakRef<LoadWorld>[] = []
  let deaths = 0
  for (let seed = 1; seed <= 12; seed++) {
    const simulation = shopping()()
    const { load } = simulation
    const setup = async (world: LoadWorld): Promise<void> => {
      worlds.push(new WeakRef(world))
      await load.setup?.(world)
    }
    const outcome = await simulate({ simulation: { ...simulation, load: { ...load, setup } }, seed })
    deaths += outcome.faults.filter(({ kind }) => kind === 'crash').length
  }
  assert.ok(deaths >= 5, `${deaths} crashes`)
  // What the last turn holds goes with it.
  for (let turn = 0; turn < 3; turn++) {
    await new Promise((resolve) => void setImmediate(resolve))
    collect()
  }
  const kept = worlds.filter((world) => world.deref() !== undefined).length
  assert.ok(kept <= 1, `${kept} of ${worlds.length} runs are still held`)
})
