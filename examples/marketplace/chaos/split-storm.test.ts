import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { seededRandom } from 'dure/runtime'
import type { Child } from './child.ts'
import type { Processes } from './processes.ts'
import { createSplitStorm, type SplitEvent } from './split-storm.ts'
import { createWaits } from './waits.ts'

const NAMES = ['broker', 'cart', 'doors']

/** Processes that are started again when they are killed, unless they are lost. */
function rig(lost?: string) {
  const children = new Map<string, ChildProcess>()
  const history: string[] = []
  let over = false
  const launch = (name: string): void => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
    children.set(name, child)
    void once(child, 'exit').then(() => {
      history.push(`${name} down`)
      if (!over && name !== lost) launch(name)
    })
  }
  for (const name of NAMES) launch(name)
  const processes: Processes = {
    names: () => NAMES,
    pidOf: (name) => children.get(name)!.pid,
    isBack: async () => true,
    gone: async () => {},
  }
  let running = true
  const marketplace: Child = {
    running: () => running,
    signal: () => {},
    lastWords: () => 'nothing of use',
    start: async () => {
      running = true
      return 1
    },
    kill: async () => {
      running = false
      history.push('supervisor down')
    },
  }
  const stop = (): void => {
    over = true
    for (const child of children.values()) child.kill('SIGKILL')
  }
  return { processes, marketplace, history, stop, die: () => void (running = false) }
}

function storm(parts: ReturnType<typeof rig>, kills: number, events: SplitEvent[] = []) {
  let finished = 0
  return createSplitStorm({
    ...parts,
    ...{ kills, seconds: 0.05, freeze: false },
    waits: createWaits(),
    random: seededRandom(1),
    finished: () => (finished += 10),
    signal: new AbortController().signal,
    onEvent: (event) => void events.push(event),
  })
}

test('the kills go through all processes, the supervisor included, and begin again', async () => {
  const parts = rig()
  const events: SplitEvent[] = []
  try {
    const result = await storm(parts, 5, events).run()
    assert.equal(result.kills, 5)
    assert.deepEqual(parts.history, ['broker down', 'cart down', 'doors down', 'supervisor down', 'broker down'])
    assert.deepEqual(
      events.filter(({ kind }) => kind === 'back').map(({ kind: _, ...event }) => ('name' in event ? event.name : '')),
      ['broker', 'cart', 'doors', 'supervisor', 'broker'],
    )
  } finally {
    parts.stop()
  }
})

test('a supervisor that ends by itself does not hide among the kills', async () => {
  const parts = rig()
  try {
    parts.die()
    await assert.rejects(storm(parts, 2).run(), /its supervisor ended by itself; the last it said: nothing of use/)
  } finally {
    parts.stop()
  }
})
