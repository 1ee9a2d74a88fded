import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { checkLayering, describe, type Finding } from './layering.ts'

const root = join(import.meta.dirname, '..', '..')

/** A small tree that keeps every rule; each test breaks one. */
const sound: Readonly<Record<string, string>> = {
  'package.json': JSON.stringify({
    workspaces: ['packages/dure', 'packages/tools/*', 'packages/protocols/*', 'packages/brokers/*', 'examples/*'],
  }),
  'packages/dure/package.json': JSON.stringify({
    name: 'dure',
    exports: {
      './contract': { 'dure-source': './src/contract/contract.ts' },
      './contract/internal': { 'dure-source': './src/contract/internal.ts' },
      './data': { 'dure-source': './src/data/data.ts' },
    },
  }),
  'packages/dure/src/contract/contract.ts': `export const one = 1\n`,
  'packages/dure/src/contract/wire.ts': `import { one } from './contract.ts'\nexport const wire = one\n`,
  'packages/dure/src/contract/internal.ts': `export { wire } from './wire.ts'\n`,
  'packages/dure/src/data/inside.ts': `import { wire } from '../contract/internal.ts'\nexport const inside = wire\n`,
  'packages/dure/src/data/data.ts': `export { outbox } from './outbox.ts'\n`,
  'packages/dure/src/data/outbox.ts': `import { one } from '../contract/contract.ts'\nexport const outbox = one\n`,
  'packages/protocols/rest/package.json': JSON.stringify({
    name: '@dure/rest',
    exports: { '.': { 'dure-source': './src/rest.ts' } },
  }),
  'packages/protocols/rest/src/rest.ts': `import { one } from 'dure/contract'\nexport const rest = one\n`,
  'packages/tools/cli/package.json': JSON.stringify({ name: '@dure/cli', exports: { '.': { 'dure-source': './src/cli.ts' } } }),
  'packages/tools/cli/src/cli.ts': `import { rest } from '@dure/rest'\nimport { start } from './commands/start.ts'\nexport const cli = rest + start\n`,
  'packages/tools/cli/src/commands/start.ts': `export const start = 1\n`,
  'packages/tools/testing/package.json': JSON.stringify({
    name: '@dure/testing',
    exports: { './servers': { 'dure-source': './src/servers/servers.ts' } },
  }),
  'packages/tools/testing/src/servers/servers.ts': `export const server = 1\n`,
  'packages/brokers/log/package.json': JSON.stringify({ name: '@dure/log', exports: { '.': { 'dure-source': './src/log.ts' } } }),
  'packages/brokers/log/src/log.ts': `import { one } from 'dure/contract'\nexport const log = one\n`,
  'packages/brokers/log/src/log.test.ts': `import { server } from '@dure/testing/servers'\nimport { log } from './log.ts'\nconsole.log(server + log)\n`,
  'examples/shop/package.json': JSON.stringify({ name: 'shop', private: true }),
  'examples/shop/main.ts': `import { cart } from './services/cart/service.ts'\nconsole.log(cart)\n`,
  'examples/shop/system.ts': `const system = 1\nexport default system\n`,
  'examples/shop/services/cart/contract.ts': `import { one } from 'dure/contract'\nexport const Cart = one\n`,
  'examples/shop/services/cart/service.ts': `import { Stock } from '../stock/contract.ts'\nimport { total } from './domain/total.ts'\nexport const cart = Stock + total\n`,
  'examples/shop/services/money.ts': `export const cents = 1\n`,
  'examples/shop/services/cart/domain/total.ts': `import { Cart } from '../contract.ts'\nimport { cents } from '../../money.ts'\nexport const total = Cart + cents\n`,
  'examples/shop/services/stock/contract.ts': `export const Stock = 1\n`,
  'examples/shop/services/stock/service.ts': `export const stock = 1\n`,
  'examples/shop/workload/main.ts': `import { Cart } from '../services/cart/contract.ts'\nconsole.log(Cart)\n`,
}

