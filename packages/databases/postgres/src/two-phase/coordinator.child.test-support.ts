import { twoPhase } from './two-phase.ts'
import { intercept, transfer } from './two-phase.test-support.ts'

/** A coordinator that says so and stands still before its n-th statement that begins with the given words. It is to be killed then. */
const [, , name = '', here = '', there = '', log = '', beginning = '', nth = '1'] = process.argv
let met = 0
intercept(beginning, () => {
  if (++met < Number(nth)) return Promise.resolve()
  if (met === Number(nth)) process.stdout.write('stands still\n')
  return new Promise(() => {})
})
const coordinator = await twoPhase({ name, databases: [here, there] as const, log, recoverEvery: 600_000, timeout: 600_000 })
setInterval(() => {}, 1_000)
await transfer(coordinator, 30)
