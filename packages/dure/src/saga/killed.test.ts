import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { tripOf } from './killed.test-support.ts'
import { rigOf, until } from './saga.test-support.ts'

const CHILD = fileURLToPath(new URL('./killed.child.test-support.ts', import.meta.url))

async function runChild(...given: readonly string[]): Promise<boolean> {
  const conditions = process.execArgv.filter((arg) => arg.startsWith('--conditions'))
  const child = spawn(process.execPath, [...conditions, CHILD, ...given], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.on('data', (text) => (said += String(text)))
  await once(child, 'close')
  return said.includes('lived')
}

for (const [where, prefix] of [
  ['inside', 'g'],
  ['after', 'r'],
] as const)
  test(
    `killed ${where} each of its transactions, a saga ${prefix === 'g' ? 'ends' : 'is undone'}: each effect once, in order`,
    { timeout: 280_000 },
    async (t) => {
      const rig = rigOf(t)
      let at = 1
      for (let lived = false; !lived; at++) lived = await runChild(rig.directory, `${prefix}${at}`, String(at), where)
      assert.ok(at > 7, `It died ${at - 2} times`)
      const { state, lines, book } = await rig.run([tripOf()])
      const [all, told] = [await lines(), await book()]
      for (let n = 1; n < at; n++) {
        const id = `${prefix}${n}`
        const own = all.filter((text) => text.endsWith(` ${id}`))
        const state0 = await state(id)
        // What was killed before its first commit was never begun.
        if (state0 === undefined) {
          assert.ok(n <= 4, id)
          continue
        }
        await until(async () => ['completed', 'compensated'].includes(String(await state(id))))
        assert.deepEqual(
          own,
          prefix === 'g'
            ? [`order ${id}`, `pack ${id}`, `end ${id}`]
            : [`order ${id}`, `pack ${id}`, `unpack ${id}`, `unorder ${id}`],
          `${id}: ${own.join(', ')}`,
        )
        // By call and by message.
        for (const [done, undone] of [
          ['pay', 'refund'],
          ['ship', 'unship'],
        ] as const) {
          const lines = told.filter((text) => text === `${done} ${id}` || text.startsWith(`${done} ${id} `))
          assert.equal(lines.length, 1, `${done} ${id}: ${told.join(', ')}`)
          assert.equal(told.includes(`${undone} ${id}`), prefix === 'r', `${undone} ${id}`)
        }
      }
    },
  )
