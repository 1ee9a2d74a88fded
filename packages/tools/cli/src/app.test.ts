import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { dure, linkLibrary, temporary } from './shell.test-support.ts'

const SHOP = 'shop.test-support.ts'

const TWICE = `
import { command, contract } from 'dure/contract'
import { service, system } from 'dure/service'
const stock = service(contract('stock', { version: '1.0.0', owner: 't', operations: { reset: command({}) } }), { handlers: { reset() {} } })
export default system('twice', { services: [stock, stock] })
`

test('every command has help with examples that fits 120 columns', async () => {
  const { code, out } = await dure(['--help'])
  assert.equal(code, 0)
  const names = [...out.slice(out.indexOf('COMMANDS')).matchAll(/^ {2}(\w[\w-]*)/gm)].map(([, name]) => name!)
  assert.deepEqual(names, [
    'add',
    'dev',
    'start',
    'list',
    'instances',
    'console',
    'scale',
    'place',
    'plan',
    'restart',
    'call',
    'dead',
    'saga',
    'schedule',
    'audit',
    'auth',
    'ca',
    'config',
    'log',
    'profile',
    'lag',
    'model',
    'streams',
    'why',
    'mcp',
    'story',
    'trace',
    '2pc',
    'choose',
    'docs',
    'doctor',
    'compat',
    'facts',
    'can-i-deploy',
    'registry',
    'registrar',
    'config-server',
    'collector',
    'gateway',
    'schemas',
    'test',
    'check',
    'release',
    'image',
    'deploy',
    'promote',
    'rollback',
    'releases',
    'ci',
    'sim',
  ])
  for (const name of names) {
    const help = await dure([name, '--help'])
    assert.equal(help.code, 0, name)
    assert.match(help.out, /Examples:\n {2}dure /, name)
    for (const line of help.out.split('\n')) assert.ok(line.length <= 120, line)
  }
})

test('an unknown command, flag or value is misuse, with a hint', async () => {
  const unknown = await dure(['lst'])
  assert.equal(unknown.code, 2)
  assert.equal(unknown.out, '')
  assert.equal(unknown.err.trim(), 'Cannot run "lst": there is no such command; did you mean "dure list"?')
  for (const args of [
    ['list', '--nope'],
    ['start', '--port', '99999'],
    ['start', '--log', 'xml'],
    ['call'],
    ['compat', 'one.json'],
    ['call', 'find'],
    ['call', 'a.b', '--timeout', '-1'],
  ]) {
    const { code, err } = await dure(args)
    assert.equal(code, 2, args.join(' '))
    assert.notEqual(err, '')
  }
})

test('list shows services, routes, events and owners, and nothing in colour unless asked', async () => {
  const { code, out, err } = await dure(['list', SHOP])
  assert.equal(code, 0, err)
  assert.equal(
    out,
    [
      'shop: 2 services, 5 operations, 1 event',
      '',
      'orders 1.2.0  owner team-checkout',
      '  Takes orders and knows where they are',
      '  find   query    GET /orders/{id}',
      '                  GET /v1/orders/{id}',
      '  place  command  POST /orders         idempotent, needs orders:write',
      '  watch  stream   GET /orders',
      '  hang   command',
      '  announces  order.placed v1',
      '',
      'stock 0.3.1  owner team-warehouse',
      '  reset  command  PATCH /stock/reset',
      '',
    ].join('\n'),
  )
  assert.ok((await dure(['list', SHOP], { color: true })).out.includes('\u001b[36morders'))
  for (const line of (await dure(['list', SHOP], { columns: 60 })).out.split('\n')) assert.ok(line.length <= 60, line)
  const json = JSON.parse((await dure(['list', SHOP, '--json'])).out) as { services: { name: string; operations: object[] }[] }
  assert.deepEqual(
    json.services.map(({ name, operations }) => [name, operations.length]),
    [
      ['orders', 4],
      ['stock', 1],
    ],
  )
})

test('a system file that is not there, fails or exports no system is said so', async () => {
  const cwd = temporary()
  writeFileSync(join(cwd, 'syntax.ts'), 'const x: = 3\n')
  writeFileSync(join(cwd, 'enum.ts'), 'enum X { a }\n')
  writeFileSync(join(cwd, 'throws.ts'), 'throw new Error("no luck")\n')
  writeFileSync(join(cwd, 'nothing.ts'), 'export const a = 1\n')
  const cases: [string, number, RegExp][] = [
    ['gone.ts', 2, /Cannot find the system file "gone\.ts": there is no such file/],
    ['syntax.ts', 1, /Cannot load "syntax\.ts": Unexpected token/],
    ['enum.ts', 1, /erasable syntax only/],
    ['throws.ts', 1, /Cannot load "throws\.ts": no luck\n.*throws\.ts/],
    ['nothing.ts', 2, /it exports "a", and none of it was made by system\(\)/],
  ]
  for (const [file, expected, message] of cases) {
    const { code, out, err } = await dure(['list', file], { cwd })
    assert.equal(code, expected, file)
    assert.equal(out, '')
    assert.match(err, message)
  }
  assert.match((await dure(['list'], { cwd })).err, /Cannot find the system file "system\.ts".*package\.json/)
  linkLibrary(cwd)
  writeFileSync(join(cwd, 'twice.ts'), TWICE)
  const twice = await dure(['list', 'twice.ts'], { cwd })
  assert.equal(twice.code, 1)
  assert.match(twice.err, /Cannot put system "twice" together:[^]*"stock"/)
  assert.doesNotMatch(twice.err, /^ +at /m)
})

test('package.json names the system file, for the folders below it as well', async () => {
  const cwd = temporary()
  const below = join(cwd, 'below')
  mkdirSync(below)
  writeFileSync(join(cwd, 'package.json'), '{"dure":{"system":"gone/system.ts"}}')
  assert.match((await dure(['list'], { cwd: below })).err, /gone\/system\.ts.*package\.json names it/)
  writeFileSync(join(cwd, 'package.json'), '{')
  assert.match((await dure(['list'], { cwd })).err, /Cannot read ".*package\.json"/)
})
