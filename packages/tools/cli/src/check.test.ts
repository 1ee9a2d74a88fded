import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { dure, linkLibrary, SOURCES, temporary } from './shell.test-support.ts'

const HEAD = `
import { contract, query } from 'dure/contract'
import { service, system } from 'dure/service'
import { z } from 'zod'
const Clock = contract('clock', {
  version: '1.0.0', owner: 'tests',
  operations: { next: query({ input: z.object({ day: z.date() }), output: z.date() }) },
})
`

function systemFile(handler: string): string {
  const folder = temporary()
  linkLibrary(folder)
  writeFileSync(
    join(folder, 'system.ts'),
    `${HEAD}export const clocks = system('clocks', { services: [service(Clock, { handlers: { next: ${handler} } })] })\n`,
  )
  return folder
}

test('check placement says that services answer alike wherever they run', async () => {
  const cwd = systemFile('({ day }) => new Date(day.getTime() % 1000)')
  const words = ['--runs', '5', '--seed', '4', '--placement', 'unix', '--placement', 'tcp']
  const { code, out, err } = await dure(['check', 'placement', 'system.ts', ...words], { cwd })
  assert.equal(code, 0, out + err)
  assert.match(
    out,
    /^clocks: together, over a Unix socket, over TCP; 5 calls of each operation, seed\n4\n\nclock +equal; 1 operation, 5 calls: \d answers?, \d errors?\n\nNo difference found/,
  )
  assert.equal(err, 'Checking 1 service of "clocks"\n')
})

test('check placement shows a difference at 80 columns and fails', async () => {
  // What another process is, a handler can find out; that it should not is what the check is for.
  const cwd = systemFile('({ day }) => (process.send === undefined ? day : new Date(0))')
  // In a process of its own: this one may be somebody's child.
  const bin = join(SOURCES, '../bin/dure.js')
  const args = ['check', 'placement', '--runs', '5', '--placement', 'process']
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...args], { cwd, encoding: 'utf8', timeout: 120_000 })
  assert.equal(status, 1, stdout + stderr)
  assert.match(stdout, /^clock +1 difference; 1 operation, 5 calls: \d answers?, \d errors?$/m)
  assert.match(stdout, /^clock\.next differs in another process: two moments at \.value$/m)
  assert.match(stdout, /^ {2}call clock\.next: \{ day: (1970-01-01T00:00:00\.001|1969-12-31T23:59:59\.999)Z \}$/m)
  assert.match(stdout, /^ {2}in another process: 1970-01-01T00:00:00\.000Z$/m)
  assert.match(stdout, /Placement changes behaviour\.\n$/)
  for (const line of stdout.split('\n')) assert.ok(line.length <= 80, line)
})

test('check placement makes every copy anew where a file exports a function, and prints JSON for programs', async () => {
  const folder = temporary()
  linkLibrary(folder)
  const handlers = '{ handlers: { next: ({ day }) => new Date((day.getTime() % 1000) + count++) } }'
  const body = `{ let count = 0; return system('clocks', { services: [service(Clock, ${handlers})] }) }`
  writeFileSync(join(folder, 'system.ts'), `${HEAD}export default () => ${body}\n`)
  const args = ['check', 'placement', 'system.ts', '--runs', '10', '--placement', 'tcp', '--json']
  const { code, out, err } = await dure(args, { cwd: folder })
  assert.equal(code, 0, out + err)
  const { ok, system, services } = JSON.parse(out) as Record<string, unknown>
  assert.deepEqual([ok, system], [true, 'clocks'])
  const [{ operations }] = services as [{ operations: { operation: string; answered: number; varying: unknown[] }[] }]
  assert.ok(operations[0]!.answered > 1, out)
  // A count that copies shared would differ between them, or vary by itself.
  assert.deepEqual(operations[0]!.varying, [])
})

test('check placement refuses what it cannot use', async () => {
  const cwd = systemFile('({ day }) => day')
  for (const args of [['--runs', '0'], ['--seed', 'x'], ['--placement', 'moon'], ['other.ts']]) {
    const { code, err } = await dure(['check', 'placement', ...args], { cwd })
    assert.equal(code, 2, args.join(' '))
    assert.notEqual(err, '')
  }
  assert.match((await dure(['check', 'placement', '--runs', '0'], { cwd })).err, /"0" is not a whole number from 1 to 100000/)
})
