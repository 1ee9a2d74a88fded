import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { importFile } from './load.ts'
import { dure, linkLibrary, temporary } from './shell.test-support.ts'

/** A service that counts to `most`, and a simulation that finds out when it goes on. */
function systemFile(most: number, simulation = 'simulation'): string {
  const folder = temporary()
  linkLibrary(folder)
  writeFileSync(
    join(folder, 'system.ts'),
    `
import { command, contract } from 'dure/contract'
import { database } from 'dure/data'
import { service, system } from 'dure/service'
import { z } from 'zod'
const Counter = contract('counter', {
  version: '1.0.0', owner: 'tests',
  operations: { add: command({ input: z.object({ id: z.string() }), idempotent: true }) },
})
export default system('counting', { services: [service(Counter, {
  database: database<{ counted: { id: string } }>({ migrations: { '1': 'CREATE TABLE counted (id TEXT PRIMARY KEY)' } }),
  handlers: { add: ({ id }, { database }) => database.transaction((tx) =>
    tx.insertInto('counted').values({ id }).onConflict((same) => same.doNothing()).execute().then(() => {})) },
})] })
export const ${simulation} = {
  load: { duration: 4000, clients: 2, pause: 300,
    step: ({ client, user, number }) => client(Counter).add({ id: user + '-' + number }, { timeout: 1000 }) },
  invariants: { 'it counts no further than it may': ({ rows }) => {
    const { length } = rows('counter', 'SELECT id FROM counted')
    if (length > ${most}) throw new Error('it counted to ' + length + '\\n\\n+ one\\n- none')
  } },
}
`,
  )
  return folder
}

test('sim runs seeds, says what was seen and what never was', { timeout: 300_000 }, async () => {
  const { code, out, err } = await dure(['sim', '--seeds', '6', '--from', '5', '--threads', '2'], { cwd: systemFile(1_000) })
  assert.equal(code, 0, out + err)
  assert.match(out, /^6 seeds: 6 held, 0 did not; \d+ run twice with the same result\n/)
  assert.match(out, /^(Seen|Faults) +seeds +times$/m)
  assert.match(out, /^Faults( +seeds +times)?\n\w[\w ]+ +\d+ +\d+$/m)
  assert.match(out, /^Never seen\n( {2,4}\S.*\n)+$/m)
  for (const line of out.split('\n')) assert.ok(line.length <= 80, line)
  assert.match(err, /^Running 6 seeds from 5\n/)
})

test('sim shows a seed that fails, as small as it can be made, and how to see it again', { timeout: 300_000 }, async () => {
  const cwd = systemFile(0)
  const { code, out, err } = await dure(['sim', 'system.ts', '--seeds', '1', '--threads', '1'], { cwd })
  assert.equal(code, 1, out + err)
  // What an assertion says stands below its seed, in whole once.
  assert.match(
    out,
    /^seed 1, \w+: "it counts no further than it may" does not hold: it counted to 1\n {2}\+ one\n {2}- none\n\nThe smallest/m,
  )
  assert.doesNotMatch(err, /one/)
  assert.match(out, /^The smallest such run of \d+ has 0 faults and 1 step of users:$/m)
  assert.match(out, /^ +\d+\.\d{4} {2}clients +step user \d step \d+$/m)
  assert.match(out, /\nShow it again: dure sim system\.ts --replay 1\n$/)

  const again = await dure(['sim', 'system.ts', '--replay', '1'], { cwd })
  assert.equal(again.code, 1)
  assert.match(
    again.out,
    /\nseed 1, \w+: "it counts no further than it may" does not hold: it counted to \d+\n {2}\+ one\n {2}- none\n$/,
  )
  const replay = await dure(['sim', '--replay', '1', '--json'], { cwd })
  const outcome = JSON.parse(replay.out) as { kind: string; lines: readonly unknown[] }
  assert.deepEqual([replay.code, outcome.kind, outcome.lines.length > 0], [1, 'violated', true])
})

test('sim says beforehand when memory of modules outlives a crash', { timeout: 300_000 }, async () => {
  const cwd = systemFile(1_000)
  writeFileSync(
    join(cwd, 'made.ts'),
    "import system, { simulation as named } from './system.ts'\nexport const simulation = () => ({ ...named, system: () => system })\n",
  )
  const { code, err } = await dure(['sim', 'made.ts', '--seeds', '1', '--threads', '1'], { cwd })
  assert.equal(code, 0, err)
  assert.match(err, /^The simulation makes its system itself, so what modules keep in memory outlives a crash within a run;/)
})

