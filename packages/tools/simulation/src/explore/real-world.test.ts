import assert from 'node:assert/strict'
import { mkdtempSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { explore } from '../simulation.ts'

/** A handler that commits as often as the real world says, and the line that asks it. */
function file(asks: string): { readonly path: string; readonly line: number } {
  const folder = mkdtempSync(join(tmpdir(), 'dure-causes-'))
  symlinkSync(join(import.meta.dirname, '../../../../../node_modules'), join(folder, 'node_modules'))
  const path = join(folder, 'system.ts')
  const text = `
import { command, contract } from 'dure/contract'
import { database } from 'dure/data'
import { service, system } from 'dure/service'
import { randomUUID, randomInt } from 'node:crypto'
import * as own from 'node:crypto'
const Odd = contract('odd', { version: '1.0.0', owner: 'tests', operations: { work: command({}) } })
const asked = (): number =>
  ${asks} // asked here
export default system('odd', { services: [service(Odd, {
  database: database({ migrations: { '1': 'CREATE TABLE x (n INTEGER)' } }),
  handlers: { work: async (_input, { database, random }) => {
    for (let i = asked() % 13; i > 0; i--) await database.transaction((tx) => tx.insertInto('x').values({ n: i }).execute())
    random.number()
  } },
})] })
export const simulation = { invariants: {}, faults: ['freeze'],
  load: { duration: 6_000, clients: 2, pause: 100, step: ({ client }) => client(Odd).work() } }
`
  writeFileSync(path, text)
  return { path, line: text.split('\n').findIndex((one) => one.includes('// asked here')) + 1 }
}

for (const [what, asks] of [
  ['Date.now', 'Date.now()'],
  ['new Date()', 'new Date().getTime()'],
  ['Math.random', 'Math.floor(Math.random() * 1e6)'],
  ['performance.now', 'Math.floor(performance.now() * 1_000)'],
  ['process.hrtime', 'process.hrtime()[1]'],
  ['process.hrtime', 'Number(process.hrtime.bigint() % 1_000_003n)'],
  ['crypto.randomUUID', 'Number.parseInt(crypto.randomUUID().slice(0, 8), 16)'],
  ['crypto.randomUUID', 'Number.parseInt(randomUUID().slice(0, 8), 16)'],
  ['crypto.randomInt', 'randomInt(1_000_000)'],
  ['crypto.randomBytes', 'own.randomBytes(1)[0]!'],
  ['crypto.getRandomValues', 'crypto.getRandomValues(new Uint8Array(1))[0]!'],
] as const) {
  test(
    `a run that depends on the real world names what was asked, where, and the cure: ${asks}`,
    { timeout: 60_000 },
    async () => {
      const { path, line } = file(asks)
      const { failures } = await explore({ file: path, seeds: 1, threads: 1 })
      const [found] = failures
      assert.ok(found?.kind === 'nondeterministic')
      assert.match(found.message, /^two runs differ first at line \d+/)
      assert.match(found.message, /take "clock", "random" and "ids" of the context/)
      assert.ok(found.message.includes(`${what} (`), found.message)
      assert.match(found.message, new RegExp(`system\\.ts:${line}:\\d+\\)`))
    },
  )
}
