import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Child } from './child.ts'
import type { Processes } from './processes.ts'
import { createRolling, createSaid } from './rolling.ts'
import { countedVisits, NOTHING } from './visits.test-support.ts'

const NAMES = ['broker', 'doors']

/** A marketplace that says what it is told to say when it is to replace its processes. */
function rig(says: (pids: Map<string, number>) => readonly string[]) {
  const said = createSaid()
  const pids = new Map(NAMES.map((name, i) => [name, i]))
  let [running, finished] = [true, 0]
  const { visit, visits } = countedVisits()
  const marketplace: Child = {
    start: async () => 0,
    kill: async () => {},
    running: () => running,
    lastWords: () => 'nothing of use',
    signal: (signal) => {
      assert.equal(signal, 'SIGUSR2')
      for (const line of says(pids)) said.hear(line)
    },
  }
  const processes: Processes = {
    names: () => NAMES,
    pidOf: (name) => pids.get(name),
    isBack: async () => true,
    gone: async () => {},
  }
  const rounds: number[] = []
  const storm = createRolling({
    ...{ marketplace, processes, said, rounds: 2 },
    finished: () => (finished += 100),
    signal: new AbortController().signal,
    visit,
    onEvent: ({ round }) => void rounds.push(round),
  })
  return { storm, rounds, visits, die: () => void (running = false) }
}

const replaceAll = (pids: Map<string, number>): readonly string[] => {
  for (const [name, pid] of pids) pids.set(name, pid + 10)
  return ['Process "broker" replaced in 12 ms', 'Process "doors" replaced in 34 ms', 'Every process has been replaced']
}

test('every round replaces every process, and says how long each took', async () => {
  const { storm, rounds, visits } = rig(replaceAll)
  const { unnoticed } = await storm.run()
  const round = [
    { name: 'broker', ms: 12 },
    { name: 'doors', ms: 34 },
  ]
  assert.deepEqual(unnoticed, { rounds: 2, steps: [...round, ...round], fresh: NOTHING, slow: NOTHING, busy: NOTHING })
  assert.deepEqual(rounds, [1, 2])
  assert.equal(visits(), 0)
})

test('what goes wrong is an error, and nobody is left who still visits', async () => {
  const failures: [(pids: Map<string, number>) => readonly string[], RegExp][] = [
    [() => ['Cannot replace "doors": it ended with code 1'], /Cannot replace "doors": it ended with code 1; the last/],
    [() => ['Process "cart" was killed by SIGKILL; starting it again'], /Process "cart" was killed/],
    [() => ['Every process has been replaced'], /process "broker", "doors" was not replaced/],
  ]
  for (const [says, message] of failures) {
    const { storm, visits } = rig(says)
    await assert.rejects(storm.run(), message)
    assert.equal(visits(), 0)
  }
  const { storm, die } = rig(() => [])
  die()
  await assert.rejects(storm.run(), /it ended by itself/)
})
