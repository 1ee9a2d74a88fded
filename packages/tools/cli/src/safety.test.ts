import assert from 'node:assert/strict'
import { test } from 'node:test'
import { command, contract, query } from 'dure/contract'
import { database } from 'dure/data'
import type { CallPolicies } from 'dure/call'
import { service, system } from 'dure/service'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeSafety, safetyOf } from './safety.ts'
import { dure, linkLibrary, temporary } from './shell.test-support.ts'

const Stock = contract('stock', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    take: command({}),
    put: command({ http: 'PUT /stock' }),
    clear: command({ http: 'DELETE /stock', idempotent: true }),
    left: query({}),
  },
})
const handlers = { take: () => {}, put: () => {}, clear: () => {}, left: () => {} }
const found = (policies: CallPolicies, withDatabase = true): readonly string[] => {
  const data = withDatabase ? { database: database<object>({ migrations: { '001': 'CREATE TABLE stock (id INTEGER)' } }) } : {}
  const services = [service(Stock, { handlers, ...data })]
  return safetyOf(system('shop', { services, policies })).findings.map(
    ({ severity, place, problem }) => `${severity} ${place} ${/"([^"]+)"|no database|no such thing/.exec(problem)![0]}`,
  )
}

test('what has calls made twice that cannot be is found, and what can be is not', () => {
  assert.deepEqual(found({}), ['notice stock.put "PUT /stock"'])
  assert.deepEqual(found({}, false), [
    'notice stock.take no database',
    'notice stock.put "PUT /stock"',
    'notice stock.put no database',
  ])
  const twice = { hedge: { after: 100 }, remote: { attempts: 3 }, cache: {}, collapse: true }
  const errors = (policies: CallPolicies): number => found(policies).filter((each) => each.startsWith('error')).length
  // Each of the four has no effect on a command that is not idempotent.
  assert.equal(errors({ 'stock.take': twice }), 4)
  assert.equal(errors({ 'stock.clear': twice }), 2)
  assert.equal(errors({ 'stock.left': twice, stock: twice, '*': twice }), 0)
  assert.equal(errors({ 'stock.take': { remote: { attempts: 1 }, hedge: false } }), 0)
  assert.deepEqual(found({ 'stock.tak': {}, stok: {} }).slice(0, 2), [
    'error stock.tak no such thing',
    'error stok no such thing',
  ])
})

test('a report without findings says so, and one with says what to do', () => {
  const report = { system: 'shop', operations: 2, idempotent: 1, findings: [] }
  assert.match(describeSafety(report), /^shop: 2 operations, 1 of them may be made twice;.*\n\nNothing found$/)
  const finding = { severity: 'error', place: 'stock.take', problem: 'it cannot', todo: 'Do not' } as const
  assert.match(
    describeSafety({ ...report, findings: [finding] }),
    /error {3}stock\.take: it cannot\n {8}Do not\n\n1 error, 0 notices$/,
  )
})

test('check calls fails where there is an error, and not over a notice', async () => {
  const cwd = temporary()
  linkLibrary(cwd)
  const file = (name: string, policies: string): void =>
    writeFileSync(
      join(cwd, name),
      `import { command, contract } from 'dure/contract'
       import { service, system } from 'dure/service'
       const Stock = contract('stock', { version: '1.0.0', owner: 'tests', operations: { take: command({}) } })
       export default system('shop', { services: [service(Stock, { handlers: { take: () => {} } })], policies: ${policies} })`,
    )
  file('system.ts', '{}')
  const fine = await dure(['check', 'calls', '--json'], { cwd })
  assert.equal(fine.code, 0, fine.err)
  assert.equal(JSON.parse(fine.out).findings[0].severity, 'notice')
  file('wrong.ts', "{ 'stock.take': { hedge: { after: 100 } } }")
  const wrong = await dure(['check', 'calls', 'wrong.ts'], { cwd })
  assert.equal(wrong.code, 1)
  assert.match(wrong.out, /error {3}stock\.take: the system has it made again \("hedge"\), and it is not idempotent/)
})
