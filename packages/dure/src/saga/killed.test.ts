import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { tripOf } from './killed.test-support.ts'
import { rigOf, until } from './saga.test-support.ts'

/** So many at once. */
const GROUPS = 4
const CHILD = fileURLToPath(new URL('./killed.child.test-support.ts', import.meta.url))

async function runChild(...given: readonly string[]): Promise<boolean> {
  const conditions = process.execArgv.filter((arg) => arg.startsWith('--conditions'))
  const child = spawn(process.execPath, [...conditions, CHILD, ...given], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.on('data', (text) => (said += String(text)))
  const [, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  if (said.includes('lived')) return true
  // Else it would be begun again without end.
  assert.equal(signal, 'SIGKILL', 'It ended by itself: what it said stands above')
  return false
}

// Each group has data of its own: who is killed is waited for until its lease is over, and all wait together.
describe('killed at each of its transactions', { concurrency: true }, () => {
  for (const [where, prefix] of [
    ['inside', 'g'],
    ['after', 'r'],
  ] as const)
    test(
      `killed ${where} each of its transactions, a saga ${prefix === 'g' ? 'ends' : 'is undone'}: each effect once, in order`,
      { timeout: 560_000 },
      async (t) => {
        const lived = await Promise.all(Array.from({ length: GROUPS }, (_, first) => killedAt(t, first + 1, { where, prefix })))
        assert.ok(Math.max(...lived) > 7, `It lived at the first time after ${lived.join(', ')}`)
      },
    )
})

/** Kills an instance at every `GROUPS`-th of its transactions, and looks at what came of each; answers where one lived. */
async function killedAt(
  t: TestContext,
  first: number,
  how: { readonly where: string; readonly prefix: string },
): Promise<number> {
  const { where, prefix } = how
  const rig = rigOf(t)
  const killed: number[] = []
  for (let at = first; ; at += GROUPS) {
    killed.push(at)
    if (await runChild(rig.directory, `${prefix}${at}`, String(at), where)) break
  }
  const { state, lines: read, book } = await rig.run([tripOf()])
  const undone = prefix === 'r'
  const begun: string[] = []
  for (const n of killed) {
    const id = `${prefix}${n}`
    // What was killed before its first commit was never begun.
    if ((await state(id)) === undefined) assert.ok(n <= 4, id)
    else begun.push(id)
  }
  for (const id of begun) await until(async () => ['completed', 'compensated'].includes(String(await state(id))))
  // What is undone by message is done after the end of who asked for it.
  await until(async () => {
    const told = await book()
    return !undone || begun.every((id) => told.some((text) => text === `unship ${id}` || text.startsWith(`unship ${id} `)))
  })
  const [all, told] = [await read(), await book()]
  for (const id of begun) {
    const own = all.filter((text) => text.endsWith(` ${id}`))
    assert.deepEqual(
      own,
      undone ? [`order ${id}`, `pack ${id}`, `unpack ${id}`, `unorder ${id}`] : [`order ${id}`, `pack ${id}`, `end ${id}`],
      `${id}: ${own.join(', ')}`,
    )
    // By call and by message.
    for (const [effect, back] of [
      ['pay', 'refund'],
      ['ship', 'unship'],
    ] as const) {
      const times = (what: string): number =>
        told.filter((text) => text === `${what} ${id}` || text.startsWith(`${what} ${id} `)).length
      // What undoes may be done again, as its contract says; what is undone may not.
      assert.deepEqual([times(effect), times(back) > 0], [1, undone], `${effect} ${id}: ${told.join(', ')}`)
    }
  }
  return killed.at(-1)!
}