test('sim gives its report as JSON, without the lines of its runs', { timeout: 300_000 }, async () => {
  const { code, out } = await dure(['sim', '--seeds', '2', '--threads', '1', '--json', '--faults', 'crash'], {
    cwd: systemFile(0),
  })
  assert.equal(code, 1)
  const report = JSON.parse(out) as { seeds: number; failures: { seed: number; kinds: string[]; lines?: unknown }[] }
  assert.equal(report.seeds, 2)
  assert.deepEqual(
    report.failures.map(({ seed }) => seed),
    [1, 2],
  )
  for (const { kinds, lines } of report.failures) assert.ok(lines === undefined && kinds.every((kind) => kind === 'crash'))
})

test('sim refuses what it cannot use', async () => {
  const cwd = systemFile(1_000, 'other')
  for (const [args, words] of [
    [['--faults', 'moonlight'], /Cannot simulate faults of kind "moonlight": there are "crash"/],
    [['--seeds', '0'], /"0" is not a whole number/],
    [['nowhere.ts'], /there is no such file/],
    [[], /it exports no simulation; add: export const simulation/],
  ] as const) {
    const { code, err } = await dure(['sim', ...args], { cwd })
    assert.equal(code, 2, args.join(' '))
    assert.match(err, words)
  }
})

test('a file with a mistake is told with its place, and nothing hangs', { timeout: 300_000 }, async () => {
  const begin = `import { contract, command } from 'dure/contract'\nimport { service, system } from 'dure/service'\n`
  const plain = `${begin}const C = contract('c', { version: '1.0.0', owner: 'o', operations: { rest: command({}) } })
const made = () => system('s', { services: [service(C, { handlers: { rest() {} } })] })\n`
  const cases: readonly (readonly [text: string, code: number, words: RegExp])[] = [
    ['undefined.x', 1, /^Cannot load "system\.ts": Cannot read properties of undefined[^]*system\.ts:1/],
    ['throw "no luck"', 1, /^Cannot load "system\.ts": it threw no luck$/m],
    ['export const simulation = () => { throw new Error("no dice") }', 1, /^Cannot simulate "system\.ts": no dice$/m],
    [
      `${plain}export default made()\nexport const simulation = { load: { clients: 0, step() {} }, invariants: {} }`,
      2,
      /^Cannot simulate: load\.clients is 0; give a whole number of users/,
    ],
    [
      `${plain}export default () => { throw new Error("no system today") }\nexport const simulation = { load: { step: async () => {} }, invariants: {} }`,
      1,
      /Cannot simulate "system\.ts": no system today/,
    ],
  ]
  for (const [text, code, words] of cases) {
    const cwd = temporary()
    linkLibrary(cwd)
    writeFileSync(join(cwd, 'system.ts'), text)
    const answer = await dure(['sim', '--seeds', '2', '--threads', '1'], { cwd })
    assert.equal(answer.code, code, answer.err)
    assert.match(answer.err, words)
  }
  const beyond = await dure(['sim', '--from', '4294967295', '--seeds', '2'], { cwd: systemFile(1_000) })
  assert.equal(beyond.code, 2)
  assert.match(beyond.err, /^Cannot run 2 seeds from 4294967295: the last seed there is is 4294967295$/m)
})

test('a file that never finishes loading is said so', { timeout: 300_000 }, async () => {
  const file = join(temporary(), 'system.ts')
  writeFileSync(file, 'await new Promise(() => {})\n')
  await assert.rejects(importFile(file, 'system.ts', 20), {
    message: /^Cannot load "system\.ts": it has not finished after 0\.02 s; an await/,
  })
})

test(
  'sim with copies finds a service that keeps its state in memory, as the guide on scaling shows',
  { timeout: 300_000 },
  async () => {
    const guide = readFileSync(new URL('../../../../docs/guides/scaling.md', import.meta.url), 'utf8')
    const [, file] = /```ts\n(\/\/ counter\.ts\n[^`]*(?:`[^`]+`[^`]*)*?)```\n/.exec(guide)!
    const [, shown] = /```\n(seed 1, [^`]*)```/.exec(guide)!
    const cwd = temporary()
    linkLibrary(cwd)
    writeFileSync(join(cwd, 'counter.ts'), file!)
    const sim = (...args: readonly string[]) => dure(['sim', 'counter.ts', '--threads', '1', ...args], { cwd })
    const alone = await sim('--seeds', '2', '--faults', 'delay')
    assert.equal(alone.code, 0, alone.out + alone.err)
    const copies = await sim('--seeds', '2', '--replicas', 'counter=2')
    assert.equal(copies.code, 1, copies.out + copies.err)
    assert.ok(copies.out.endsWith(shown!), copies.out)
  },
)