function check(t: TestContext, change: Readonly<Record<string, string | undefined>>): readonly Finding[] {
  const folder = mkdtempSync(join(tmpdir(), 'dure-layering-'))
  t.after(() => rmSync(folder, { recursive: true }))
  for (const [path, text] of Object.entries({ ...sound, ...change })) {
    if (text === undefined) continue
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  return checkLayering(folder).findings
}

test('this repository keeps its own rules', () => {
  const { files, imports, findings } = checkLayering(root)
  assert.ok(files > 50 && imports > 100, `only ${files} files and ${imports} imports were seen`)
  assert.equal(findings.map(describe).join('\n'), '')
})

test('a sound tree has no findings', (t) => assert.deepEqual(check(t, {}), []))

const wrong: readonly {
  readonly what: string
  readonly rule: string
  readonly file: string
  readonly line: number
  readonly text: string
}[] = [
  {
    what: 'an arrow to the right',
    rule: 'rooms',
    file: 'packages/dure/src/contract/event.ts',
    line: 2,
    text: `// why\nimport { outbox } from '../data/data.ts'\nexport const event = outbox\n`,
  },
  {
    what: 'an arrow to the right that carries only a type',
    rule: 'rooms',
    file: 'packages/dure/src/contract/event.ts',
    line: 1,
    text: `import type { outbox } from '../data/data.ts'\nexport type Event = typeof outbox\n`,
  },
  {
    what: 'an arrow to the right inside a type expression',
    rule: 'rooms',
    file: 'packages/dure/src/contract/event.ts',
    line: 1,
    text: `export type Event = typeof import('../data/data.ts')\n`,
  },
  {
    what: 'an arrow to the right by a dynamic import',
    rule: 'rooms',
    file: 'packages/dure/src/contract/event.ts',
    line: 1,
    text: `export const later = () => import('../data/data.ts')\n`,
  },
  {
    what: 'a conformance suite that looks to the right',
    rule: 'rooms',
    file: 'packages/dure/src/contract/contract.conformance.ts',
    line: 1,
    text: `import { outbox } from '../data/data.ts'\nexport const suite = outbox\n`,
  },
  {
    what: 'a room nobody has heard of',
    rule: 'rooms',
    file: 'packages/dure/src/attic/attic.ts',
    line: 1,
    text: `export const box = 1\n`,
  },
  {
    what: 'a window of another room',
    rule: 'doors',
    file: 'packages/dure/src/data/inbox.ts',
    line: 1,
    text: `import { wire } from '../contract/wire.ts'\nexport const inbox = wire\n`,
  },
  {
    what: 'a window of another room, from a test',
    rule: 'doors',
    file: 'packages/dure/src/contract/wire.test.ts',
    line: 1,
    text: `import { outbox } from '../data/outbox.ts'\nexport const seen = outbox\n`,
  },
  {
    what: 'a file two folders up reaching into a shelf',
    rule: 'doors',
    file: 'packages/tools/cli/src/deep/deep.ts',
    line: 1,
    text: `import { start } from '../commands/start.ts'\nexport const deep = start\n`,
  },
  {
    what: 'a relative path out of the package',
    rule: 'published names',
    file: 'packages/protocols/rest/src/problem.ts',
    line: 1,
    text: `import { one } from '../../../dure/src/contract/contract.ts'\nexport const problem = one\n`,
  },
  {
    what: 'an example that climbs into a package',
    rule: 'published names',
    file: 'examples/shop/system.ts',
    line: 1,
    text: `import { one } from '../../packages/dure/src/contract/contract.ts'\nexport const system = one\n`,
  },
  {
    what: 'a subpath nobody publishes',
    rule: 'published names',
    file: 'examples/shop/system.ts',
    line: 1,
    text: `import { one } from 'dure/contract/wire'\nexport const system = one\n`,
  },
  {
    what: 'a package that imports itself by name',
    rule: 'published names',
    file: 'packages/dure/src/data/inbox.ts',
    line: 1,
    text: `import { one } from 'dure/contract'\nexport const inbox = one\n`,
  },
  {
    what: 'the library that knows a tool',
    rule: 'package arrows',
    file: 'packages/dure/src/data/inbox.ts',
    line: 1,
    text: `import { cli } from '@dure/cli'\nexport const inbox = cli\n`,
  },
  {
    what: 'a protocol that knows a tool',
    rule: 'package arrows',
    file: 'packages/protocols/rest/src/problem.ts',
    line: 1,
    text: `export { cli } from '@dure/cli'\nexport const problem = 1\n`,
  },
  {
    what: 'a broker that knows a tool outside of its tests',
    rule: 'package arrows',
    file: 'packages/brokers/log/src/answer.ts',
    line: 1,
    text: `import { server } from '@dure/testing/servers'\nexport const answer = server\n`,
  },
  {
    what: 'a test of the library that knows what only tests of brokers may',
    rule: 'package arrows',
    file: 'packages/dure/src/data/problem.test.ts',
    line: 1,
    text: `import { server } from '@dure/testing/servers'\nexport const problem = server\n`,
  },
  {
    what: 'an import without its ending',
    rule: 'explicit imports',
    file: 'packages/dure/src/data/inbox.ts',
    line: 1,
    text: `import { outbox } from './outbox'\nexport const inbox = outbox\n`,
  },
  {
    what: 'an example that imports what is internal',
    rule: 'published names',
    file: 'examples/shop/system.ts',
    line: 1,
    text: `import { wire } from 'dure/contract/internal'\nexport const system = wire\n`,
  },
  {
    what: 'a service that imports another beyond its contract',
    rule: 'services',
    file: 'examples/shop/services/cart/checkout.ts',
    line: 1,
    text: `import { stock } from '../stock/service.ts'\nexport const checkout = stock\n`,
  },
  {
    what: 'a domain that knows its adapter',
    rule: 'hexagon',
    file: 'examples/shop/services/cart/domain/voucher.ts',
    line: 1,
    text: `import type { cart } from '../service.ts'\nexport type Voucher = typeof cart\n`,
  },
  {
    what: 'a domain that knows a library',
    rule: 'hexagon',
    file: 'examples/shop/services/cart/domain/voucher.ts',
    line: 1,
    text: `import { Kysely } from 'kysely'\nexport const voucher = Kysely\n`,
  },
  {
    what: 'a workload that reaches into a service',
    rule: 'outsiders',
    file: 'examples/shop/workload/mix.ts',
    line: 1,
    text: `import { stock } from '../services/stock/service.ts'\nexport const mix = stock\n`,
  },
  {
    what: 'two files that need each other',
    rule: 'no cycles',
    file: 'packages/dure/src/contract/wire.ts',
    line: 1,
    text: `import type { Wire } from './wire-of.ts'\nexport const wire: Wire = 1\n`,
  },
  {
    what: 'a default export',
    rule: 'no default exports',
    file: 'examples/shop/prices.ts',
    line: 2,
    text: `const system = 1\nexport default system\n`,
  },
  {
    what: 'a default export by another road',
    rule: 'no default exports',
    file: 'examples/shop/prices.ts',
    line: 2,
    text: `const system = 1\nexport { system as default }\n`,
  },
  {
    what: 'a barrel',
    rule: 'no barrels',
    file: 'packages/dure/src/data/everything.ts',
    line: 1,
    text: `export { outbox } from './outbox.ts'\n`,
  },
  {
    what: 'a star',
    rule: 'no barrels',
    file: 'packages/dure/src/data/data.ts',
    line: 1,
    text: `export * from './outbox.ts'\n`,
  },
  {
    what: 'a file too long to read',
    rule: 'length',
    file: 'examples/shop/system.ts',
    line: 601,
    text: `${'// line\n'.repeat(600)}export const system = 1\n`,
  },
  { what: 'a name that says nothing', rule: 'names', file: 'examples/shop/utils.ts', line: 1, text: `export const system = 1\n` },
  {
    what: 'a folder that says nothing',
    rule: 'names',
    file: 'examples/shop/common/money.ts',
    line: 1,
    text: `export const m = 1\n`,
  },
  {
    what: 'the clock read in pattern code',
    rule: 'the world behind ports',
    file: 'packages/dure/src/data/inbox.ts',
    line: 1,
    text: `export const inbox = new Date()\n`,
  },
  {
    what: 'a global under another name',
    rule: 'the world behind ports',
    file: 'packages/dure/src/data/inbox.ts',
    line: 1,
    text: `const { now } = Date\nexport const inbox = now\n`,
  },
]

for (const { what, rule, file, line, text } of wrong) {
  test(`${what} is found (${rule})`, (t) => {
    const also =
      rule === 'no cycles'
        ? { 'packages/dure/src/contract/wire-of.ts': `export type Wire = typeof import('./wire.ts').wire\n` }
        : {}
    const findings = check(t, { [file]: text, ...also })
    assert.equal(findings.length, 1, findings.map(describe).join('\n'))
    const [finding] = findings
    assert.equal(finding!.rule, rule)
    if (rule === 'no cycles') {
      assert.match(finding!.found, /wire-of\.ts → .*wire\.ts → .*wire-of\.ts|wire\.ts → .*wire-of\.ts → .*wire\.ts/)
    } else assert.deepEqual({ file: finding!.file, line: finding!.line }, { file, line })
    assert.match(describe(finding!), /^\S+:\d+ {2}.+\n {4}\S.+\n {4}\S.+$/)
  })
}

test('what tests may do: look to the right through a door, and import a conformance suite', (t) => {
  const findings = check(t, {
    'packages/dure/src/data/database.conformance.ts': `export const suite = 1\n`,
    'packages/dure/src/contract/wire.test.ts': `import { outbox } from '../data/data.ts'\nexport const seen = outbox\n`,
    'packages/dure/src/contract/suite.test.ts': `import { suite } from '../data/database.conformance.ts'\nexport const seen = suite\n`,
  })
  assert.deepEqual(findings, [])
})

test('a workspace without a file is found, and so is a tree without any', (t) => {
  assert.match(
    describe(check(t, { 'packages/tools/cli/src/cli.ts': undefined, 'packages/tools/cli/src/commands/start.ts': undefined })[0]!),
    /packages\/tools\/cli.*something to check/,
  )
  const folder = mkdtempSync(join(tmpdir(), 'dure-layering-'))
  t.after(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'package.json'), '{}')
  assert.deepEqual(
    checkLayering(folder).findings.map(({ rule }) => rule),
    ['something to check', 'something to check'],
  )
})
